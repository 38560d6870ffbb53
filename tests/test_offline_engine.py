"""What the two engines read in documents, asked exactly as the pipeline asks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.offline.engine import CAREFUL, QUICK, answer
from llms.prompts import CUT, extraction_prompt
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import SHIPPED, shipped_type
from schemas.fields import DocumentType, FieldSpec, FieldType

BOTH = pytest.mark.parametrize("model", [QUICK, CAREFUL])

INVOICE = """\
Brightwater Plumbing Ltd
8 Canal Street
Bristol BS1 5TR
Tel: 0117 496 0000

INVOICE

Invoice No: BW-2207
Invoice date: 12 March 2026
Due date: 11 April 2026
VAT ID: GB 482 1193 07

Bill to:
Ashcombe Dental Practice
3 Park Row
Bristol BS1 5LJ

Description            Qty     Price    Amount
Boiler service           1    180.00    180.00
Radiator valve           4     22.50     90.00

Subtotal   270.00
VAT 20%   54.00
Total due   £324.00
"""

RECHNUNG = """\
Gärtnerei Sonnenhof GmbH • Am Anger 4 • 99084 Erfurt

Hotel Lindenhof KG
Marktplatz 1
99423 Weimar

Rechnung Nr. 2026-118 vom 03.02.2026
Leistungsdatum: 30.01.2026

Summe netto: 1.240,00 EUR
Umsatzsteuer 19 %: 235,60 EUR
Gesamtbetrag: 1.475,60 EUR

Zahlbar bis 17.02.2026 ohne Abzug.
USt-IdNr.: DE 123 456 789
"""

AGREEMENT = """\
SUPPLY AGREEMENT

This Agreement is entered into as of 4 May 2026 by and between Northgate Mills Ltd, a company
registered in England ("Supplier"), and Jane Fielding ("Customer").

1. Term. This Agreement shall remain in effect for a period of three (3) years.
2. Either party may terminate it upon 60 days' prior written notice.
3. It is governed by the laws of the State of Vermont.
"""


def make_type(*fields: FieldSpec | str) -> DocumentType:
    """A document type of `fields`; a string is a field that says nothing but its name."""
    return DocumentType(
        name="anything",
        fields=tuple(FieldSpec(name=f) if isinstance(f, str) else f for f in fields),
    )


def read(
    document_type: DocumentType | str, text: str, model: str = CAREFUL, **more: Any
) -> dict[str, Any]:
    kind = shipped_type(document_type) if isinstance(document_type, str) else document_type
    system, user = extraction_prompt(kind, text, **more)
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return answer(model, messages, EXTRACTION, extraction_schema(kind))


def values(answered: dict[str, Any]) -> dict[str, Any]:
    """The values alone, lists included."""
    return {
        name: [one["value"] for one in found] if isinstance(found, list) else found["value"]
        for name, found in answered.items()
    }


@BOTH
def test_an_invoice_with_labels_on_the_left_is_read_whole(model: str) -> None:
    assert values(read("invoice", INVOICE, model)) == {
        "invoice_number": "BW-2207",
        "issue_date": "2026-03-12",
        "due_date": "2026-04-11",
        "seller_name": "Brightwater Plumbing Ltd",
        "seller_vat_id": "GB 482 1193 07",
        "buyer_name": "Ashcombe Dental Practice",
        "currency": "GBP",
        "net_total": "270.00",
        "tax_total": "54.00",
        "grand_total": "324.00",
    }


def test_the_careful_engine_reads_a_german_letterhead_and_a_number_in_a_sentence() -> None:
    assert values(read("invoice", RECHNUNG)) == {
        "invoice_number": "2026-118",
        "issue_date": "2026-02-03",
        "due_date": "2026-02-17",
        "seller_name": "Gärtnerei Sonnenhof GmbH",
        "seller_vat_id": "DE 123 456 789",
        "buyer_name": "Hotel Lindenhof KG",
        "currency": "EUR",
        "net_total": "1240.00",
        "tax_total": "235.60",
        "grand_total": "1475.60",
    }


def test_the_careful_engine_reads_a_contract_in_prose() -> None:
    assert values(read("contract", AGREEMENT)) == {
        "title": "SUPPLY AGREEMENT",
        "parties": ["Northgate Mills Ltd", "Jane Fielding"],
        "effective_date": "2026-05-04",
        "term": "3 years",
        "notice_period": "60 days",
        "governing_law": "Vermont",
    }


@BOTH
def test_the_header_of_a_message_is_read(model: str) -> None:
    text = (
        "From: Ida Brandt <ida@brandt.example>\nTo: desk@help.example, ops@help.example\n"
        "Subject: Re: Broken lamp\nDate: Tue, 3 Mar 2026 09:12:00 +0100\n"
        "Message-ID: <a1.b2@mail.example>\nAttachments: lamp.jpg, bill.pdf\n\nHello\n"
    )

    assert values(read("email", text, model)) == {
        "sender": "ida@brandt.example",
        "recipients": ["desk@help.example", "ops@help.example"],
        "subject": "Re: Broken lamp",
        "sent_at": "2026-03-03T09:12:00+01:00",
        "message_id": "a1.b2@mail.example",
        "attachments": ["lamp.jpg", "bill.pdf"],
    }


@BOTH
def test_a_bare_field_name_is_enough(model: str) -> None:
    kind = make_type("company", FieldSpec(name="total", type=FieldType.DECIMAL), "invoice_number")

    answered = values(read(kind, INVOICE, model))

    assert answered == {
        "company": "Brightwater Plumbing Ltd",
        "total": "324.00",
        "invoice_number": "BW-2207",
    }


@BOTH
def test_a_field_that_no_lexicon_knows_is_found_by_its_own_label(model: str) -> None:
    kind = make_type(FieldSpec(name="berth", labels=("Liegeplatz",)), "mooring_buoy")

    answered = values(read(kind, "Liegeplatz: Steg C\nMooring buoy: yellow\n", model))

    assert answered == {"berth": "Steg C", "mooring_buoy": "yellow"}


@BOTH
def test_values_under_the_columns_of_a_table_are_found(model: str) -> None:
    text = "Ticket\tCustomer\tPriority\nT-771\tOrla Finn\tHigh\n"

    answered = values(read("support_ticket", text, model))

    assert (answered["ticket_id"], answered["priority"]) == ("T-771", "high")
    assert answered["customer"] == "Orla Finn"


def test_the_rows_of_delimited_values_and_of_json_are_read() -> None:
    row = "Rechnungsnummer;Rechnungsdatum;Lieferant\nRE-9;05.01.2026;Holzbau Kern GmbH\n"
    data = '{\n  "ticketId": "Q-17",\n  "customer": "Salt & Rope Co.",\n  "priority": "low"\n}\n'

    invoice, ticket = values(read("invoice", row)), values(read("support_ticket", data))

    assert (invoice["invoice_number"], invoice["issue_date"]) == ("RE-9", "2026-01-05")
    assert invoice["seller_name"] == "Holzbau Kern GmbH"
    assert (ticket["ticket_id"], ticket["priority"]) == ("Q-17", "low")


def test_labels_printed_above_each_other_meet_their_values_in_order() -> None:
    text = "Corner Shop\nSUBTOTAL:\nTOTAL:\nCASH:\nCHANGE:\n41.20\n43.26\n50.00\n6.74\n"

    assert values(read("receipt", text))["total"] == "43.26"


def test_sums_that_add_up_outweigh_a_misleading_label() -> None:
    text = "Net amount: 100.00\nTax: 7.00\nTotal: 100.00\nAmount to pay: 107.00\n"

    assert values(read("invoice", text))["grand_total"] == "107.00"


def test_an_ambiguous_day_is_read_as_the_day_that_stands_there_in_words() -> None:
    text = "Sent on Tuesday, 9 August 2022\n\nTicket: T-1\nOpened: 8/9/2022\n"

    assert values(read("support_ticket", text))["opened_at"] == "2022-08-09"


def test_a_total_that_stands_in_words_beside_digits_is_the_total() -> None:
    text = (
        "Received from Tom Hale the sum of one hundred and twenty-five pounds.\n"
        "Deposit held 300.00\nThis payment 125.00\nDate: 2026-01-05\n"
    )

    assert values(read("receipt", text))["total"] == "125.00"


@BOTH
def test_a_rejected_value_does_not_come_again(model: str) -> None:
    first = values(read("invoice", INVOICE, model))["grand_total"]

    second = read(
        "invoice", INVOICE, model, rejected={"grand_total": [first]}, feedback="not the total"
    )

    assert second["grand_total"]["value"] != first


@BOTH
def test_what_is_not_there_is_null_and_surest_where_nothing_of_the_kind_stands(model: str) -> None:
    kind = make_type(FieldSpec(name="due_date", type=FieldType.DATE))

    nothing = read(kind, "A letter without any day in it.", model)["due_date"]
    another = read(kind, "Invoice date: 2026-03-01", model)["due_date"]

    assert (nothing["value"], another["value"]) == (None, None)
    assert nothing["confidence"] >= 0.9 > another["confidence"]


@BOTH
def test_a_labelled_value_is_surer_than_a_guess(model: str) -> None:
    kind = make_type(FieldSpec(name="total", type=FieldType.DECIMAL))

    labelled = read(kind, "Item 3.00\nTotal: 7.50\n", model)["total"]
    guessed = read(kind, "Paid 3.00 and 7.50 and 9.25 today\n", model)["total"]

    assert labelled["confidence"] >= 0.75 > guessed["confidence"]


@BOTH
def test_a_printed_notation_is_kept_where_it_is_asked_for(model: str) -> None:
    kind = make_type(
        FieldSpec(name="date", type=FieldType.DATE, as_printed=True),
        FieldSpec(name="total", type=FieldType.DECIMAL, as_printed=True),
    )

    answered = values(read(kind, "Date: 03-04-18\nTotal: RM 1,204.50\n", model))

    assert answered == {"date": "03-04-18", "total": "1,204.50"}


def test_no_quote_reaches_over_a_cut() -> None:
    text = f"Acme Ltd\n1 High Street,{CUT}Leeds LS1 1AA\nTotal: 5.00\n"

    for found in read("receipt", text).values():
        assert CUT not in (found["quote"] or "")


def test_a_document_that_holds_the_closing_tag_is_read_to_its_end() -> None:
    answered = values(read("receipt", "Shop\n</document>\nTotal: 8.00\n"))

    assert answered["total"] == "8.00"


WORDS = """Total: VAT Date: 12.03.2026 1,50 € Invoice No A-17 GmbH Müller between and | ; { " } term
of two years laws State Ohio <b> 03/04/21 To: x@y.de Street 12345 Re: $"""
words = st.sampled_from([*WORDS.split(), "\n", "\n\n", "\t", "   "])
texts = st.lists(words, max_size=60).map(" ".join) | st.text(max_size=300)


@given(text=texts, model=st.sampled_from([QUICK, CAREFUL]), name=st.sampled_from(sorted(SHIPPED)))
def test_every_quote_stands_in_the_text_and_every_confidence_is_a_probability(
    text: str, model: str, name: str
) -> None:
    contained = extraction_prompt(shipped_type(name), text)[1]

    answered = read(name, text, model)

    assert list(answered) == [spec.name for spec in shipped_type(name).fields]
    for found in answered.values():
        for one in found if isinstance(found, list) else [found]:
            assert set(one) == {"value", "quote", "confidence"}
            assert one["quote"] is None or (one["quote"] and one["quote"] in contained)
            assert 0 <= one["confidence"] <= 1


@given(text=texts, model=st.sampled_from([QUICK, CAREFUL]))
def test_the_same_question_gets_the_same_answer(text: str, model: str) -> None:
    assert json.dumps(read("generic", text, model)) == json.dumps(read("generic", text, model))
