"""The call path as a whole, against a scripted provider that refuses unexpected requests."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llms.budget import Budget
from llms.calls import Call, Reply
from llms.client import Client
from llms.failures import CallError, FailureClass, ProviderError, StoreError
from llms.limits import Limiters
from llms.offline.app import QUICK
from llms.patience import MOST_TRIES
from llms.pricing import worst_case_usd
from llms.responses import ResponseStore
from schemas.answers import ROUTE, route_schema
from schemas.providers import Provider
from schemas.roles import Model, Resolution, Role

KEY = "sk-test-alpha-0123456789"
GOOD = '{"document_type":"invoice","confidence":0.9}'

Handler = Callable[[dict[str, Any]], httpx2.Response | Exception]


def make_model(slug: str = "small", **changes: Any) -> Model:
    """A priced model at provider alpha."""
    usual = {
        "name": slug.title(),
        "creator": "Somebody",
        "provider": "alpha",
        "api_id": slug,
        "input_price": 1.0,
        "cached_input_price": 0.1,
        "output_price": 4.0,
    }
    return Model(slug=slug, **{**usual, **changes})


def make_call(user: str = "What is it?", **changes: Any) -> Call:
    """A routing call."""
    usual: dict[str, Any] = {
        "role": Role.EXTRACTION_WORKER,
        "stage": "route",
        "system": "You sort documents.",
        "user": user,
        "schema_name": ROUTE,
        "schema": route_schema(["invoice", "other"]),
        "doc_id": "d1",
        "max_output_tokens": 100,
    }
    return Call(**{**usual, **changes})


def make_completion(
    content: str = GOOD, *, finish_reason: str = "stop", usage: Any = ..., **message: Any
) -> httpx2.Response:
    """A chat completion of 1,000 input tokens (400 cached) and 50 output tokens."""
    body: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
    }
    if usage is ...:
        usage = {
            "prompt_tokens": 1000,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 400},
            "completion_tokens_details": {"reasoning_tokens": 20},
        }
    if usage is not None:
        body["usage"] = usage
    return httpx2.Response(200, json=body)


USD = (600 * 1.0 + 400 * 0.1 + 50 * 4.0) / 1e6
"""What `make_completion` costs with `make_model`."""


def make_error(status: int, message: str = "no", **more: Any) -> httpx2.Response:
    """An error response in OpenAI's shape; `headers` go to the response."""
    headers = more.pop("headers", None)
    return httpx2.Response(status, json={"error": {"message": message, **more}}, headers=headers)


class VirtualTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Bench:
    """A client, its parts, and providers whose answers are scripted per provider."""

    def __init__(self, folder: Path, *models: Model, **settings: Any) -> None:
        self.time = VirtualTime()
        self.requests: list[dict[str, Any]] = []
        self.unexpected: list[str] = []
        self.scripts: dict[str, list[Any]] = {}
        self.url = f"sqlite:///{folder / 'responses.db'}"
        roles = settings.pop("roles", None) or {Role.EXTRACTION_WORKER: models or (make_model(),)}
        self.resolution = Resolution(
            profile="test",
            roles=roles,
            verifiers=settings.pop("verifiers", ()),
            baseline=None,
            catalog_version="1",
            catalog_sha256="0",
        )
        self.names = sorted({model.provider for ranked in roles.values() for model in ranked})
        self.cap_usd = settings.pop("cap_usd", None)
        self.settings = settings
        self.store = ResponseStore(self.url)
        self.limiters = Limiters(clock=self.time, sleep=self.time.sleep)
        self.budget = Budget(self.store, "run-1", cap_usd=self.cap_usd)
        self.clients: list[Client] = []

    def script(self, *answers: httpx2.Response | Exception | Handler, at: str = "alpha") -> None:
        """What a provider answers, one after another."""
        self.scripts.setdefault(at, []).extend(answers)

    def make_client(self, **changes: Any) -> Client:
        """A client of this bench, as of one run in one process."""
        usual: dict[str, Any] = {
            "run_id": "run-1",
            "resolution": self.resolution,
            "store": self.store,
            "budget": self.budget,
            "limiters": self.limiters,
            "providers": {
                name: Provider(name=name, base_url=f"http://{name}/v1", key_env="TEST_KEY")
                for name in self.names
            },
            "env": {"TEST_KEY": KEY},
            "clock": self.time,
            "sleep": self.time.sleep,
            "rng": random.Random(1),
            "transports": {name: httpx2.MockTransport(self._handler(name)) for name in self.names},
            **self.settings,
        }
        client = Client(**{**usual, **changes})
        self.clients.append(client)
        return client

    def ask(self, *calls: Call, client: Client | None = None) -> list[Reply]:
        """Ask all calls at once; the first error is raised."""

        async def scenario() -> list[Reply]:
            asked = client or self.make_client()
            try:
                return list(await asyncio.gather(*(asked(call) for call in calls)))
            finally:
                await asked.aclose()

        return asyncio.run(scenario())

    def fail(self, call: Call | None = None) -> CallError:
        """Ask a call that must fail."""
        with pytest.raises(CallError) as caught:
            self.ask(call or make_call())
        return caught.value

    @property
    def rows(self) -> list[tuple[str, str, int | None]]:
        """Model, outcome and status of every row of the last client's ledger."""
        return [(row.model, row.outcome, row.status) for row in self.clients[-1].attempts]

    def _handler(self, name: str) -> Callable[[httpx2.Request], httpx2.Response]:
        def handle(request: httpx2.Request) -> httpx2.Response:
            body = json.loads(request.content)
            self.requests.append(body)
            script = self.scripts.get(name) or []
            if not script:
                self.unexpected.append(f"{name}: {body}")
                return make_error(418, "unexpected")
            step = script.pop(0)
            answer = step(body) if callable(step) else step
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, httpx2.Response)
            return answer

        return handle

    def check(self) -> None:
        """Nothing unexpected was sent, nothing expected was left, the books of money agree."""
        assert self.unexpected == []
        assert [step for script in self.scripts.values() for step in script] == []
        assert self.budget.reserved_usd == 0
        for client in self.clients:
            for row in client.attempts:
                assert KEY not in repr(row)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches and checks them when the test is over."""
    benches: list[Bench] = []

    def make(*models: Model, **settings: Any) -> Bench:
        benches.append(Bench(tmp_path, *models, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.store.close()
        bench.check()


MakeBench = Callable[..., Bench]


def test_an_answer_is_validated_priced_booked_and_stored(make_bench: MakeBench) -> None:
    bench = make_bench(cap_usd=1.0)
    bench.script(make_completion())

    [reply] = bench.ask(make_call())

    assert reply == Reply(
        {"document_type": "invoice", "confidence": 0.9}, "small", USD, False, 1, None
    )
    [row] = bench.clients[0].attempts
    assert (row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens) == (
        1000,
        400,
        50,
        20,
    )
    assert (row.usd, row.usd_is_upper_bound, row.outcome, row.status) == (USD, False, "ok", 200)
    assert (row.input_price, row.cached_input_price, row.output_price) == (1.0, 0.1, 4.0)
    assert (row.role, row.stage, row.doc_id, row.number) == ("extraction_worker", "route", "d1", 1)
    assert bench.store.spent("run-1") == pytest.approx(USD)
    assert bench.budget.spent_usd == pytest.approx(USD)


def test_the_request_is_what_the_design_asks_for(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())
    bench.ask(make_call())

    assert bench.requests == [
        {
            "model": "small",
            "messages": [
                {"role": "system", "content": "You sort documents."},
                {"role": "user", "content": "What is it?"},
            ],
            "max_completion_tokens": 100,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": ROUTE,
                    "strict": True,
                    "schema": route_schema(["invoice", "other"]),
                },
            },
        }
    ]


@pytest.mark.parametrize(
    ("effort", "factor", "expected"),
    [
        ("high", 3.0, {"reasoning_effort": "high", "max_completion_tokens": 300}),
        ("none", 1.0, {"reasoning_effort": "none", "temperature": 0}),
        ("default", 2.0, {"max_completion_tokens": 200}),
    ],
)
def test_a_thinking_model_is_given_effort_and_room_and_no_temperature(
    make_bench: MakeBench, effort: str, factor: float, expected: dict[str, Any]
) -> None:
    bench = make_bench(make_model(effort=effort, thinking_factor=factor))
    bench.script(make_completion())
    bench.ask(make_call())

    names = {"reasoning_effort", "temperature", "max_completion_tokens"}
    sent = {name: value for name, value in bench.requests[0].items() if name in names}
    assert sent == {"max_completion_tokens": 100, **expected}


def test_the_same_request_is_free_in_a_later_run(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())
    bench.ask(make_call())

    [reply] = bench.ask(make_call(doc_id="d2"), client=bench.make_client(run_id="run-2"))

    assert (reply.usd, reply.from_store, reply.attempts) == (USD, True, 0)
    [row] = bench.clients[1].attempts
    assert (row.from_store, row.usd, row.stored_usd, row.input_tokens) == (True, 0, USD, 1000)
    assert (row.doc_id, row.run_id, row.number) == ("d2", "run-2", 0)
    assert bench.store.spent("run-2") == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "And this?"},
        {"system": "You sort letters."},
        {"max_output_tokens": 101},
        {"schema": route_schema(["invoice", "letter"])},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_question_is_asked_anew(make_bench: MakeBench, changes: Mapping[str, Any]) -> None:
    bench = make_bench()
    bench.script(make_completion(), make_completion())

    bench.ask(make_call())
    bench.ask(make_call(**changes))

    assert len(bench.requests) == 2


def test_identical_questions_at_once_are_sent_once(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())

    replies = bench.ask(*(make_call(doc_id=f"d{at}") for at in range(5)))

    assert [reply.from_store for reply in replies] == [False, True, True, True, True]
    assert {reply.usd for reply in replies} == {USD}
    assert sum(row.usd for row in bench.clients[0].attempts) == pytest.approx(USD)
    assert sorted(row.doc_id or "" for row in bench.clients[0].attempts) == [
        "d0",
        "d1",
        "d2",
        "d3",
        "d4",
    ]


def test_identical_questions_at_once_share_the_failure(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_error(400, "nonsense"))

    async def scenario() -> list[Any]:
        client = bench.make_client()
        calls = [client(make_call()) for _ in range(3)]
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = asyncio.run(scenario())

    assert [error.failure_class for error in errors] == [FailureClass.BAD_REQUEST] * 3


def test_who_waits_for_a_cancelled_question_asks_it(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())

    async def scenario() -> Reply:
        client = bench.make_client()
        gate = asyncio.Event()

        async def held(seconds: float) -> None:
            await gate.wait()

        # The first question hangs before it is sent: its limiter has nothing to give.
        limiter = client._sender.limiter(bench.resolution.model(Role.EXTRACTION_WORKER))
        limiter.requests_per_minute, limiter._sleep = 1, held
        limiter.settle(await limiter.acquire(0), 0)
        first = asyncio.create_task(client(make_call()))
        second = asyncio.create_task(client(make_call()))
        for _ in range(5):
            await asyncio.sleep(0)
        limiter.requests_per_minute = None
        first.cancel()
        return await second

    assert asyncio.run(scenario()).attempts == 1


def test_a_call_over_the_budget_is_not_sent(make_bench: MakeBench) -> None:
    bench = make_bench(cap_usd=1e-6)

    error = bench.fail()

    assert error.failure_class is FailureClass.BUDGET
    assert bench.requests == []
    assert bench.clients[0].attempts == []
    assert bench.store.spent("run-1") == 0


def test_a_stored_answer_is_had_without_any_budget(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())
    bench.ask(make_call())

    nothing = Budget(bench.store, "run-1", cap_usd=0)
    [reply] = bench.ask(make_call(), client=bench.make_client(budget=nothing))

    assert reply.from_store


def test_the_worst_case_is_in_the_spend_book_before_anything_is_sent(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    booked: list[float] = []

    def look(body: dict[str, Any]) -> httpx2.Response:
        booked.append(bench.store.spent("run-1"))
        return make_completion()

    bench.script(look)
    bench.ask(make_call())

    [before] = booked
    sent = len(json.dumps(bench.requests[0], separators=(",", ":")))
    worst_usd = worst_case_usd(make_model(), sent, 100)
    assert worst_usd <= before <= 1.26 * worst_usd  # a lease holds a little more than it needs
    assert bench.store.spent("run-1") == pytest.approx(USD)


def test_free_models_leave_no_trace_in_the_spend_book(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(input_price=0, cached_input_price=0, output_price=0))
    bench.script(make_completion())

    [reply] = bench.ask(make_call())

    assert (reply.usd, bench.store.spent("run-1")) == (0, 0)


@pytest.mark.parametrize("name", ["input_price", "output_price"])
def test_an_unknown_price_stops_before_the_first_call(make_bench: MakeBench, name: str) -> None:
    bench = make_bench(make_model(), make_model("other", **{name: None}))

    with pytest.raises(ProviderError, match="price of model 'other' is not known"):
        bench.make_client()


def test_a_missing_key_stops_before_the_first_call(make_bench: MakeBench) -> None:
    with pytest.raises(ProviderError, match="TEST_KEY"):
        make_bench().make_client(env={})


def test_a_key_that_is_none_is_refused_without_being_shown(make_bench: MakeBench) -> None:
    with pytest.raises(ProviderError, match="holds characters") as caught:
        make_bench().make_client(env={"TEST_KEY": "sk-\u201csecret-key\u201d"})

    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://host:port/v1", "host/v1", "https:///v1", ""])
def test_a_base_url_that_is_none_is_named(make_bench: MakeBench, base_url: str) -> None:
    bench = make_bench()
    provider = Provider(name="alpha", base_url=base_url, key_env="TEST_KEY")
    client = bench.make_client(providers={"alpha": provider})

    with pytest.raises(ProviderError, match=r"the base URL '.*' of provider alpha is not one"):
        bench.ask(make_call(), client=client)

    assert bench.store.spent("run-1") == 0


def test_the_offline_engines_are_reached_like_any_provider(make_bench: MakeBench) -> None:
    model = make_model(QUICK, provider="offline", kind="rules", input_price=0, output_price=0)
    bench = make_bench(model)
    provider = Provider(name="offline", base_url="http://offline/v1", in_process=True)
    client = bench.make_client(providers={"offline": provider}, transports=None, env={})

    [reply] = bench.ask(make_call(), client=client)

    assert (reply.model, reply.usd, reply.attempts) == (QUICK, 0, 1)


def test_an_engine_that_fails_on_a_document_is_not_asked_again(make_bench: MakeBench) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("a bug")

    bench = make_bench(make_model(input_price=0, output_price=0))
    client = bench.make_client(
        providers={"alpha": Provider(name="alpha", base_url="http://a/v1", in_process=True)},
        transports={"alpha": httpx2.ASGITransport(app=app)},
    )

    with pytest.raises(CallError, match=r"ZeroDivisionError: a bug") as caught:
        bench.ask(make_call(), client=client)

    assert caught.value.failure_class is FailureClass.INVALID_ANSWER
    assert bench.time.slept == []


def test_a_rate_limit_is_waited_out_with_the_same_model(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other"))
    bench.script(
        make_error(429, headers={"retry-after": "7"}),
        make_error(429, headers={"retry-after-ms": "300"}),
        make_completion(),
    )

    [reply] = bench.ask(make_call())

    assert (reply.model, reply.attempts, reply.usd) == ("small", 3, USD)
    assert [row.usd for row in bench.clients[0].attempts] == [0, 0, USD]
    assert 7 <= bench.time.slept[0] <= 7.8
    assert 0.3 <= bench.time.slept[1] <= 0.4


def test_an_exhausted_quota_goes_to_the_next_provider_without_a_pause(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(make_model(), make_model("sibling"), make_model("other", provider="beta"))
    bench.script(make_error(429, code="insufficient_quota"))
    bench.script(make_completion(), at="beta")

    [reply] = bench.ask(make_call())

    assert (reply.model, bench.time.slept) == ("other", [])
    assert bench.rows == [("small", "quota_exhausted", 429), ("other", "ok", 200)]


def test_an_exhausted_quota_without_another_provider_is_raised(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("sibling"))
    bench.script(make_error(429, "You exceeded your current quota", code="insufficient_quota"))

    error = bench.fail()

    assert error.failure_class is FailureClass.QUOTA_EXHAUSTED
    assert "exceeded your current quota" in str(error)


@pytest.mark.parametrize(
    ("trouble", "failure_class"),
    [
        (make_error(503), FailureClass.OVERLOADED),
        (make_error(500), FailureClass.OVERLOADED),
        (httpx2.ConnectError("refused"), FailureClass.CONNECTION),
    ],
)
def test_trouble_is_repeated_with_pauses_then_failed_over_then_raised(
    make_bench: MakeBench, trouble: Any, failure_class: FailureClass
) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[trouble] * MOST_TRIES)
    bench.script(*[trouble] * MOST_TRIES, at="beta")

    error = bench.fail()

    assert error.failure_class is failure_class
    assert len(bench.time.slept) == 2 * (MOST_TRIES - 1)
    assert bench.budget.spent_usd == 0


def test_after_a_failover_the_answer_names_who_gave_it(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * MOST_TRIES)
    bench.script(make_completion(), at="beta")

    [reply] = bench.ask(make_call())

    assert (reply.model, reply.attempts) == ("other", MOST_TRIES + 1)


def test_an_answer_by_failover_is_found_again(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * MOST_TRIES)
    bench.script(make_completion(), at="beta")
    bench.ask(make_call())

    [reply] = bench.ask(make_call())

    assert (reply.model, reply.from_store) == ("other", True)


def test_a_timeout_counts_at_its_worst_case_and_is_repeated_once(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(httpx2.ReadTimeout("hung"), make_completion())

    [reply] = bench.ask(make_call())

    lost, answered = bench.clients[0].attempts
    assert (lost.outcome, lost.usd_is_upper_bound, lost.status) == ("timeout", True, None)
    assert lost.usd > 0
    assert reply.usd == pytest.approx(lost.usd + answered.usd)
    assert bench.store.spent("run-1") == pytest.approx(reply.usd)
    assert bench.budget.spent_usd == pytest.approx(reply.usd)


def test_what_a_timeout_may_have_cost_is_remembered_with_the_answer(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(httpx2.ReadError("reset"), make_completion())
    [first] = bench.ask(make_call())

    [again] = bench.ask(make_call())

    assert again.usd == pytest.approx(first.usd)


def test_two_timeouts_are_enough(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(httpx2.ReadTimeout("hung"), httpx2.ReadTimeout("hung"))

    assert bench.fail().failure_class is FailureClass.TIMEOUT


@pytest.mark.parametrize("content", [b"<html>Bad gateway</html>", b"", b"[]", b'{"choices": []}'])
def test_a_body_that_is_no_completion_may_have_cost(make_bench: MakeBench, content: bytes) -> None:
    bench = make_bench()
    bench.script(httpx2.Response(200, content=content), make_completion())

    bench.ask(make_call())

    assert bench.rows[0] == ("small", "connection", 200)
    assert bench.clients[0].attempts[0].usd_is_upper_bound


def test_an_answer_without_usage_counts_at_its_worst_case(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion(usage=None))

    bench.ask(make_call())

    [row] = bench.clients[0].attempts
    assert row.usd_is_upper_bound
    assert row.usd > USD / 2
    assert row.input_tokens > 0


def test_a_truncated_answer_is_never_asked_for_again(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(make_completion(GOOD[:-9], finish_reason="length"))

    first, second = bench.fail(), bench.fail()

    assert (first.failure_class, first.raw_answer) == (FailureClass.TRUNCATED, GOOD[:-9])
    assert second.failure_class is FailureClass.TRUNCATED
    assert bench.budget.spent_usd == pytest.approx(USD)
    assert bench.rows == [("small", "truncated", None)]


def test_a_complete_answer_is_used_although_blanks_ran_into_the_limit(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(make_completion(GOOD + "\n" * 50, finish_reason="length"))

    [reply] = bench.ask(make_call())

    assert reply.data["document_type"] == "invoice"


def test_a_fenced_answer_is_repaired_for_free(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion(f"Sure:\n```json\n{GOOD}\n```"))

    [reply] = bench.ask(make_call())

    assert (reply.attempts, reply.data["confidence"]) == (1, 0.9)


def test_an_invalid_answer_is_asked_for_once_more_with_the_error(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion('{"document_type":"poem"}'), make_completion())

    [reply] = bench.ask(make_call())

    assert reply.attempts == 2
    assert reply.usd == pytest.approx(2 * USD)
    assert bench.rows == [("small", "invalid_answer", 200), ("small", "ok", 200)]
    messages = bench.requests[1]["messages"]
    assert messages[:2] == bench.requests[0]["messages"]
    assert messages[2] == {"role": "assistant", "content": '{"document_type":"poem"}'}
    assert "document_type: Input should be 'invoice' or 'other'" in messages[3]["content"]


def test_two_invalid_answers_are_enough_and_both_are_kept(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(make_completion("no"), make_completion("never"))

    first, second = bench.fail(), bench.fail()

    for error in (first, second):
        assert (error.failure_class, error.raw_answer) == (FailureClass.INVALID_ANSWER, "never")
    assert bench.budget.spent_usd == pytest.approx(2 * USD)


def test_a_refusal_is_raised_with_its_words(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion("", refusal="I would rather not."))

    error = bench.fail()

    assert (error.failure_class, error.raw_answer) == (
        FailureClass.REFUSED,
        "I would rather not.",
    )
    assert bench.budget.spent_usd == pytest.approx(USD)


@pytest.mark.parametrize(
    ("answer", "failure_class"),
    [
        (make_completion("{", finish_reason="content_filter"), FailureClass.CONTENT_FILTER),
        (make_error(400, code="content_filter"), FailureClass.CONTENT_FILTER),
        (make_error(400, code="context_length_exceeded"), FailureClass.CONTEXT_TOO_LONG),
        (make_error(400, "messages: wrong"), FailureClass.BAD_REQUEST),
        (make_error(401, f"Incorrect API key provided: {KEY}"), FailureClass.AUTH),
    ],
)
def test_what_cannot_be_helped_is_raised_at_once(
    make_bench: MakeBench, answer: httpx2.Response, failure_class: FailureClass
) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(answer)

    error = bench.fail()

    assert error.failure_class is failure_class
    assert bench.time.slept == []
    chain: BaseException | None = error
    while chain is not None:
        assert KEY not in f"{chain} {chain!r}"
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


def test_a_model_that_is_gone_is_replaced_by_the_next(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other"))
    bench.script(
        make_error(404, "The model `small` does not exist", code="model_not_found"),
        make_completion(),
    )

    [reply] = bench.ask(make_call())

    assert reply.model == "other"


def test_a_rejected_response_format_is_remembered_and_replaced_by_words(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(
        make_error(400, "response_format is not supported", param="response_format"),
        make_completion(),
        make_completion(),
    )

    bench.ask(make_call())
    bench.ask(make_call("another"))

    assert ["response_format" in request for request in bench.requests] == [True, False, False]
    system = bench.requests[1]["messages"][0]["content"]
    assert system.startswith("You sort documents.")
    assert '"enum":["invoice","other"]' in system


def test_the_key_of_a_request_does_not_depend_on_the_response_format(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(make_error(400, param="response_format"), make_completion())
    bench.ask(make_call())

    [reply] = bench.ask(make_call(), client=bench.make_client(limiters=Limiters()))

    assert reply.from_store


def test_a_rejected_output_limit_is_sent_under_its_old_name(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(
        make_error(400, "Unsupported parameter: 'max_completion_tokens'"), make_completion()
    )

    bench.ask(make_call())

    assert bench.requests[1]["max_tokens"] == 100
    assert "max_completion_tokens" not in bench.requests[1]


def test_a_parameter_that_is_rejected_although_it_was_left_out_stops_the_call(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(*[make_error(400, param="response_format")] * 2)

    assert bench.fail().failure_class is FailureClass.BAD_REQUEST


def test_a_model_to_avoid_is_passed_over(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other"))
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"small"})))

    assert reply.model == "other"


def test_the_same_model_at_another_effort_comes_after_another_model(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(
        make_model("small-low", api_id="small", effort="low"),
        make_model("small-high", api_id="small", effort="high"),
        make_model("other"),
    )
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"small-low"})))

    assert reply.model == "other"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({Role.REASONING_WORKER: "big", Role.FORMATTING_WORKER: "tiny"}, "big"),
        ({Role.TOOL_WORKER: "tool", Role.REASONING_WORKER: "big"}, "tool"),
        ({Role.FORMATTING_WORKER: "tiny"}, "tiny"),
    ],
)
def test_where_the_role_has_nobody_else_the_nearest_role_answers(
    make_bench: MakeBench, roles: dict[Role, str], expected: str
) -> None:
    ranked = {role: (make_model(slug),) for role, slug in roles.items()}
    bench = make_bench(roles={Role.EXTRACTION_WORKER: (make_model(),), **ranked})
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"small"})))

    assert reply.model == expected


def test_where_nobody_may_answer_nobody_is_asked(make_bench: MakeBench) -> None:
    bench = make_bench()

    error = bench.fail(make_call(avoid=frozenset({"small"})))

    assert error.failure_class is FailureClass.REFUSED
    assert "no model but small" in str(error)


def test_a_dead_provider_is_left_alone_once_its_breaker_is_open(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * 8)
    bench.script(*[make_completion() for _ in range(3)], at="beta")

    for at in range(3):
        bench.ask(make_call(f"document {at}"))

    # Five tries of the first call and three of the second open it; the third goes straight on.
    assert [row[0] for row in bench.rows] == ["other"]


def test_a_dead_provider_without_another_one_fails_calls_in_bounded_time(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.scripts["alpha"] = [make_error(503) for _ in range(100)]

    for at in range(6):
        assert bench.fail(make_call(f"document {at}")).failure_class is FailureClass.OVERLOADED

    assert bench.time.now - 1000 < 6 * 200
    assert len(bench.requests) < 6 * MOST_TRIES
    bench.scripts.clear()


def test_a_provider_that_recovers_is_used_again(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(*[make_error(503)] * 9, make_completion())

    bench.fail(make_call("first"))
    [reply] = bench.ask(make_call("second"))

    assert reply.model == "small"


def test_a_cancelled_call_counts_at_its_worst_case(make_bench: MakeBench) -> None:
    bench = make_bench()
    entered = asyncio.Event()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        client = bench.make_client(transports={"alpha": httpx2.MockTransport(hang)})
        task = asyncio.create_task(client(make_call()))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()

    asyncio.run(scenario())

    [row] = bench.clients[0].attempts
    assert (row.outcome, row.usd_is_upper_bound) == ("cancelled", True)
    assert bench.budget.spent_usd == pytest.approx(row.usd)
    assert bench.store.spent("run-1") == pytest.approx(row.usd)


def test_a_hanging_call_is_given_up_after_its_timeout(make_bench: MakeBench) -> None:
    bench = make_bench()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client_settings = {"transports": {"alpha": httpx2.MockTransport(hang)}, "timeout_s": 0.01}

    async def scenario() -> CallError:
        with pytest.raises(CallError) as caught:
            await bench.make_client(**client_settings)(make_call())
        return caught.value

    assert asyncio.run(scenario()).failure_class is FailureClass.TIMEOUT


def test_a_store_that_fails_stops_before_money_is_spent(make_bench: MakeBench) -> None:
    bench = make_bench()
    client = bench.make_client()
    bench.store.close()

    with pytest.raises(StoreError, match="closed"):
        bench.ask(make_call(), client=client)

    assert bench.requests == []


def test_logprobs_are_passed_on_and_kept(make_bench: MakeBench) -> None:
    body = json.loads(make_completion().content)
    body["choices"][0]["logprobs"] = {"content": [{"token": "{", "logprob": -0.25}]}
    bench = make_bench()
    bench.script(httpx2.Response(200, json=body))

    [first] = bench.ask(make_call())
    [again] = bench.ask(make_call())

    assert first.logprobs == again.logprobs == (("{", -0.25),)


def test_half_a_surrogate_pair_in_a_document_can_be_sent(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())

    bench.ask(make_call("broken \ud83d text"))

    assert bench.requests[0]["messages"][1]["content"] == "broken ? text"


FAULTS: tuple[Callable[[], Any], ...] = (
    make_completion,
    lambda: make_completion("nonsense"),
    lambda: make_completion(GOOD[:-5], finish_reason="length"),
    lambda: make_completion("", refusal="no"),
    lambda: make_completion(usage=None),
    lambda: make_error(429, headers={"retry-after": "3"}),
    lambda: make_error(429, code="insufficient_quota"),
    lambda: make_error(503),
    lambda: make_error(400, code="context_length_exceeded"),
    lambda: httpx2.ReadTimeout("hung"),
    lambda: httpx2.ReadError("reset"),
    lambda: httpx2.ConnectError("refused"),
    lambda: httpx2.Response(200, content=b"junk"),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(
    faults=st.lists(st.integers(0, len(FAULTS) - 1), min_size=1, max_size=12),
    cap_usd=st.floats(0, 0.02),
    calls=st.integers(1, 12),
)
def test_under_any_mix_of_faults_the_cap_holds_and_the_books_agree(
    tmp_path: Path, faults: list[int], cap_usd: float, calls: int
) -> None:
    folder = tmp_path / random.Random().randbytes(8).hex()
    bench = Bench(folder, make_model(), make_model("other", provider="beta"), cap_usd=cap_usd)
    sequence = iter(faults * 1000)
    for name in bench.names:
        bench.scripts[name] = [lambda body: FAULTS[next(sequence)]()] * 2000
    try:

        async def scenario() -> list[Any]:
            client = bench.make_client()
            asked = [client(make_call(f"document {at}")) for at in range(calls)]
            try:
                return await asyncio.gather(*asked, return_exceptions=True)
            finally:
                await client.aclose()

        outcomes = asyncio.run(scenario())

        assert all(isinstance(outcome, Reply | CallError) for outcome in outcomes)
        ledger = sum(row.usd for row in bench.clients[0].attempts)
        assert ledger <= cap_usd + 1e-9
        assert bench.budget.spent_usd == pytest.approx(ledger)
        assert bench.store.spent("run-1") == pytest.approx(ledger)
        assert bench.budget.reserved_usd == 0
        assert len(bench.requests) == len(bench.clients[0].attempts)
    finally:
        bench.store.close()


def test_a_verifier_of_another_family_comes_from_a_stronger_role_if_need_be(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(
        roles={
            Role.EXTRACTION_WORKER: (make_model("gpt-small"), make_model("gpt-other")),
            Role.REASONING_WORKER: (make_model("claude-big"),),
            Role.FORMATTING_WORKER: (make_model("qwen-tiny"),),
        }
    )
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"gpt-small"})))

    assert reply.model == "claude-big"


def test_the_verifiers_of_a_run_come_before_the_roles_own_models(make_bench: MakeBench) -> None:
    bench = make_bench(
        make_model("gpt-small"),
        make_model("qwen-second"),
        verifiers=(make_model("claude-checker"), make_model("gpt-other")),
    )
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"gpt-small"})))

    assert reply.model == "claude-checker"


def test_kin_checks_where_nobody_else_can(make_bench: MakeBench) -> None:
    bench = make_bench(make_model("gpt-small"), make_model("gpt-other"))
    bench.script(make_completion())

    [reply] = bench.ask(make_call(avoid=frozenset({"gpt-small"})))

    assert reply.model == "gpt-other"
