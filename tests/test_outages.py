"""Who is to blame when no answer comes? One document is a dead letter, or the run is parked."""

import json
from functools import partial
from typing import Any

import httpx2
import pytest

from llms.breaker import Breakers
from llms.client import Client
from schemas.manifest import RunStatus
from storage.store import Lake
from tasks.verification import verify_run
from tests.simulated import Clock
from tests.small_runs import PaidProvider, Refusal, invoices, make_job, run

ERROR = {"message": "no", "type": "server_error"}


@pytest.fixture
def hurried(paid: PaidProvider, monkeypatch: pytest.MonkeyPatch) -> PaidProvider:
    """The provider that costs money, and pauses that take no time."""
    clock = Clock()
    transports = {"openai": httpx2.ASGITransport(app=paid)}
    client = partial(Client, transports=transports, clock=clock, sleep=clock.sleep)
    monkeypatch.setattr("tasks.runtime.Client", client)
    monkeypatch.setattr("tasks.runtime.join_breakers", lambda: Breakers(clock=clock))
    monkeypatch.setattr("tasks.runtime.leave_breakers", lambda: None)
    return paid


def about(body: dict[str, Any], number: int) -> bool:
    return f"INV-{number:04}" in json.dumps(body["messages"])


def letters(lake: Lake, run_id: str) -> dict[str, str]:
    tables = [lake.read_table(path) for path in lake.find(f"failures/{run_id}", ".parquet")]
    return {row["uri"]: row["class"] for table in tables for row in table.to_pylist()}


@pytest.mark.parametrize(("status", "name"), [(500, "overloaded"), (504, "timeout")])
def test_a_document_that_alone_is_never_answered_becomes_a_dead_letter(
    tmp_path: Any, hurried: PaidProvider, status: int, name: str
) -> None:
    job = make_job(invoices(tmp_path / "docs", 5), profile="openai")
    hurried.refusal = lambda body: (status, ERROR) if about(body, 2) else None

    done = run(job, hurried.ENV)

    lake = Lake(done.lake)
    assert (done.status, done.extracted, done.failed) == (RunStatus.DONE, 4, 1)
    assert letters(lake, done.run_id) == {"002.txt": name}
    assert verify_run(lake, done.run_id).ok


def test_a_provider_that_is_down_parks_the_run_and_resuming_ends_it(
    tmp_path: Any, hurried: PaidProvider
) -> None:
    job = make_job(invoices(tmp_path / "docs", 5), profile="openai")
    hurried.refusal = lambda _: (503, ERROR)

    parked = run(job, hurried.ENV, run_id="night")
    hurried.refusal = lambda _: None
    done = run(job, hurried.ENV, run_id="night")

    assert (parked.status, parked.skipped, parked.failed) == (RunStatus.PARKED, 5, 0)
    message = str(parked.message)
    assert message.startswith("5 documents wait: ")
    assert "(https://api.openai.com/v1): down since 20" in message
    assert message.endswith("resume once the provider is well again")
    assert (done.status, done.extracted) == (RunStatus.DONE, 5)
    assert verify_run(Lake(done.lake), "night").ok


def test_documents_that_met_a_provider_while_it_was_down_are_tried_once_more(
    tmp_path: Any, hurried: PaidProvider
) -> None:
    job = make_job(invoices(tmp_path / "docs", 5), profile="openai", concurrency=1)
    asked = 0

    def down_at_first(_: dict[str, Any]) -> Refusal | None:
        nonlocal asked
        asked += 1
        return (503, ERROR) if asked <= 7 else None

    hurried.refusal = down_at_first

    done = run(job, hurried.ENV)

    assert (done.status, done.extracted, done.failed) == (RunStatus.DONE, 5, 0)


def test_the_last_document_alone_is_judged_by_a_short_question(
    tmp_path: Any, hurried: PaidProvider
) -> None:
    job = make_job(invoices(tmp_path / "docs", 1), profile="openai")
    hurried.refusal = lambda body: (504, ERROR) if about(body, 0) else None

    done = run(job, hurried.ENV)

    lake = Lake(done.lake)
    stages = [
        row["stage"]
        for path in lake.find(f"attempts/{done.run_id}", ".parquet")
        for row in lake.read_table(path).to_pylist()
    ]
    assert (done.status, done.failed) == (RunStatus.DONE, 1)
    assert letters(lake, done.run_id) == {"000.txt": "timeout"}
    assert stages.count("probe") == 1
    assert verify_run(lake, done.run_id).ok
