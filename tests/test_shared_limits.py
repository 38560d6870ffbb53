"""One limit for several processes: never passed, whoever is killed, and fairly shared."""

import asyncio
import queue
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.failures import StoreError
from llms.limit_book import Grant, LimitBook
from llms.limit_share import Need
from llms.limiter import Limiter
from llms.limits import Limiters
from llms.model_rates import Amounts
from llms.responses import ResponseStore
from llms.shared_limits import Question, SharedLimits, limit_name
from schemas.providers import Provider as Declared
from tests.rationed import Book, Provider, Seen, make_limiter, run, work

SECRET = "sk-very-secret-key"


class Process(NamedTuple):
    """A process: whom it works for, how busy it is, and when it comes and is killed."""

    job: str
    workers: int = 32
    starts_at: float = 0.0
    killed_at: float | None = None


class Outcome(NamedTuple):
    """What the provider saw, what each job got after a time, and how often the book was asked."""

    seen: Seen
    answered: Counter[str]
    questions: int


def share_out(
    limits: dict[str, Any],
    *processes: Process,
    configured: dict[str, Any] | None = None,
    until_s: float = 240.0,
    counted_from_s: float = 0.0,
    seed: int = 1,
) -> Outcome:
    """Have processes call one provider, and share its limits."""

    async def scenario() -> Outcome:
        rng = random.Random(seed)
        provider = Provider(limits, rng)
        book = Book(rng)
        answered: Counter[str] = Counter()
        clock = asyncio.get_running_loop().time

        class Counting(Provider):
            def __init__(self, job: str) -> None:
                self.__dict__ = {**provider.__dict__, "job": job}

            async def answer(self, *call: int) -> tuple[bool, dict[str, str]]:
                is_answered, headers = await super().answer(*call)
                if is_answered and clock() >= counted_from_s:
                    answered[self.__dict__["job"]] += 1
                return is_answered, headers

        async def live(number: int, process: Process) -> None:
            await asyncio.sleep(process.starts_at)
            name = f"p{number}"
            limiter = make_limiter(share=book.share(name, process.job), **(configured or {}))
            life = asyncio.create_task(
                work(Counting(process.job), limiter, workers=process.workers, until_s=until_s)
            )
            if process.killed_at is None:
                await life
            else:
                await asyncio.sleep(process.killed_at - process.starts_at)
                book.killed.add(name)
                life.cancel()
                await asyncio.wait([life])

        await asyncio.gather(*(live(*one) for one in enumerate(processes)))
        return Outcome(provider.seen, answered, book.questions)

    return run(scenario())


PROCESSES = st.lists(
    st.builds(
        Process,
        job=st.sampled_from("ab"),
        workers=st.integers(1, 24),
        starts_at=st.floats(0, 60),
        killed_at=st.none() | st.floats(61, 140),
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=12)
@given(processes=PROCESSES, requests=st.integers(30, 400), seed=st.integers(0, 10**6))
def test_processes_that_are_killed_never_pass_the_limit_together(
    processes: list[Process], requests: int, seed: int
) -> None:
    limits = {"requests_per_minute": requests}

    outcome = share_out(limits, *processes, configured=limits, until_s=150, seed=seed)

    assert outcome.seen.refused == []
    assert outcome.seen.fullest()[0] <= requests


@settings(max_examples=40)
@given(
    asked=st.lists(
        st.tuples(st.floats(0, 2), st.sampled_from("pqrs"), st.integers(1, 300), st.floats(0, 1)),
        max_size=200,
    ),
    limit=st.integers(300, 2000),
)
def test_the_book_never_grants_more_than_the_limit_in_a_minute(
    asked: list[tuple[float, str, int, float]], limit: int
) -> None:
    now = 0.0
    used: list[tuple[float, int]] = []
    left: dict[str, list[tuple[float, Amounts]]] = {}
    state: dict[str, Any] | None = None
    for pause, member, tokens, share in asked:
        now += pause
        book = LimitBook(state, now)
        need = Need((None, limit, None, None), Amounts.of(tokens, 0), Amounts.of(4 * tokens, 0))
        corrections = left.pop(member, [])
        grant = book.grant(member, f"job of {member}", need, now, corrections=corrections)
        if grant.amounts is not None:
            unused = int(grant.amounts.tokens * (1 - share))
            used.append((now, grant.amounts.tokens - unused))
            left[member] = [(now, Amounts(0, -unused, -unused, 0))]
        state = book.state()

    for start, _ in used:
        assert sum(n for at, n in used if start <= at < start + 60) <= limit


def test_one_process_has_all_of_it() -> None:
    outcome = share_out({"requests_per_minute": 600}, Process("a"))

    assert outcome.seen.between(0, 240)[0] >= 0.97 * 600
    assert outcome.seen.refused == []
    # Not a question per call: 2,300 calls in four minutes.
    assert outcome.questions < 6 * 240


@pytest.mark.parametrize(
    "limits", [{"requests_per_minute": 600}, {"tokens_per_minute": 400_000}], ids=["rpm", "tpm"]
)
def test_two_jobs_have_half_each_whatever_number_of_processes(limits: dict[str, int]) -> None:
    processes = [Process("a"), Process("a"), Process("a"), Process("b")]

    outcome = share_out(limits, *processes, counted_from_s=20)

    requests, tokens = outcome.seen.between(60, 240)
    used = requests / limits.get("requests_per_minute", 1e9)
    assert max(used, tokens / limits.get("tokens_per_minute", 1e9)) >= 0.96
    assert outcome.answered["b"] / outcome.answered.total() == pytest.approx(0.5, abs=0.03)
    assert outcome.seen.refusals() < 0.005


def test_what_one_job_does_not_want_the_other_has() -> None:
    outcome = share_out(
        {"requests_per_minute": 600}, Process("a"), Process("b", workers=1), counted_from_s=60
    )

    assert outcome.seen.between(60, 240)[0] >= 0.94 * 600
    # One worker and 1.25 seconds an answer: 48 a minute, and no more to be had.
    assert outcome.answered["b"] >= 0.8 * 3 * 48


def test_the_part_of_a_killed_process_comes_back_by_itself() -> None:
    outcome = share_out(
        {"requests_per_minute": 600}, Process("a"), Process("b", killed_at=100), until_s=240
    )

    assert outcome.seen.between(20, 100)[0] >= 0.93 * 600
    assert outcome.seen.between(105, 240)[0] >= 0.96 * 600
    assert outcome.seen.refused == []


def test_who_comes_later_has_a_fair_part_within_seconds() -> None:
    outcome = share_out(
        {"requests_per_minute": 600},
        Process("a"),
        Process("b", starts_at=60),
        counted_from_s=70,
        until_s=200,
    )

    assert outcome.answered["b"] / outcome.answered.total() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("others", [1, 3])
def test_requests_in_flight_are_shared(others: int) -> None:
    processes = [Process("a"), *[Process("b")] * others]
    limits = {"in_flight": 10}

    outcome = share_out(limits, *processes, configured=limits, counted_from_s=30, until_s=150)

    assert outcome.seen.refused == []
    assert outcome.answered["a"] / outcome.answered.total() == pytest.approx(0.5, abs=0.12)


def test_without_a_known_limit_the_book_is_not_asked() -> None:
    assert share_out({}, Process("a"), Process("b"), until_s=30).questions == 0


def test_the_name_of_a_limit_holds_no_key() -> None:
    name = limit_name("https://api.example/v1", "gpt", SECRET)

    assert SECRET not in name
    assert name == limit_name("https://api.example/v1", "gpt", SECRET)
    assert name != limit_name("https://api.example/v1", "gpt", "another")


def test_a_clock_that_was_set_back_does_not_stop_everybody() -> None:
    need = Need((60.0, None, None, None), Amounts.of(1, 0), Amounts.of(1, 0))
    book = LimitBook(None, 10_000.0)
    book.grant("p", "a", need, 10_000.0)

    grant = LimitBook(book.state(), 5.0).grant("p", "a", need, 5.0)

    assert grant.amounts is not None
    assert grant.amounts.requests == 1


def ask(shared: SharedLimits, limit: int, member: str) -> Grant | StoreError:
    """One question to the book in the database."""
    answers: queue.SimpleQueue[Grant | StoreError] = queue.SimpleQueue()
    need = Need((float(limit), None, None, None), Amounts.of(1, 0), Amounts(10**6, 0, 0, 0))
    shared._put(Question("limit", member, member, need, done=answers.put))
    return answers.get(timeout=30)


def test_stores_of_several_processes_keep_one_book(store_url: str) -> None:
    granted: list[int] = []

    def live(member: str) -> None:
        with ResponseStore(store_url) as store:
            shared = SharedLimits(store, member)
            for _ in range(20):
                grant = ask(shared, 12, member)
                assert isinstance(grant, Grant)
                if grant.amounts is not None:
                    granted.append(grant.amounts.requests)
            shared.close()

    threads = [threading.Thread(target=live, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    # Sixty questions, and a limit of twelve a minute.
    assert 0 < sum(granted) <= 12


def test_limiters_share_through_the_store(store_url: str) -> None:
    """Two limiters, each as of one process, in real time: the limit holds for both together."""
    provider = Declared(name="p", base_url="http://p/v1", requests_per_minute=3)
    admitted: list[str] = []

    async def live(limiter: Limiter, name: str) -> None:
        while True:
            limiter.settle(await limiter.acquire(1), 1)
            admitted.append(name)

    async def scenario() -> None:
        with ResponseStore(store_url) as one, ResponseStore(store_url) as other:
            both = [Limiters(shared=SharedLimits(store, "job")) for store in (one, other)]
            tasks = [
                asyncio.create_task(live(limiters.limiter(provider, "m", SECRET), str(number)))
                for number, limiters in enumerate(both)
            ]
            while not admitted:
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for limiters in both:
                limiters.close()

    asyncio.run(scenario())

    assert 1 <= len(admitted) <= 3


def test_a_store_that_fails_is_told_to_who_waits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'responses.db'}"
    provider = Declared(name="p", base_url="http://p/v1", requests_per_minute=3)

    async def scenario() -> None:
        with ResponseStore(url) as store:
            store.change(
                lambda connection, now: connection.exec_driver_sql("CREATE TABLE limits (x INT)")
            )
            limiters = Limiters(shared=SharedLimits(store, "job"))
            with pytest.raises(StoreError, match="failed: no such column"):
                await limiters.limiter(provider, "m").acquire(1)
            limiters.close()

    asyncio.run(scenario())
