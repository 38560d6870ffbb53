"""A client against scripted providers that refuse unexpected requests."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llms.breaker import Breakers
from llms.budget import Budget
from llms.calls import Call, Reply
from llms.client import Client
from llms.failures import CallError
from llms.limits import Limiters
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
        self.breakers = Breakers(clock=self.time)
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
            "breakers": self.breakers,
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


def benches(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches and checks them afterwards: `make_bench = pytest.fixture(benches)`."""
    benches: list[Bench] = []

    def make(*models: Model, **settings: Any) -> Bench:
        benches.append(Bench(tmp_path, *models, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.store.close()
        bench.check()


MakeBench = Callable[..., Bench]
