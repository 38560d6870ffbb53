"""Gold folders are read as they are, and a broken one says where it is broken."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.fields import FieldSource, FieldType
from tasks.gold import GoldError, Match, document_types, load_gold

DATA = Path(__file__).parents[2] / "shared" / "data" / "docs"


def make_gold(
    root: Path,
    *,
    fields: list[dict[str, Any]] | None = None,
    labels: list[dict[str, Any]] | None = None,
    name: str = "my-set 1",
) -> Path:
    """A gold folder of two documents, with what the test is about put in its place."""
    (root / "documents" / "sub").mkdir(parents=True)
    for file in ("a.txt", "sub/b.txt"):
        (root / "documents" / file).write_text("text")
    fields = [{"name": "total"}] if fields is None else fields
    labels = [{"file": "a.txt", "fields": {}}] if labels is None else labels
    (root / "fields.json").write_text(json.dumps({"set": name, "fields": fields}))
    lines = [json.dumps(label) for label in labels]
    (root / "labels.jsonl").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize(
    ("word", "type_", "as_printed", "multi", "source"),
    [
        ("string", "string", False, False, "text"),
        ("date-iso", "date", False, False, "text"),
        ("date-as-printed", "date", True, False, "text"),
        ("money-as-printed", "decimal", True, False, "text"),
        ("decimal", "decimal", False, False, "text"),
        ("integer", "integer", False, False, "text"),
        ("boolean", "boolean", False, False, "text"),
        ("datetime-iso", "datetime", False, False, "text"),
        ("duration", "duration", False, False, "text"),
        ("category", "string", False, False, "inferred"),
        ("entity-list", "string", False, True, "text"),
    ],
)
def test_a_type_word_makes_a_field(
    tmp_path: Path, word: str, type_: str, as_printed: bool, multi: bool, source: str
) -> None:
    gold = load_gold(make_gold(tmp_path, fields=[{"name": "total", "type": word}]))

    spec = gold.fields[0].spec
    assert (spec.type, spec.as_printed, spec.multi, spec.source) == (
        FieldType(type_),
        as_printed,
        multi,
        FieldSource(source),
    )
    assert not spec.required


def test_a_category_with_choices_keeps_them(tmp_path: Path) -> None:
    entry = {"name": "kind", "type": "category", "choices": ["a", "b"]}

    spec = load_gold(make_gold(tmp_path, fields=[entry])).fields[0].spec

    assert (spec.type, spec.choices) == (FieldType.CATEGORY, ("a", "b"))


@pytest.mark.parametrize(
    ("description", "source"),
    [
        ("code of the invoice; not printed", "inferred"),
        ("Derived from the sender", "inferred"),
        ("may be inferred", "inferred"),
        ("digits as printed", "text"),
        ("", "text"),
    ],
)
def test_a_field_is_inferred_when_its_description_says_so(
    tmp_path: Path, description: str, source: str
) -> None:
    entry = {"name": "total", "description": description}

    gold = load_gold(make_gold(tmp_path, fields=[entry]))

    assert gold.fields[0].spec.source == FieldSource(source)


def test_labels_are_read_as_text_with_null_for_what_is_missing(tmp_path: Path) -> None:
    fields = [
        {"name": "lines", "type": "integer"},
        {"name": "names", "multi": True},
        {"name": "who", "type": "entity-list", "match": "any-mention"},
        {"name": "paid", "type": "boolean"},
        {"name": "left_out"},
    ]
    values = {"lines": 4, "names": ["x", 2], "who": [["a", "b"], ["c"]], "paid": True}

    gold = load_gold(
        make_gold(tmp_path, fields=fields, labels=[{"file": "sub/b.txt", "fields": values}])
    )

    assert gold.labels["sub/b.txt"].fields == {
        "lines": "4",
        "names": ["x", "2"],
        "who": [["a", "b"], ["c"]],
        "paid": "true",
        "left_out": None,
    }
    assert gold.fields[2].match is Match.ANY_MENTION


def test_a_single_type_is_named_after_the_set(tmp_path: Path) -> None:
    (document_type,) = document_types(load_gold(make_gold(tmp_path)))

    assert document_type.name == "my_set_1"


def test_a_name_that_begins_with_a_digit_is_made_fit(tmp_path: Path) -> None:
    (document_type,) = document_types(load_gold(make_gold(tmp_path, name="20 groups!")))

    assert document_type.name == "set_20_groups"


def test_several_types_have_their_own_fields_even_of_the_same_name(tmp_path: Path) -> None:
    fields = [
        {"name": "total", "type": "decimal", "match": "numeric", "document_type": "invoice"},
        {"name": "total", "document_type": "receipt"},
        {"name": "shop", "document_type": "receipt"},
    ]
    labels = [
        {"file": "a.txt", "type": "receipt", "fields": {"total": "1", "shop": "x"}},
        {"file": "sub/b.txt", "type": None, "expect": "failed", "fields": {}},
    ]

    gold = load_gold(make_gold(tmp_path, fields=fields, labels=labels))

    assert [(t.name, [f.name for f in t.fields]) for t in document_types(gold)] == [
        ("invoice", ["total"]),
        ("receipt", ["total", "shop"]),
    ]
    assert gold.labels["sub/b.txt"].document_type is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "expected an object with a list `fields`"),
        ([{}], "field 1 is no object with a `name`"),
        ([{"name": "a b"}], "field 'a b': name"),
        ([{"name": "x", "type": "money"}], "has type 'money'; known: string,"),
        ([{"name": "x", "match": "fuzzy"}], "has match 'fuzzy'; known: exact,"),
        ([{"name": "x"}, {"name": "x"}], "field 'x' is listed twice"),
        ([{"name": "x"}, {"name": "y", "document_type": "t"}], "name it in all or none"),
        ([{"name": "x", "document_type": "no name"}], "field 'x': name"),
        ([{"name": "x", "document_type": 7}], "field 'x': name"),
        ([{"name": "x", "choices": ["a"]}], "make it a category"),
    ],
)
def test_a_broken_field_list_is_refused(
    tmp_path: Path, fields: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(GoldError) as refused:
        load_gold(make_gold(tmp_path, fields=fields))

    assert str(refused.value).startswith(f"{tmp_path / 'fields.json'}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([], "expected a JSON object"),
        ({"fields": {}}, "no `file`"),
        ({"file": "c.txt", "fields": {}}, "'c.txt' is no file below"),
        ({"file": "../fields.json", "fields": {}}, "is no file below"),
        ({"file": "/etc/passwd", "fields": {}}, "is no file below"),
        ({"file": "bad\u0000name", "fields": {}}, "is no file below"),
        ({"file": "a.txt"}, "no `fields`"),
        ({"file": "a.txt", "fields": {"totl": "1"}}, "did you mean 'total'?"),
        ({"file": "a.txt", "fields": {"total": ["1"]}}, "holds one value"),
        ({"file": "sub/b.txt", "fields": {}}, "has a label already, in line 1"),
    ],
)
def test_a_broken_label_is_refused_with_its_line(tmp_path: Path, label: Any, message: str) -> None:
    labels = [{"file": "sub/b.txt", "fields": {}}, label]

    with pytest.raises(GoldError) as refused:
        load_gold(make_gold(tmp_path, labels=labels))

    assert str(refused.value).startswith(f"{tmp_path / 'labels.jsonl'}, line 2: ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("match", "value"),
    [("exact", "x"), ("exact", [None]), ("any-mention", ["a", 1]), ("any-mention", [[]])],
)
def test_a_repeatable_field_needs_a_list_of_its_kind(
    tmp_path: Path, match: str, value: object
) -> None:
    fields = [{"name": "who", "multi": True, "match": match}]
    labels = [{"file": "a.txt", "fields": {"who": value}}]

    with pytest.raises(GoldError, match="field 'who'"):
        load_gold(make_gold(tmp_path, fields=fields, labels=labels))


@pytest.mark.parametrize("part", ["documents", "labels.jsonl", "fields.json"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    root = make_gold(tmp_path / "gold")
    (root / part).rename(tmp_path / "gone")

    with pytest.raises(GoldError, match=f"no {part}"):
        load_gold(root)


def test_labels_that_are_no_json_or_no_utf8_are_refused(tmp_path: Path) -> None:
    root = make_gold(tmp_path)

    (root / "labels.jsonl").write_text("\n{'file'}\n")
    with pytest.raises(GoldError, match=r"labels.jsonl, line 2: not JSON"):
        load_gold(root)
    (root / "labels.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(GoldError, match="not UTF-8"):
        load_gold(root)
    (root / "labels.jsonl").write_text("\n")
    with pytest.raises(GoldError, match="no labels"):
        load_gold(root)


@pytest.mark.skipif(not DATA.is_dir(), reason="the labelled sets are not beside the project")
@pytest.mark.parametrize(
    ("name", "count"),
    [("receipts", 317), ("contracts-nda", 173), ("einvoices", 48), ("news-events", 852)],
)
def test_real_gold_folders_are_read_whole(name: str, count: int) -> None:
    gold = load_gold(DATA / name)

    assert len(gold.labels) == count
    assert len(document_types(gold)) == 1
