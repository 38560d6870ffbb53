"""Does the generator of documents keep its promises?"""

import importlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.job import Job
from tests.gold_checks import (
    by_file,
    files_below,
    label_faults,
    missing_values,
    read_labels,
)

ROOT = Path(__file__).parents[1]
TYPES = ("invoice", "receipt", "contract", "support_ticket", "email")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, imported the way running it would find its modules."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("make_documents")


def generate(make: Any, out: Path, **changes: Any) -> dict[str, bytes]:
    """Write a small folder with the generator; its files below `out`, and their bytes."""
    usual = {"count": 60, "seed": 1, "since": date(2026, 2, 1), "days": 40}
    make.make_documents(out, **{**usual, "formats": make.TEXT_FORMATS, **changes})
    return {name: (out / name).read_bytes() for name in files_below(out)}


def test_the_same_seed_gives_the_same_bytes(make: Any, tmp_path: Path) -> None:
    assert generate(make, tmp_path / "a") == generate(make, tmp_path / "b")


def test_another_seed_gives_other_documents(make: Any, tmp_path: Path) -> None:
    one = generate(make, tmp_path / "a", seed=1)
    other = generate(make, tmp_path / "b", seed=2)

    assert not {v for k, v in one.items() if k.startswith("documents/")} & set(other.values())


def test_generated_documents_are_as_many_as_asked_for_and_all_different(
    make: Any, tmp_path: Path
) -> None:
    files = generate(make, tmp_path / "a", count=83)
    documents = [data for name, data in files.items() if name.startswith("documents/")]

    assert len(documents) == len(set(documents)) == len(read_labels(tmp_path / "a")) == 83


@pytest.mark.parametrize("formats", [None, ("pdf", "docx", "xlsx", "rtf")], ids=["text", "office"])
def test_generated_labels_are_sound_and_stand_in_their_documents(
    make: Any, tmp_path: Path, formats: tuple[str, ...] | None
) -> None:
    changes = {"formats": formats, "count": 24} if formats else {}
    files = generate(make, tmp_path / "a", **changes)
    labels = read_labels(tmp_path / "a")
    data = {by_file(label): files[f"documents/{by_file(label)}"] for label in labels}

    assert label_faults(labels) == []
    assert [missing_values(label, data[by_file(label)]) for label in labels] == [[]] * len(labels)


def test_a_generated_document_is_dated_by_its_folders_and_its_modification_time(
    make: Any, tmp_path: Path
) -> None:
    generate(make, tmp_path / "a")

    for path in (tmp_path / "a" / "documents").rglob("*.*"):
        day = date(*map(int, path.parts[-4:-1]))
        assert date(2026, 2, 1) <= day < date(2026, 2, 1) + timedelta(days=40)
        assert datetime.fromtimestamp(path.stat().st_mtime, UTC).date() == day


def test_the_generated_job_is_valid(make: Any, tmp_path: Path) -> None:
    files = generate(make, tmp_path / "a", count=1)

    assert Job.model_validate(yaml.safe_load(files["docmill.yaml"])).types == TYPES


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--formats", "txt,doc"], "unknown format 'doc'"),
        (["--count", "0"], "'0' is not a whole number above zero"),
        (["--formats", "pdf", "--text-only"], "no document comes as"),
    ],
)
def test_the_script_refuses_what_it_cannot_do_in_one_sentence(
    arguments: list[str], complaint: str, tmp_path: Path
) -> None:
    script = [sys.executable, "benchmarks/make_documents.py", str(tmp_path / "out"), *arguments]
    ended = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode != 0
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr
