"""The batch lane: whatever happens to batches, every question is answered and paid for once."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llms.calls import Reply
from llms.client import Client
from llms.failures import CallError, FailureClass
from llms.lane_choice import CANCELLING_S
from schemas.providers import Lane
from schemas.roles import Role
from tests.batched import Bench, Filter, make_call, make_calls, make_model


def check_books(bench: Bench) -> None:
    """Ledger, budget, durable book and the provider's own books say the same."""
    paid = bench.stats.paid.usd
    assert sum(row.usd for row in bench.rows) == pytest.approx(paid, abs=1e-9)
    assert bench.booked_usd == pytest.approx(paid, abs=1e-9)
    assert bench.spent_usd == pytest.approx(paid, abs=1e-9)
    assert bench.stats.repeats.paid == 0


def lanes(bench: Bench) -> dict[str, int]:
    """Answers that were paid for, by lane, as the provider has them."""
    return {lane: usage.requests for lane, usage in bench.stats.lanes.items()}


def at(method: str, path: str, *, nth: int = 1) -> Filter:
    """Loses the answer to the nth request to a path, which the provider has seen."""
    seen: Counter[str] = Counter()

    def lose(request: httpx2.Request) -> Exception | None:
        if request.method != method or not request.url.path.endswith(path):
            return None
        seen[path] += 1
        if seen[path] != nth:
            return None
        return httpx2.ReadError("the connection broke", request=request)

    return lose


def test_questions_of_a_stage_go_out_together_at_half_the_price(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert {(row.lane, row.outcome, row.output_price) for row in bench.rows} == {
        ("batch", "ok", 5.0)
    }
    assert bench.stats.batches == {"completed": 1}
    assert bench.stats.requests == 0
    check_books(bench)


def test_a_stage_that_is_not_batched_is_asked_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    bench.ask(make_call(0), make_call(1, stage="route"))

    assert lanes(bench) == {"batch": 1, "standard": 1}
    check_books(bench)


def test_a_batch_asks_one_model(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models=(make_model("sim-mini"), make_model("sim-nano")))
    other = make_call(1, avoid=frozenset({"sim-mini"}), role=Role.EXTRACTION_WORKER)

    bench.ask(make_call(0), other)

    assert bench.stats.batches == {"completed": 2}
    assert {row.model for row in bench.rows} == {"sim-mini", "sim-nano"}


def test_what_fails_in_a_batch_is_asked_again_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"faults": {"server_error": 0.3}, "seed": 3})

    replies = bench.ask(*make_calls(30))

    assert all(isinstance(reply, Reply) for reply in replies)
    outcomes = Counter(row.outcome for row in bench.rows)
    assert outcomes["ok"] == 30
    assert outcomes["overloaded"] > 0
    # Every item of every batch is an answer or a failure: nothing was sent along once more.
    assert sum(bench.stats.batch_items.values()) == sum(outcomes.values())
    check_books(bench)


def test_what_expires_is_asked_again_and_the_rest_is_used(tmp_path: Path) -> None:
    # Stuck with the same requests, a batch of the rest has another fate.
    bench = Bench(tmp_path, {"seed": 5}, {"stuck": 0.5, "stuck_after": 0.6})

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert bench.stats.paid.requests == 20
    check_books(bench)


def test_what_expires_again_and_again_is_asked_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batches={"stuck": 1.0, "stuck_after": 0.5})

    bench.ask(*make_calls(20))

    assert set(bench.stats.batches) == {"expired"}
    assert set(lanes(bench)) == {"batch", "standard"}
    assert bench.stats.paid.requests == 20
    check_books(bench)


def test_a_batch_that_ignores_its_window_is_cancelled(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batches={"stuck": 1.0, "ignores_window": True})

    replies = bench.ask(*make_calls(8))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert set(bench.stats.batches) == {"cancelled"}
    check_books(bench)


def test_a_batch_that_is_late_is_cancelled_and_its_rest_asked_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batches={"turnaround": 36_000}, round_s=600)
    bench.leave_at = bench.now() + 18_000

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert set(bench.stats.batches) == {"cancelled"}
    done = lanes(bench)
    assert done["batch"] + done["standard"] == 20
    assert 5 < done["batch"] < 15
    assert bench.now() < bench.leave_at + 60
    check_books(bench)


def test_a_batch_that_is_late_and_cannot_be_cancelled_leaves_the_time_that_was_kept_for_its_rest(
    tmp_path: Path,
) -> None:
    never = {"turnaround": 36_000, "cancelling_s": 1e6}
    bench = Bench(tmp_path, batches=never, round_s=600)
    bench.leave_at = bench.now() + 18_000

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert lanes(bench)["standard"] == 20
    # What follows `leave_at` is kept free by `choose_lanes`: this much, and the time to ask online.
    assert bench.now() < bench.leave_at + CANCELLING_S + 60
    (told,) = bench.told
    assert told.endswith(" ended as stuck: 20 of 20 requests not answered")


def test_no_batch_is_begun_that_would_be_late(tmp_path: Path) -> None:
    bench = Bench(tmp_path, round_s=600)
    bench.leave_at = bench.now() + 500

    bench.ask(*make_calls(3))

    assert lanes(bench) == {"standard": 3}
    assert bench.stats.batches == {}


def test_batches_stay_under_the_limit_of_enqueued_tokens(tmp_path: Path) -> None:
    # A question here has about 800 tokens.
    bench = Bench(tmp_path, batches={"enqueued_tokens": 5000})

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert lanes(bench) == {"batch": 20}
    assert bench.stats.batches["failed"] == 1
    check_books(bench)


def test_what_waits_for_room_when_the_time_is_up_is_asked_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batches={"enqueued_tokens": 5000, "turnaround": 36_000}, round_s=600)
    bench.leave_at = bench.now() + 18_000

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert lanes(bench)["standard"] > 10
    assert bench.stats.paid.requests == 20
    check_books(bench)


def test_a_question_too_large_for_any_batch_is_asked_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batches={"enqueued_tokens": 500})

    replies = bench.ask(*make_calls(3))

    assert all(isinstance(reply, Reply) for reply in replies)
    assert lanes(bench) == {"standard": 3}
    check_books(bench)


def test_a_wrong_key_is_told_as_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"keys": ("sk-right",)})

    (error,) = bench.ask(make_call())

    assert isinstance(error, CallError)
    assert error.failure_class is FailureClass.AUTH
    assert bench.booked_usd == 0


def test_a_provider_without_the_lane_is_asked_online(tmp_path: Path) -> None:
    bench = Bench(tmp_path, offered=(Lane.STANDARD,))

    bench.ask(make_call())

    assert lanes(bench) == {"standard": 1}


def test_a_question_whose_worst_case_at_the_batch_price_fits_is_paid_for(tmp_path: Path) -> None:
    # 500 output tokens cost $0.0025 in the batch and the prompt a little more; online twice that.
    bench = Bench(tmp_path, cap_usd=0.006)

    (reply,) = bench.ask(make_call())

    assert isinstance(reply, Reply)


@pytest.mark.parametrize(
    ("when", "paid_before"),
    [
        (at("POST", "/v1/files"), 0),
        (at("POST", "/v1/batches"), 0),
        (at("GET", "/v1/batches/batch_000001"), 0),
        (at("GET", "/v1/batches/batch_000001", nth=20), None),
        (at("GET", "/content"), 12),
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

    bench.killed(*calls, when=at("GET", "/v1/batches/batch_000001"))
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
    bench.killed(*calls, when=at("GET", "/v1/batches/batch_000001"))
    bench.lanes = {}

    bench.ask(*calls, make_call(99))

    assert lanes(bench) == {"batch": 4, "standard": 1}
    check_books(bench)


def test_a_creation_whose_answer_is_lost_is_found_and_not_repeated(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    replies = bench.ask(*make_calls(5), tamper=at("POST", "/v1/batches"))

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
    bench.killed(*calls, when=at("GET", "/v1/batches/batch_000001"))
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
    bench.killed(*calls, when=at("GET", "/v1/batches/batch_000001"))
    bench.clock.now += 5000

    before = json.dumps(bench.stats.batches)
    bench.ask(*calls[:3])
    bench.ask(*calls)

    assert before
    assert bench.stats.paid.requests == 6
    assert bench.stats.batches == {"completed": 1}
    check_books(bench)
