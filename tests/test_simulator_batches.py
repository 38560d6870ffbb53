"""The life of a batch, on a clock of its own and, once, through the openai SDK over a socket."""

import io
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from openai import OpenAI

from llms.simulator.server import serve
from tests.simulated import Rig, make_body, make_scenario, rigged

QUICK = {"turnaround": 100, "validation_s": 2, "finalizing_s": 2, "cancelling_s": 10}


def line(number: int, **changes: Any) -> dict[str, Any]:
    """A line of an input file."""
    return {
        "custom_id": f"doc-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": make_body(f"Bakery {number}\nTotal: {number}.50"),
        **changes,
    }


async def upload(rig: Rig, lines: list[Any]) -> str:
    """The id of an uploaded input file."""
    content = "\n".join(json.dumps(entry) if isinstance(entry, dict) else entry for entry in lines)
    form = {"purpose": "batch"}
    files = {"file": ("in.jsonl", content.encode(), "application/jsonl")}
    return str((await rig.http.post("/v1/files", data=form, files=files)).json()["id"])


async def create(rig: Rig, lines: list[Any], **changes: Any) -> Any:
    """A new batch of these lines."""
    usual = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    body = {"input_file_id": await upload(rig, lines), **usual, **changes}
    return (await rig.http.post("/v1/batches", json=body)).json()


async def at(rig: Rig, batch: Any, seconds: float) -> Any:
    """The batch so many seconds later."""
    rig.clock.now += seconds
    return (await rig.http.get(f"/v1/batches/{batch['id']}")).json()


async def results(rig: Rig, file_id: str | None) -> list[Any]:
    """The lines of a result file; none without a file."""
    if file_id is None:
        return []
    content = (await rig.http.get(f"/v1/files/{file_id}/content")).text
    return [json.loads(text) for text in content.splitlines()]


Use = Callable[[Rig], Coroutine[Any, Any, Any]]


def played(use: Use, options: dict[str, Any] | None = None, **scenario: Any) -> Any:
    """What `use` returns, and the books."""
    found, simulator = rigged({"batches": {**QUICK, **(options or {})}, **scenario}, use)
    return found, simulator.stats()


def test_a_batch_goes_through_its_states_and_every_line_has_a_result() -> None:
    async def use(rig: Rig) -> Any:
        batch = await create(rig, [line(n) for n in range(10)], metadata={"run": "7"})
        seen = [batch] + [await at(rig, batch, seconds) for seconds in (3, 50, 50, 2)]
        return seen, await results(rig, seen[-1]["output_file_id"])

    (seen, found), stats = played(use)

    assert [batch["status"] for batch in seen] == [
        *("validating", "in_progress", "in_progress", "finalizing", "completed"),
    ]
    done = [batch["request_counts"]["completed"] for batch in seen]
    assert done == sorted(done)
    assert (done[0], 0 < done[2] < 10, done[-1]) == (0, True, 10)
    last = seen[-1]
    assert last["completed_at"] - last["created_at"] == 104
    assert last["expires_at"] - last["created_at"] == 86_400
    assert (last["metadata"], last["error_file_id"], last["failed_at"]) == (
        {"run": "7"},
        None,
        None,
    )
    assert sorted(entry["custom_id"] for entry in found) == [f"doc-{n}" for n in range(10)]
    assert [entry["custom_id"] for entry in found] != [f"doc-{n}" for n in range(10)]
    assert all(entry["response"]["status_code"] == 200 for entry in found)
    tokens = sum(entry["response"]["body"]["usage"]["completion_tokens"] for entry in found)
    batch_lane = stats.lanes["batch"]
    assert (batch_lane.requests, batch_lane.completion_tokens) == (10, tokens)
    full_price = (batch_lane.prompt_tokens + 10 * batch_lane.completion_tokens) / 1e6
    assert batch_lane.usd == pytest.approx(full_price / 2)
    assert (stats.batches, stats.requests) == ({"completed": 1}, 0)


def test_failed_items_stand_in_the_error_file_and_are_not_billed() -> None:
    script = [
        {"fault": "server_error", "marker": "Bakery 1"},
        {"fault": "refusal", "marker": "Bakery 2"},
        {"fault": "hang", "marker": "Bakery 3"},
        {"fault": "gateway_timeout", "marker": "Bakery 4"},
    ]

    async def use(rig: Rig) -> Any:
        batch = await create(rig, [line(n) for n in range(1, 6)])
        done = await at(rig, batch, 200)
        return (
            done["request_counts"],
            await results(rig, done["output_file_id"]),
            await results(rig, done["error_file_id"]),
        )

    (counts, right, wrong), stats = played(use, script=script)

    assert counts == {"total": 5, "completed": 3, "failed": 2}
    assert {entry["custom_id"] for entry in right} == {"doc-2", "doc-3", "doc-5"}
    assert {entry["custom_id"]: entry["response"]["status_code"] for entry in wrong} == {
        "doc-1": 500,
        "doc-4": 504,
    }
    assert all("message" in entry["response"]["body"]["error"] for entry in wrong)
    assert stats.batch_items == {
        "answered": 2,
        "server_error": 1,
        "refusal": 1,
        "gateway_timeout": 1,
    }
    assert stats.paid.requests == 3


def test_a_stuck_batch_expires_in_part() -> None:
    async def use(rig: Rig) -> Any:
        batch = await create(rig, [line(n) for n in range(20)])
        late = await at(rig, batch, 80_000)
        over = await at(rig, batch, 6_400)
        return late, over, await results(rig, over["error_file_id"])

    (late, over, left), stats = played(use, {"stuck": 1, "stuck_after": 0.6})

    assert (late["status"], over["status"]) == ("in_progress", "expired")
    done = over["request_counts"]["completed"]
    assert done == late["request_counts"]["completed"] == 12
    assert {entry["error"]["code"] for entry in left} == {"batch_expired"}
    assert [entry["response"] for entry in left] == [None] * 8
    assert over["expired_at"] == over["expires_at"]
    assert stats.paid.requests == 12


def test_a_stuck_batch_may_ignore_its_window() -> None:
    async def use(rig: Rig) -> Any:
        batch = await create(rig, [line(1)])
        return (await at(rig, batch, 10 * 86_400))["status"]

    assert played(use, {"stuck": 1, "ignores_window": True})[0] == "in_progress"


def test_a_batch_slower_than_its_window_expires_in_part_too() -> None:
    async def use(rig: Rig) -> Any:
        batch = await create(rig, [line(n) for n in range(10)], completion_window="50s")
        return await at(rig, batch, 60)

    over, _ = played(use)

    assert over["status"] == "expired"
    assert 0 < over["request_counts"]["completed"] < 10


def test_a_cancelled_batch_keeps_what_was_answered() -> None:
    async def use(rig: Rig) -> Any:
        batch = await create(rig, [line(n) for n in range(10)])
        rig.clock.now += 52
        cancelling = (await rig.http.post(f"/v1/batches/{batch['id']}/cancel")).json()
        over = await at(rig, batch, 10)
        again = (await rig.http.post(f"/v1/batches/{batch['id']}/cancel")).status_code
        right = await results(rig, over["output_file_id"])
        return cancelling["status"], over, right, await results(rig, over["error_file_id"]), again

    (status, over, right, left, again), stats = played(use)

    assert (status, over["status"], again) == ("cancelling", "cancelled", 409)
    assert (len(right), len(left)) == (5, 5)
    assert {entry["error"]["code"] for entry in left} == {"batch_cancelled"}
    assert stats.paid.requests == 5


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param(["{broken"], "invalid_json_line", id="no JSON"),
        pytest.param([line(1, url="/v1/embeddings")], "invalid_json_line", id="another endpoint"),
        pytest.param([line(1), line(1)], "duplicate_custom_id", id="an id twice"),
        pytest.param(
            [line(1), line(2, body=make_body(model="b"))], "mismatched_model", id="models"
        ),
        pytest.param([], "empty_file", id="nothing"),
        pytest.param([line(n) for n in range(4)], "too_many_tasks", id="too many"),
    ],
)
def test_a_file_that_is_wrong_fails_its_batch(lines: list[Any], code: str) -> None:
    async def use(rig: Rig) -> Any:
        batch = await create(rig, lines)
        return await at(rig, batch, 3)

    failed, _ = played(use, {"max_requests": 3})

    assert failed["status"] == "failed"
    assert failed["errors"]["data"][0]["code"] == code


def test_enqueued_tokens_are_freed_when_a_batch_has_ended() -> None:
    async def use(rig: Rig) -> Any:
        found = []
        for pause in (10, 200, 3):
            batch = await create(rig, [line(n) for n in range(3)])
            found.append((await at(rig, batch, pause))["status"])
        last = (await rig.http.get("/v1/batches?limit=2")).json()
        return found, last

    (found, page), _ = played(use, {"enqueued_tokens": 4000})

    assert found == ["in_progress", "failed", "in_progress"]
    assert (len(page["data"]), page["has_more"]) == (2, True)
    assert page["data"][1]["errors"]["data"][0]["code"] == "token_limit_exceeded"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"endpoint": "/v1/embeddings"}, id="endpoint"),
        pytest.param({"completion_window": "soon"}, id="window"),
        pytest.param({"input_file_id": "file-none"}, id="file"),
    ],
)
def test_a_batch_that_cannot_be_made_is_refused(changes: dict[str, Any]) -> None:
    async def use(rig: Rig) -> Any:
        return await create(rig, [line(1)], **changes)

    refused, _ = played(use)

    assert refused["error"]["param"] == next(iter(changes))


def test_the_same_question_online_and_in_a_batch_is_a_repeat() -> None:
    async def use(rig: Rig) -> Any:
        await rig.ask(text="Bakery 1\nTotal: 1.50")
        await at(rig, await create(rig, [line(1)]), 200)
        return rig.simulator.repeats()

    (repeat,), _ = played(use)

    assert (repeat.asked, repeat.paid, repeat.outcomes) == (2, 2, ["answered", "answered"])


def test_a_file_can_be_listed_read_and_deleted() -> None:
    async def use(rig: Rig) -> Any:
        file_id = await upload(rig, [line(1)])
        listed = (await rig.http.get("/v1/files")).json()["data"]
        deleted = (await rig.http.delete(f"/v1/files/{file_id}")).json()["deleted"]
        gone = (await rig.http.get(f"/v1/files/{file_id}")).status_code
        return [f["filename"] for f in listed], deleted, gone

    assert played(use)[0] == (["in.jsonl"], True, 404)


def test_the_sdk_takes_a_batch_from_upload_to_results() -> None:
    scenario = make_scenario(batches={**QUICK, "time_scale": 1000})
    lines = "\n".join(json.dumps(line(n)) for n in range(1200)).encode()
    with (
        serve(scenario) as provider,
        OpenAI(base_url=provider.url, api_key="any", max_retries=0) as client,
    ):
        uploaded = client.files.create(file=("in.jsonl", io.BytesIO(lines)), purpose="batch")
        batch = client.batches.create(
            input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        deadline = time.monotonic() + 30
        while batch.status != "completed" and time.monotonic() < deadline:
            batch = client.batches.retrieve(batch.id)
        assert batch.output_file_id is not None
        found = client.files.content(batch.output_file_id).text.splitlines()
        listed = [listed.id for listed in client.batches.list()]

    assert (len(found), listed) == (1200, [batch.id])
    assert provider.stats().lanes["batch"].requests == 1200
