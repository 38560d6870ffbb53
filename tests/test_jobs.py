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
        ("source: {include: ['[z-a]']}\n", "source.include: '[z-a]' is no glob"),
        ("types: [{use: invoice, match: ['[z-a]']}]\n", "match of type 'invoice': '[z-a]' is no"),
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
        "glob of the source",
        "glob of a type",
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("types: invoice", "types: should be a list such as [a, b]", id="no list"),
        pytest.param(
            "types: [3]",
            "types.0: should be a mapping such as {name: ...} or a mapping such as {use: ...} "
            "or text",
            id="none of the kinds",
        ),
        pytest.param(
            "types: [{use: invoice, mach: [a]}]",
            "types.0.mach: there is no such setting; did you mean 'match'?",
            id="a shipped type",
        ),
        pytest.param(
            "types: [{use: invoice, fields: [{name: a}]}]",
            "types.0.fields: there is no such setting; did you mean 'extra_fields'?",
            id="a setting of the other kind of type",
        ),
        pytest.param(
            "types: [{name: a, fields: [{name: b, requird: true}]}]",
            "types.0.fields.0.requird: there is no such setting; did you mean 'required'?",
            id="a type of one's own",
        ),
        pytest.param("types: [{name: a}]", "types.0.fields: is missing", id="missing"),
        pytest.param(
            "types: [{name: a, fields: []}]", "types.0.fields: should hold at least 1", id="empty"
        ),
        pytest.param(
            "types: [{use: invoice, keep: a}, {use: receipt, keep: a}]",
            "types.0.keep: should be a list such as [a, b] (and 1 more)",
            id="two of them",
        ),
        pytest.param(
            "providers: {a: {base_url: 'http://a/v1', models: {b: 3}}}",
            "providers.a.models.b: should be a mapping such as {name: ...} or text",
            id="a union in a union",
        ),
        pytest.param("audit: 0.1", "audit: should be a mapping such as {share: ...}", id="scalar"),
        pytest.param("shadow: 2", "shadow.share: should be at most 1", id="bound"),
        pytest.param("processes: many", "processes: should be a whole number", id="number"),
        pytest.param(
            "types: [{uses: invoice}]",
            "types.0.uses: there is no such setting; did you mean 'use'? (and 1 more)",
            id="misspelt",
        ),
        pytest.param(
            "lanes: {extrct: batch}",
            "lanes.extrct: there is no such choice; did you mean 'extract'?",
            id="misspelt name of a mapping",
        ),
        pytest.param(
            "types: [{name: a, fields: [{name: b, minimum: 5, maximum: 1}]}]",
            "types.0.fields.0: field 'b': its minimum 5 is over its maximum 1",
            id="an empty range",
        ),
    ],
)
def test_a_mistake_is_told_for_the_kind_that_was_meant(
    tmp_path: Path, text: str, said: str
) -> None:
    file = write(tmp_path, text)

    with pytest.raises(JobError) as caught:
        load_job(str(tmp_path))

    assert str(caught.value) == f"{file}: {said}"


def test_a_mistake_in_an_option_is_not_laid_to_the_file(tmp_path: Path) -> None:
    write(tmp_path, "name: inbox")

    with pytest.raises(JobError, match=r"^--ready-by: 'noon' is no time such as 06:00 or "):
        load_job(str(tmp_path), {"ready_by": "noon"})


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
