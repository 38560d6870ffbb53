"""Manifests: what was written is read, damage is a sentence, a dead process shows."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.job import Job, Source
from schemas.manifest import Books, Manifest, RunStatus
from storage.manifests import list_runs, read_manifest, shown_status, write_manifest
from storage.store import Lake, LakeError

STARTED = datetime(2026, 3, 14, 2, 15, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A real manifest, as a run writes it."""
    from flows.wiring import start_run

    job = Job(source=Source(path=str(tmp_path)), lake=str(tmp_path), types=("invoice",))
    return start_run(job, env={}, run_id="r1")


def test_a_manifest_comes_back_as_it_was(lake: Lake, manifest: Manifest) -> None:
    changed = manifest.model_copy(
        update={"extract": Books(inputs=3, done=2, failed={"refused": 1}), "error": "why – not"}
    )

    path = write_manifest(lake, changed)

    assert path == "runs/r1/manifest.json"
    assert read_manifest(lake, "r1") == changed


def test_an_unknown_run_is_said_with_what_lists_the_known_ones(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"run 'r2' is not in the lake .*`docmill runs` lists them"):
        read_manifest(lake, "r2")


@pytest.mark.parametrize(
    "damage",
    [lambda text: text[: len(text) // 2], lambda text: text.replace("running", "walking"),
     lambda _: "", lambda _: "[]"],
    ids=["cut", "bad value", "empty", "not an object"],
)  # fmt: skip
def test_a_damaged_manifest_is_said_in_one_sentence(
    lake: Lake, manifest: Manifest, damage: Any
) -> None:
    path = Path(lake.full(write_manifest(lake, manifest)))
    path.write_text(damage(path.read_text()))

    with pytest.raises(LakeError, match=r"manifest\.json is damaged") as caught:
        read_manifest(lake, "r1")

    assert "\n" not in str(caught.value)


def test_runs_are_listed_oldest_first_and_folders_without_a_manifest_left_out(
    lake: Lake, manifest: Manifest
) -> None:
    for number, run_id in enumerate(["c", "a", "b"]):
        started = STARTED - timedelta(hours=number)
        write_manifest(lake, manifest.model_copy(update={"run_id": run_id, "started_at": started}))
    Path(lake.full("runs/r1/manifest.json")).unlink()

    assert [m.run_id for m in list_runs(lake)] == ["b", "a", "c"]


def test_a_running_run_whose_process_is_gone_was_interrupted(
    lake: Lake, manifest: Manifest
) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead = manifest.model_copy(update={"pid": process.pid})

    assert shown_status(lake, manifest) == "running"
    assert shown_status(lake, dead) == "interrupted"
    assert shown_status(lake, dead.model_copy(update={"host": "another machine"})) == "running"
    reported = {"status": RunStatus.DONE, "outputs": {"report.html": "0"}}
    assert shown_status(lake, dead.model_copy(update=reported)) == "done"
    # Killed between the end of the run and its report.
    assert shown_status(lake, dead.model_copy(update={"status": RunStatus.DONE})) == "interrupted"
    assert manifest.pid == os.getpid()
