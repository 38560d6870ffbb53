"""Lanes from the job to the call: what is refused, what is planned, what the flex lane does."""

import asyncio
import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from llms.budget import Budget
from llms.calls import Reply
from llms.pricing import in_lane
from llms.responses import ResponseStore
from llms.service_lanes import LanePlan, Lanes
from schemas.job import Job
from schemas.manifest import Books, Manifest
from schemas.providers import Lane, Provider
from schemas.roles import Model, Resolution, Role
from tasks.jobs import JobError, expand
from tasks.lanes import (
    MOST_SHARDS_AT_ONCE,
    SHARDS_AT_ONCE,
    check_lanes,
    documents_at_once,
    lane_notes,
    plan_lanes,
    ready_at,
    shards_at_once,
)
from tests.batched import Bench, make_call, make_calls, make_model

NOON = datetime(2026, 7, 10, 12, tzinfo=UTC)
BATCHING = {"sim": Provider(name="sim", base_url="http://sim/v1", lanes=tuple(Lane))}
PLAIN = {"sim": Provider(name="sim", base_url="http://sim/v1")}


def make_job(**settings: Any) -> Job:
    """A job of receipts."""
    return expand(Job.model_validate({"types": ["receipt"], **settings}))


def make_resolution(*models: Model) -> Resolution:
    """The same models in every role."""
    ranked = models or (make_model(),)
    return Resolution(
        profile="test",
        roles=dict.fromkeys(Role, ranked),
        baseline=None,
        catalog_version="1",
        catalog_sha256="0",
    )


def make_manifest(job: Job, documents: int = 100) -> Manifest:
    """A run that began at noon and has found its documents."""
    return Manifest(
        run_id="run-1",
        job=job,
        version="0",
        started_at=NOON,
        resolution=make_resolution(),
        ingest=Books(inputs=documents, done=documents),
        extraction_key="k",
    )


def plan(tmp_path: Path, job: Job, *, hours: float = 0.0, documents: int = 100) -> Any:
    """The lanes of a run so many hours after it began."""
    with ResponseStore(f"sqlite:///{tmp_path / 'responses.db'}") as store:
        now = NOON.timestamp() + hours * 3600
        return plan_lanes(make_manifest(job, documents), BATCHING, store, now=now)[0]


@pytest.mark.parametrize("written", ["06:00", "6:00", 360, 21600, "2026-07-11T06:00"])
def test_a_time_to_be_ready_is_read_however_yaml_hands_it_over(written: object) -> None:
    found = Job.model_validate({"ready_by": written}).ready_by

    assert isinstance(found, time | datetime)
    assert (found.hour, found.minute) == (6, 0)


@pytest.mark.parametrize("written", ["soon", "25:00", 1500, 6.5])
def test_a_time_that_is_none_is_told_in_one_sentence(written: object) -> None:
    with pytest.raises(ValidationError, match=f"{written!r} is no time such as 06:00"):
        Job.model_validate({"ready_by": written})


def test_a_job_with_lanes_survives_json() -> None:
    job = Job.model_validate(
        {"lane": "batch", "lanes": {"verify": "standard"}, "ready_by": "06:00"}
    )

    assert Job.model_validate_json(job.model_dump_json()) == job


def test_the_report_is_not_put_into_a_batch_unless_that_is_said() -> None:
    job = make_job(lane="batch", lanes={"verify": "standard"})

    assert "insights" not in job.wanted_lanes
    assert job.wanted_lanes["verify"] is Lane.STANDARD
    assert job.wanted_lanes["extract"] is Lane.BATCH
    assert make_job(lanes={"insights": "batch"}).wanted_lanes == {"insights": Lane.BATCH}


def test_a_time_of_day_is_the_next_one_after_the_run_began() -> None:
    tomorrow = NOON.replace(hour=6) + timedelta(days=1)

    assert ready_at(time(6, tzinfo=UTC), NOON) == tomorrow.timestamp()
    assert ready_at(time(18, tzinfo=UTC), NOON) == NOON.replace(hour=18).timestamp()
    assert ready_at(NOON, NOON) == NOON.timestamp()
    assert ready_at(None, NOON) is None


def test_a_lane_that_the_provider_lacks_is_refused() -> None:
    with pytest.raises(JobError, match=r"provider sim has no batch lane for the stage route"):
        check_lanes(make_job(lane="batch"), make_resolution(), PLAIN)

    check_lanes(make_job(lane="batch"), make_resolution(), BATCHING)
    check_lanes(make_job(ready_by="06:00"), make_resolution(), PLAIN)


def test_an_unknown_discount_is_told_to_whoever_wants_batches() -> None:
    unknown = make_resolution(make_model(batch_discount=None))

    (note,) = lane_notes(make_job(lane="batch"), unknown, BATCHING)

    assert "no batch discount is known for sim-mini" in note
    assert lane_notes(make_job(), unknown, BATCHING) == []
    assert lane_notes(make_job(ready_by="06:00"), unknown, PLAIN) == [
        "provider sim has no batch lane: it is asked online"
    ]


def test_an_unknown_flex_price_is_told_to_whoever_wants_flex() -> None:
    unknown = make_resolution(make_model(batch_discount=0.5))

    (note,) = lane_notes(make_job(lane="flex"), unknown, BATCHING)

    assert note.startswith("no flex price is known for sim-mini at sim: flex calls are booked")
    assert lane_notes(make_job(lanes={"verify": "standard"}), unknown, BATCHING) == []


def test_a_night_is_long_enough_for_batches_and_an_hour_is_not(tmp_path: Path) -> None:
    job = make_job(ready_by="2026-07-11T00:00+00:00")

    night, hour = plan(tmp_path, job), plan(tmp_path, job, hours=11)

    assert night.lanes["extract"] is Lane.BATCH
    assert night.leave_at < NOON.timestamp() + 12 * 3600 - 600
    assert night.online == job.concurrency
    assert not hour.has_batches


def test_batches_are_left_the_earlier_the_more_documents_there_are(tmp_path: Path) -> None:
    job = make_job(ready_by="2026-07-11T00:00+00:00")

    few, many = plan(tmp_path, job), plan(tmp_path, job, documents=20_000)

    assert many.leave_at < few.leave_at


def test_many_documents_wait_for_batches_and_few_for_anything_else(tmp_path: Path) -> None:
    batched, plain = make_job(lane="batch"), make_job()

    assert documents_at_once(batched, plan(tmp_path, batched)) == batched.batch_documents
    assert documents_at_once(plain, plan(tmp_path, plain)) == plain.concurrency * 3 // 2
    assert shards_at_once(plain) == SHARDS_AT_ONCE
    assert shards_at_once(batched) == -(-batched.batch_documents // batched.shard_size)
    assert shards_at_once(make_job(lane="batch", shard_size=1)) == MOST_SHARDS_AT_ONCE


def test_a_lane_takes_its_discount_off_every_price_once() -> None:
    model = make_model(cached_input_price=0.1)

    there = in_lane(in_lane(model, "batch"), "batch")

    assert (there.input_price, there.cached_input_price, there.output_price) == (0.5, 0.05, 5.0)
    assert in_lane(model, "standard") is model
    assert in_lane(make_model(batch_discount=None), "batch").output_price == 10.0


def test_more_requests_may_be_in_flight_once_others_have_left_their_places(tmp_path: Path) -> None:
    async def run(store: ResponseStore) -> list[str]:
        done: list[str] = []
        lanes = Lanes(LanePlan(online=1), {}, store=store, run_id="r", budget=Budget(store, "r"))

        async def use(name: str) -> None:
            async with lanes.room(Lane.STANDARD):
                done.append(name)
                await asyncio.Event().wait()

        async with asyncio.timeout(10):
            users = [asyncio.create_task(use(name)) for name in "abc"]
            while not done:
                await asyncio.sleep(0)
            lanes.widen(1)
            while len(done) < 2:
                await asyncio.sleep(0)
            for _ in range(10):
                await asyncio.sleep(0)
        for user in users:
            user.cancel()
        await asyncio.gather(*users, return_exceptions=True)
        return done

    with ResponseStore(f"sqlite:///{tmp_path / 'responses.db'}") as store:
        assert asyncio.run(run(store)) == ["a", "b"]


def test_what_flex_has_no_room_for_is_asked_in_the_standard_lane(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"flex": {"unavailable": 0.5}}, lanes={"extract": Lane.FLEX})

    replies = bench.ask(*make_calls(20))

    assert all(isinstance(reply, Reply) for reply in replies)
    paid = {lane: usage.requests for lane, usage in bench.stats.lanes.items()}
    assert set(paid) == {"flex", "standard"}
    assert sum(paid.values()) == 20
    # What was turned away cost nothing and was never worked on: it is no attempt.
    assert {(row.lane, row.outcome) for row in bench.rows} == {("flex", "ok"), ("standard", "ok")}


def test_a_model_that_does_not_take_flex_is_told_so_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"flex": {"is_offered": False}}, lanes={"extract": Lane.FLEX})

    for number in range(3):
        bench.ask(make_call(number))
    bench.ask(*make_calls(3))

    assert {row.lane for row in bench.rows if not row.from_store} == {"standard"}
    assert bench.stats.paid.requests == 3


def test_flex_requests_say_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lanes={"extract": Lane.FLEX})
    bodies: list[Any] = []

    bench.ask(make_call(), tamper=lambda request: bodies.append(json.loads(request.content)))

    assert bodies[0]["service_tier"] == "flex"
