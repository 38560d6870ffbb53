"""What the offline engines make of an answer schema."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.offline.concepts import Kind
from llms.offline.page import Page
from llms.offline.plans import plan_for
from schemas.answers import extraction_schema
from schemas.documents import SHIPPED, shipped_type
from schemas.fields import DocumentType, FieldSpec, FieldType


def make_plan(*fields: FieldSpec):
    return plan_for(extraction_schema(DocumentType(name="anything", fields=fields)))


@pytest.mark.parametrize(
    ("name", "description", "kind", "concept"),
    [
        ("company", "issuing shop, as printed", Kind.PARTY, "merchant"),
        ("party", "every party of the contract", Kind.PARTY, "parties"),
        ("jurisdiction", "state or country whose law governs", Kind.PLACE, "jurisdiction"),
        ("docket_number", "one per docket", Kind.IDENTIFIER, "case_number"),
        ("case_name", "", Kind.VERSUS, "case_name"),
        ("from", "addresses", Kind.EMAIL, "sender"),
        ("message_id", "without angle brackets", Kind.IDENTIFIER, "message_id"),
        ("attachment_names", "", Kind.FILES, "attachments"),
        ("buyer_name", "", Kind.PARTY, "buyer"),
        ("sellerVatId", "", Kind.IDENTIFIER, "vat_id"),
        ("cust_no", "", Kind.IDENTIFIER, ""),
        ("colour", "", Kind.TEXT, ""),
    ],
)
def test_a_name_and_a_sentence_give_the_kind_and_the_concept(
    name: str, description: str, kind: Kind, concept: str
) -> None:
    (field,) = make_plan(FieldSpec(name=name, description=description)).fields

    assert (field.kind, field.concept) == (kind, concept)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (FieldSpec(name="x", type=FieldType.DATE), Kind.DATE),
        (FieldSpec(name="x", type=FieldType.DATETIME), Kind.DATETIME),
        (FieldSpec(name="x", type=FieldType.DECIMAL), Kind.AMOUNT),
        (FieldSpec(name="x", type=FieldType.INTEGER), Kind.INTEGER),
        (FieldSpec(name="x", type=FieldType.DURATION), Kind.DURATION),
        (FieldSpec(name="x", type=FieldType.BOOLEAN), Kind.BOOLEAN),
        (FieldSpec(name="n_lines", type=FieldType.INTEGER), Kind.COUNT),
        (FieldSpec(name="date", type=FieldType.DATE, as_printed=True), Kind.DATE),
        (FieldSpec(name="total", type=FieldType.DECIMAL, as_printed=True), Kind.AMOUNT),
    ],
    ids=lambda case: f"{case.name}-{case.type}" if isinstance(case, FieldSpec) else str(case),
)
def test_the_declared_type_decides_over_the_name(spec: FieldSpec, kind: Kind) -> None:
    assert make_plan(spec).fields[0].kind is kind


def test_a_description_refines_a_plain_name() -> None:
    plan = make_plan(
        FieldSpec(name="date", type=FieldType.DATE, description="Day of publication of the page.")
    )

    assert plan.fields[0].concept == "date_publication"


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_schema_has_a_plan_with_all_its_fields(name: str) -> None:
    schema = extraction_schema(shipped_type(name))

    assert [field.name for field in plan_for(schema).fields] == list(schema["properties"])
    assert plan_for(schema) is plan_for(schema)


def test_the_longest_label_wins_so_that_a_due_date_is_no_date() -> None:
    plan = make_plan(FieldSpec(name="date", type=FieldType.DATE))

    page = Page("Due date: 1 May 2026\nDate: 2 May 2026\n", plan)

    assert [page.text[hit.start : hit.end] for hit in page.by_field[0]] == ["Date:"]


def test_a_hyphen_inside_a_compound_label_does_not_matter() -> None:
    plan = make_plan(FieldSpec(name="issue_date", type=FieldType.DATE))

    page = Page("Rechnungs-Datum: 02.05.2026", plan)

    assert [page.text[hit.start : hit.end] for hit in page.by_field[0]] == ["Rechnungs-Datum:"]


def labels_in(text: str, *fields: FieldSpec) -> list[str]:
    page = Page(text, make_plan(*fields))
    return [page.text[hit.start : hit.end] for hit in page.hits]


def test_a_label_of_one_schema_is_none_for_another() -> None:
    text = "Flurbnum: 17\nInvoice flurb code: 18\n"
    special = FieldSpec(name="x", labels=("Flurbnum", "Invoice flurb code"))

    assert labels_in(text, special) == ["Flurbnum:", "Invoice flurb code:"]
    assert labels_in(text, FieldSpec(name="y")) == ["Invoice"]
    assert labels_in(text, special) == ["Flurbnum:", "Invoice flurb code:"]


def test_a_label_that_begins_a_known_one_takes_nothing_from_it() -> None:
    text = "Due date: 1 May 2026\n"

    assert labels_in(text, FieldSpec(name="x", labels=("Due date of the rent",))) == ["Due date:"]
    assert labels_in(text, FieldSpec(name="x", labels=("Due",))) == ["Due date:"]


@settings(deadline=None)  # the first plan of a process reads the whole lexicon
@given(st.sets(st.sampled_from([spec.name for spec in shipped_type("invoice").fields]), min_size=1))
def test_a_field_is_planned_alike_in_every_subset_of_its_type(names: set[str]) -> None:
    invoice = shipped_type("invoice")
    whole = {field.name: field for field in plan_for(extraction_schema(invoice)).fields}

    part = plan_for(extraction_schema(invoice.subset(names)))

    assert [replace(f, index=whole[f.name].index) for f in part.fields] == [
        whole[f.name] for f in part.fields
    ]
    for at, field in enumerate(part.fields):
        page = Page("Invoice number: 17\nTotal: 3.00\nSeller: A Ltd\nDate: 1 May 2026\n", part)
        known = Page(page.text, plan_for(extraction_schema(invoice)))
        own = [(hit.start, hit.label.fields[at]) for hit in page.by_field.get(at, ())]
        index = whole[field.name].index
        assert own == [(h.start, h.label.fields[index]) for h in known.by_field.get(index, ())]
