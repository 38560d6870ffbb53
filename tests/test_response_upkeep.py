"""What the response store holds, what of it may go, and what an unfinished run keeps from going."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from llms import response_upkeep as upkeep
from llms.completion import Answer
from llms.response_upkeep import Kept, Selection
from llms.responses import ResponseStore, StoredResponse
from storage.store import Lake
from tasks.store_runs import open_runs
from tests.small_runs import as_killed, invoices, make_job, run

DAY = 86_400.0


class Clock:
    """Time that tests set."""

    def __init__(self) -> None:
        self.now = 100 * DAY

    def __call__(self) -> float:
        return self.now


class Shelf:
    """A SQLite store whose time tests set."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.path = folder / "responses.db"
        self.store = ResponseStore(f"sqlite:///{self.path}", now=self.clock)

    def put(self, key: str, *, age: float = 0.0, **more: Any) -> None:
        """Store an answer so many days ago."""
        usual: dict[str, Any] = {"model": "small", "provider": "p", "run_id": "r1", "usd": 0.5}
        answer = Answer(more.pop("text", "{}"), "stop")
        today, self.clock.now = self.clock.now, self.clock.now - age * DAY
        asyncio.run(self.store.put(StoredResponse(key, answer=answer, **{**usual, **more})))
        self.clock.now = today

    def use(self, key: str) -> None:
        """Look an answer up now, and have that noted."""
        asyncio.run(self.store.get(key))
        self.store.change(self.store._note_uses)

    def keys(self) -> set[str]:
        """What is there."""
        with sqlite3.connect(self.path) as connection:
            found = {row[0] for row in connection.execute("SELECT key FROM responses")}
        connection.close()
        return found


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.store.close()


def test_an_empty_store_holds_nothing(store_url: str) -> None:
    with ResponseStore(store_url) as store:
        assert upkeep.kept(store) == Kept()
        assert upkeep.kept_by_model(store) == {}


def test_answers_are_counted_by_model_job_and_age(store_url: str) -> None:
    async def fill(store: ResponseStore) -> None:
        for key, model, run_id in (("a", "small", "r1"), ("b", "small", "r2"), ("c", "big", "r1")):
            answer = Answer("{}", "stop")
            await store.put(StoredResponse(key, model, "p", run_id, answer, usd=0.25))
        for _ in range(3):
            await store.get("a")

    with ResponseStore(store_url) as store:
        store.open_run("r1", "post", "lake")
        asyncio.run(fill(store))
        store.change(store._note_uses)
        everything = upkeep.kept(store)
        now = everything.newest_at or 0.0
        counts = [
            {name: one.answers for name, one in found.items()}
            for found in (
                upkeep.kept_by_model(store),
                upkeep.kept_by_job(store),
                upkeep.kept_by_age(store, now),
                upkeep.kept_by_age(store, now + 8 * DAY),
            )
        ]
        (used,) = upkeep.run_uses(store)
        size = upkeep.stored_bytes(store)

    assert (everything.answers, everything.usd) == (3, 0.75)
    assert (everything.uses, everything.saved_usd) == (3, 0.75)
    assert counts == [
        {"small": 2, "big": 1},
        {"post": 2, "unknown": 1},
        {"within a day": 3},
        {"within a month": 3},
    ]
    assert (used.job, used.answers, used.usd, used.ended_at) == ("post", 2, 0.5, None)
    assert size > everything.bytes > 0


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(stored_before=95 * DAY), {"new", "big"}),
        (Selection(unused_since=95 * DAY), {"new", "big", "used"}),
        (Selection(model="large"), {"new", "old", "used"}),
        (Selection(model="large", stored_before=95 * DAY), {"new", "old", "used", "big"}),
    ],
    ids=["age", "use", "model", "both conditions"],
)
def test_what_meets_the_conditions_goes(shelf: Shelf, selection: Selection, left: set[str]) -> None:
    shelf.put("old", age=10)
    shelf.put("used", age=10)
    shelf.put("new", age=1)
    shelf.put("big", age=1, model="large")
    shelf.use("used")

    told = upkeep.prunable(shelf.store, selection, None)
    gone = upkeep.prune(shelf.store, selection, None)

    assert shelf.keys() == left
    assert told == gone
    assert gone.answers == 4 - len(left)


def test_beyond_a_size_what_was_used_last_is_kept(shelf: Shelf) -> None:
    for age in range(6):
        shelf.put(f"{age} days", age=age)
    shelf.use("5 days")
    one = upkeep.kept(shelf.store).bytes // 6

    upkeep.prune(shelf.store, Selection(beyond_bytes=3 * one), None)

    assert shelf.keys() == {"0 days", "1 days", "5 days"}


def test_prune_works_on_both_databases(store_url: str) -> None:
    async def fill(store: ResponseStore) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(2500):  # more than are deleted in one transaction
                answer = Answer("{}", "stop")
                group.create_task(
                    store.put(StoredResponse(f"{number}", "small", "p", "r1", answer))
                )

    with ResponseStore(store_url) as store:
        asyncio.run(fill(store))
        size = upkeep.kept(store).bytes // 2500
        gone = upkeep.prune(store, Selection(beyond_bytes=100 * size), None)

        assert (gone.answers, upkeep.kept(store).answers) == (2400, 100)
        assert upkeep.shrink(store)


def test_the_file_shrinks_when_answers_go(shelf: Shelf) -> None:
    for number in range(100):
        shelf.put(f"{number}", text=os.urandom(5000).hex())
    before = upkeep.stored_bytes(shelf.store)
    upkeep.prune(shelf.store, Selection(beyond_bytes=0), None)

    assert upkeep.shrink(shelf.store)

    assert upkeep.stored_bytes(shelf.store) < before / 2


def test_what_an_unfinished_run_stored_or_used_stays(shelf: Shelf) -> None:
    shelf.put("old", age=10)
    shelf.put("used", age=10)
    shelf.put("stored", age=1)
    shelf.use("used")

    upkeep.prune(shelf.store, Selection(beyond_bytes=0), needed_since=shelf.clock.now - 2 * DAY)

    assert shelf.keys() == {"used", "stored"}


class TestCommand:
    def do(self, *words: str) -> dict[str, Any]:
        """What `docmill cache ...` prints."""
        done = CliRunner().invoke(app, ["cache", *words, "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout.splitlines()[-1]))

    @pytest.fixture
    def lake(self, tmp_path: Path) -> str:
        """A lake with a run that is done."""
        job = make_job(invoices(tmp_path / "in", 4))
        assert run(job).status.value == "done"
        return job.lake

    def test_stats_name_what_is_there(self, lake: str) -> None:
        said = self.do("stats", "--lake", lake)

        assert said["answers"] > 0
        assert sum(one["answers"] for one in said["models"].values()) == said["answers"]
        assert list(said["jobs"]) == ["post"]
        assert list(said["ages"]) == ["within a day"]
        assert said["open_runs"] == []
        assert said["runs"][0]["ended_at"] is not None

    def test_a_dry_run_deletes_nothing_and_says_what_would_go(self, lake: str) -> None:
        would = self.do("prune", "--older-than", "0", "--dry-run", "--lake", lake)
        there = self.do("stats", "--lake", lake)

        assert would["answers"] == there["answers"] > 0
        assert not would["pruned"]

    def test_prune_deletes(self, lake: str) -> None:
        gone = self.do("prune", "--older-than", "0", "--lake", lake)

        assert gone["answers"] > 0
        assert gone["shrunk"]
        assert self.do("stats", "--lake", lake)["answers"] == 0

    def test_an_open_run_keeps_its_answers_until_it_is_forgotten(self, lake: str) -> None:
        (run_id,) = [one["run_id"] for one in self.do("stats", "--lake", lake)["runs"]]
        as_killed(Lake(lake), run_id)

        spared = self.do("prune", "--max-size", "0", "--lake", lake)
        gone = self.do("prune", "--max-size", "0", "--forget", run_id, "--lake", lake)

        assert (spared["answers"], spared["open_runs"]) == (0, [run_id])
        assert gone["answers"] == spared["spared"] > 0

    def test_a_run_of_another_lake_that_is_out_of_sight_is_taken_to_be_open(
        self, tmp_path: Path, lake: str
    ) -> None:
        with ResponseStore(f"sqlite:///{tmp_path / 'shared.db'}") as store:
            store.open_run("elsewhere", "post", str(tmp_path / "not mounted"))

            assert [one.run_id for one in open_runs(store, Lake(lake))] == ["elsewhere"]

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("prune",), "say which answers may go"),
            (("prune", "--max-size", "much"), "write it like 500MB"),
            (("prune", "--older-than", "0", "--forget", "r9"), "no unfinished run of that id"),
        ],
        ids=["no condition", "no size", "no run"],
    )
    def test_what_is_wrong_is_told_in_one_sentence(
        self, lake: str, words: tuple[str, ...], told: str
    ) -> None:
        done = CliRunner().invoke(app, ["cache", *words, "--lake", lake])

        assert done.exit_code == 2
        assert told in done.output

    def test_a_lake_without_a_store_is_left_as_it_is(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["cache", "stats", "--lake", str(tmp_path / "none")])

        assert done.exit_code == 2
        assert "there is no response store" in done.output
        assert not (tmp_path / "none" / "responses.db").exists()
