"""A job is the same thing whether it comes from a file, a folder or code."""

from pathlib import Path

import pytest

from schemas.job import Job
from tasks.jobs import JobError, document_types, expand, load_job


def write(folder: Path, text: str) -> Path:
    file = folder / "docmill.yaml"
    file.write_text(text)
    return file


def test_a_folder_nobody_described_is_read_with_the_generic_type(tmp_path: Path) -> None:
    job = load_job(str(tmp_path))

    assert [t.name for t in document_types(job)] == ["generic"]
    assert job.source.path == str(tmp_path)


def test_a_job_file_is_found_in_its_folder_and_its_source_is_relative_to_it(tmp_path: Path) -> None:
    write(tmp_path, "name: night\ntypes: [invoice]\nsource: {path: inbox}\n")

    job = load_job(str(tmp_path))

    assert job.name == "night"
    assert job.source.path == str(tmp_path / "inbox")


def test_inline_fields_and_changed_shipped_types_stand_side_by_side(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
types:
  - use: invoice
    match: ["in/**"]
    extra_fields: [{name: cost_center, description: The cost centre.}]
  - name: delivery_note
    description: A note that comes with goods.
    fields:
      - {name: weight_kg, type: decimal, minimum: 0}
""",
    )

    invoice, note = document_types(load_job(str(tmp_path)))

    assert invoice.match == ("in/**",)
    assert invoice.fields[-1].name == "cost_center"
    assert (note.name, note.fields[0].minimum) == ("delivery_note", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("types: [invoices]\n", "ships no document type 'invoices'"),
        ("nonsense: 1\n", "nonsense: there is no such setting"),
        ("source: {path: x, max_bytes: -1}\n", "source.max_bytes"),
        ("- a\n- b\n", "must hold a mapping"),
        ("a: [\n", "is not valid YAML"),
        ("types: [invoice, invoice]\n", "named twice"),
        ("fallback_type: nothing\n", "fallback_type 'nothing'"),
        ("types: [{name: a, fields: [{name: b, pattern: '('}]}]\n", "is no regular expression"),
    ],
    ids=[
        "unknown type",
        "unknown key",
        "bad value",
        "list",
        "broken",
        "twice",
        "fallback",
        "pattern",
    ],
)
def test_a_mistake_in_a_job_file_is_one_clear_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    write(tmp_path, text)

    with pytest.raises(JobError) as caught:
        load_job(str(tmp_path))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_there_is_one_clear_sentence() -> None:
    with pytest.raises(JobError, match="nowhere does not exist"):
        load_job("nowhere")


def test_a_shipped_fallback_need_not_be_listed() -> None:
    job = expand(Job(types=("invoice",), fallback_type="generic"))

    assert [t.name for t in document_types(job)] == ["invoice", "generic"]


def test_overrides_take_the_place_of_the_files_own_values(tmp_path: Path) -> None:
    write(tmp_path, "budget_usd: 5\nsource: {path: inbox, max_bytes: 10}\n")

    job = load_job(str(tmp_path), {"budget_usd": 1.0, "source": {"limit": 3}})

    assert (job.budget_usd, job.source.limit, job.source.max_bytes) == (1.0, 3, 10)
