"""The batch lane: whatever happens to batches, every question is answered and paid for once."""

from collections import Counter
from pathlib import Path

from llms.calls import Reply
from llms.failures import CallError, FailureClass
from llms.lane_choice import CANCELLING_S
from schemas.providers import Lane
from schemas.roles import Role
from tests.batched import Bench, check_books, lanes, make_call, make_calls, make_model


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
