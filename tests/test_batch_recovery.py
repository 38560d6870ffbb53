"""What a kill or a lost answer leaves of a batch: whoever comes back pays for nothing twice."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llms.calls import Reply
from llms.client import Client
from tests.batched import (
    Bench,
    Filter,
    check_books,
    lanes,
    losing,
    make_call,
    make_calls,
    make_model,
)


@pytest.mark.parametrize(
    ("when", "paid_before"),
    [
        (losing("POST", "/v1/files"), 0),
        (losing("POST", "/v1/batches"), 0),
        (losing("GET", "/v1/batches/batch_000001"), 0),
        (losing("GET", "/v1/batches/batch_000001", nth=20), None),
        (losing("GET", "/content"), 12),
    ],
    ids=["upload", "creation", "first look", "later look", "results"],
)
def test_a_killed_process_is_followed_by_one_that_pays_nothing_twice(
    tmp_path: Path, when: Filter, paid_before: int | None
) -> None:
    bench = Bench(tmp_path)
    calls = make_calls(12)

    bench.killed(*calls, when=when)
    if paid_before is not None:
        assert bench.stats.paid.requests == paid_before
    replies = bench.ask(*calls)

    assert all(isinstance(reply, Reply) for reply in replies)
    assert bench.stats.paid.requests == 12
    assert bench.stats.batches == {"completed": 1}
    check_books(bench)


def test_what_lies_in_a_batch_is_held_under_the_cap_while_nobody_watches(tmp_path: Path) -> None:
    bench = Bench(tmp_path, cap_usd=0.05)
    calls = make_calls(10)

    bench.killed(*calls, when=losing("GET", "/v1/batches/batch_000001"))
    held_usd = bench.booked_usd
    replies = bench.ask(*calls)

    # Twice the worst case would not fit under the cap: what is held serves the second time.
    assert 0.025 < held_usd <= 0.05
    assert all(isinstance(reply, Reply) for reply in replies)
    check_books(bench)


def test_a_batch_of_an_earlier_process_is_waited_for_in_whatever_lane_is_wanted_now(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    calls = make_calls(4)
    bench.killed(*calls, when=losing("GET", "/v1/batches/batch_000001"))
    bench.lanes = {}

    bench.ask(*calls, make_call(99))

    assert lanes(bench) == {"batch": 4, "standard": 1}
    check_books(bench)


def test_a_creation_whose_answer_is_lost_is_found_and_not_repeated(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    replies = bench.ask(*make_calls(5), tamper=losing("POST", "/v1/batches"))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert bench.stats.batches == {"completed": 1}
    check_books(bench)


def test_a_provider_that_stumbles_while_a_batch_is_handed_in_is_asked_again(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    failures = iter([503, 429, 502])

    def stumble(request: httpx2.Request) -> httpx2.Response | None:
        status = next(failures, None)
        return httpx2.Response(status, json={"error": {"message": "no"}}) if status else None

    replies = bench.ask(*make_calls(5), tamper=stumble)

    assert all(isinstance(reply, Reply) for reply in replies)
    assert bench.stats.batches == {"completed": 1}


def test_a_request_that_the_results_do_not_name_may_have_been_paid(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(make_model(),))
    dropped: list[Any] = []

    def drop_one(request: httpx2.Request) -> httpx2.Response | None:
        if not request.url.path.endswith("/content") or dropped:
            return None
        dropped.append(request)
        return httpx2.Response(200, content=b"not a line\n")

    bench.ask(*make_calls(2), tamper=drop_one)

    # The first answers were lost and are booked at their worst case; the second ones count.
    assert Counter(row.outcome for row in bench.rows) == {"connection": 2, "ok": 2}
    assert all(row.usd_is_upper_bound for row in bench.rows if row.outcome == "connection")
    assert bench.booked_usd >= bench.stats.paid.usd


def test_a_run_that_waits_for_the_batch_of_another_one_pays_nothing_for_it(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    calls = make_calls(5)
    bench.killed(*calls, when=losing("GET", "/v1/batches/batch_000001"))
    held_usd = bench.booked_usd
    bench.rows.clear()

    bench.run_id = "run-2"
    replies = bench.ask(*calls)

    assert all(isinstance(reply, Reply) and reply.from_store for reply in replies)
    assert {(row.usd, row.from_store) for row in bench.rows} == {(0.0, True)}
    assert bench.booked_usd == 0
    assert sum(row.stored_usd for row in bench.rows) == pytest.approx(bench.stats.paid.usd)

    bench.run_id = "run-1"
    bench.ask(*calls)

    # Whoever put them into the batch pays, and its worst case is free again.
    assert bench.booked_usd == pytest.approx(bench.stats.paid.usd)
    assert held_usd > bench.booked_usd
    assert bench.stats.batches == {"completed": 1}


def test_a_question_online_waits_for_money_that_lies_in_a_batch(tmp_path: Path) -> None:
    # The worst case of the batch and that of the question online do not fit under the cap.
    bench = Bench(tmp_path, cap_usd=0.0105)

    async def use(client: Client) -> list[Reply | BaseException]:
        batched = asyncio.create_task(client(make_call(0)))
        while not bench.stats.batches:
            await asyncio.sleep(0)
        online = client(make_call(1, stage="route"))
        return list(await asyncio.gather(batched, online, return_exceptions=True))

    replies = bench.process(use)

    assert all(isinstance(reply, Reply) for reply in replies), replies
    assert lanes(bench) == {"batch": 1, "standard": 1}
    check_books(bench)


def test_what_of_a_batchs_results_could_be_read_counts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"faults": {"server_error": 0.3}, "seed": 3})
    files: list[str] = []

    def lose_errors(request: httpx2.Request) -> httpx2.Response | None:
        path = request.url.path
        if not path.endswith("/content"):
            return None
        if path not in files:
            files.append(path)
        gone = {"error": {"message": "no such file"}}
        return httpx2.Response(404, json=gone) if files.index(path) == 1 else None

    bench.ask(*make_calls(30), tamper=lose_errors)

    # The answers stood in the first file: none of them was asked for again.
    assert len(files) > 1
    assert bench.stats.repeats.paid == 0


def test_a_process_that_comes_back_later_finds_what_was_answered_meanwhile(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    calls = make_calls(6)
    bench.killed(*calls, when=losing("GET", "/v1/batches/batch_000001"))
    bench.clock.now += 5000

    before = json.dumps(bench.stats.batches)
    bench.ask(*calls[:3])
    bench.ask(*calls)

    assert before
    assert bench.stats.paid.requests == 6
    assert bench.stats.batches == {"completed": 1}
    check_books(bench)
