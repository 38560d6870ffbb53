"""Are the pages in docs/ true: tables as the code makes them, links and commands that exist?"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from benchmarks import walkthrough
from docs.make_tables import all_tables, filled, places
from flows.aa import app as aa
from flows.cli import app as docmill
from llms.cascade import MISSING_REQUIRED
from llms.failures import ESCALATING, JUDGED, PARKING, STOPPING, FailureClass
from llms.providers import LOCAL_BASE_URL, LOCAL_MODELS, PROFILES, provider_of
from llms.router import UNRECOGNISED
from schemas.job import Job
from schemas.manifest import RunSummary
from schemas.roles import Role
from tasks.jobs import document_types, expand
from tasks.parse_errors import Reason
from tasks.runtime import RESPONSES_URL

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
MOST_IMAGE_BYTES = 250_000

PROGRAMS = {"docmill": typer.main.get_command(docmill), "aa": typer.main.get_command(aa)}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def first_cells(text: str) -> set[str]:
    """The words in backticks in the first column of a page's tables."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def commands(text: str) -> Iterator[list[str]]:
    """The calls of docmill and aa in a page's code blocks, as lists of words."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            found = re.search(r"(?:^|bin/|-v )((?:docmill|aa) .*)", line.removeprefix("$ "))
            if found:
                yield shlex.split(found[1].split(" >>")[0])


def unknown_words(words: list[str]) -> list[str]:
    """What a call names that its program does not have."""
    command: Any = PROGRAMS[words[0]]
    rest = words[1:]
    while hasattr(command, "commands"):
        if rest[0] not in command.commands:
            return rest[:1]
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    return [word for word in rest if word.startswith("--") and word not in options]


def test_the_walkthrough_shows_what_a_run_of_the_samples_leaves(tmp_path: Path) -> None:
    committed = page("walkthrough.md")

    made = filled(committed, walkthrough.blocks(str(tmp_path / "lake")))

    # When it differs: python benchmarks/walkthrough.py --write, and read the page again.
    assert walkthrough.masked(committed) == walkthrough.masked(made)


@pytest.mark.parametrize("name", ["job.md", "models.md"])
def test_the_tables_of_a_page_are_those_of_the_code(name: str) -> None:
    committed = page(name)

    # When they differ: python docs/make_tables.py
    assert places(committed)
    assert committed == filled(committed, all_tables())


def test_places_that_are_still_empty_are_filled_one_by_one() -> None:
    empty = "<!-- made: a -->\n<!-- end -->\ntext\n<!-- made: b -->\n<!-- end -->\n"
    made = {"a": "| 1 |", "b": "| 2 |"}

    once = filled(empty, made)

    assert once == (
        "<!-- made: a -->\n| 1 |\n<!-- end -->\ntext\n<!-- made: b -->\n| 2 |\n<!-- end -->\n"
    )
    assert filled(once, made) == once


def test_the_job_that_is_shown_is_valid() -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", page("job.md"), re.DOTALL | re.MULTILINE)

    jobs = [expand(Job.model_validate(yaml.safe_load(example))) for example in examples]

    assert [[t.name for t in document_types(job)] for job in jobs] == [["invoice", "delivery_note"]]


def test_the_object_that_a_run_prints_is_described() -> None:
    described = page("operations.md").split("## On Prefect")[0]

    assert [key for key in RunSummary.model_fields if f"`{key}`" not in described] == []


def test_every_table_that_is_made_has_a_place() -> None:
    placed = [name for path in PAGES for name in places(path.read_text(encoding="utf-8"))]

    assert set(all_tables()) <= set(placed)
    assert len(placed) == len(set(placed))


def test_every_class_of_dead_letters_is_explained() -> None:
    told = first_cells(page("formats.md"))

    assert {reason.value for reason in Reason} <= told
    assert {UNRECOGNISED, MISSING_REQUIRED, FailureClass.INVALID_ANSWER.value} <= told


def test_every_failure_class_of_a_call_is_explained() -> None:
    rules, _, _ = page("failures.md").partition("<!-- end -->")
    rows = {
        match[1]: match[2]
        for match in re.finditer(r"^\| `(\w+)` \|.*\|([^|]*)\|$", rules, re.MULTILINE)
    }

    assert {failure.value for failure in FailureClass} <= set(rows)
    assert all("parked" in rows[failure] for failure in PARKING | JUDGED)
    assert all("run stops" in rows[failure] for failure in STOPPING)
    assert all("dead letter" in rows[failure] for failure in ESCALATING | JUDGED)


def test_every_role_profile_and_variable_is_named() -> None:
    told = first_cells(page("models.md"))

    keys = {provider_of(name, {}).key_env for name in PROFILES} - {None}
    assert {role.value for role in Role} <= told
    assert set(PROFILES) <= told
    assert keys | {"OPENAI_BASE_URL", LOCAL_BASE_URL, LOCAL_MODELS, RESPONSES_URL} <= told


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    links = re.findall(r"\]\(([^)\s]+)\)", text)

    lost = [
        link
        for link in links
        if not link.startswith("http")
        and not (link[1:] in anchors if link.startswith("#") else (DOCS / link).exists())
    ]

    assert lost == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_exist_with_their_options(path: Path) -> None:
    found = list(commands(path.read_text(encoding="utf-8")))

    assert [(words, unknown) for words in found if (unknown := unknown_words(words))] == []


def test_an_option_that_does_not_exist_would_be_found() -> None:
    text = "```\n$ docmill run x --directly\naa ask y\n```\n"

    assert [unknown_words(words) for words in commands(text)] == [["--directly"], ["ask"]]


def test_ids_times_durations_and_checksums_do_not_count() -> None:
    one = "run 20261123T072940-9d922a at 2026-11-23T07:29:42.047267+00:00 took 1.9 ms"
    other = "run 20270101T000000-0a1b2c at 2027-01-01T00:00:00+00:00 took 20.0 ms"

    assert walkthrough.masked(one) == walkthrough.masked(other)
    assert walkthrough.masked("documents = 95") != walkthrough.masked("documents = 94")


@pytest.mark.parametrize("path", sorted((DOCS / "images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(path: Path) -> None:
    shown = "".join(p.read_text(encoding="utf-8") for p in [*PAGES, ROOT / "README.md"])

    assert path.stat().st_size < MOST_IMAGE_BYTES
    assert f"images/{path.name}" in shown
