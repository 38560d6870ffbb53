"""How much text is in a file: by kind, and by what a sample of the kind showed."""

import random

import pytest

from tasks.text_size import DocumentSize, TextRatio, kind_of, text_ratios


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        ("a/b.PDF", "PDF"),
        ("application/pdf", "PDF"),
        ("message/rfc822", "messages"),
        ("text/html", "web pages"),
        ("box.zip!/x.docx", "Office documents"),
        ("README", "text"),
        ("text/plain", "text"),
    ],
)
def test_a_kind_of_file_is_known_by_name_or_media_type(hint: str, kind: str) -> None:
    assert kind_of(hint) == kind


def test_the_ratio_is_all_text_over_all_bytes_of_the_sample() -> None:
    sample = [DocumentSize(1000, "a.pdf", 10), DocumentSize(9000, "b.pdf", 990)]

    assert text_ratios(sample)["PDF"].middle == pytest.approx(0.1)


def test_more_parsed_documents_leave_less_doubt() -> None:
    unparsed = [DocumentSize(1000, "b.pdf")] * 1000

    def error(parsed: int) -> float:
        return text_ratios([DocumentSize(1000, "a.pdf", 100)] * parsed + unparsed)["PDF"].log_error

    assert error(0) > error(1) > error(5) > error(50)


def test_documents_that_differ_leave_more_doubt_than_those_that_agree() -> None:
    unparsed = [DocumentSize(1000, "b.pdf")] * 1000
    alike = [DocumentSize(1000, "a.pdf", 100)] * 10
    unlike = [DocumentSize(1000, "a.pdf", chars) for chars in (10, 190) * 5]

    assert (
        text_ratios(unlike + unparsed)["PDF"].log_error
        > text_ratios(alike + unparsed)["PDF"].log_error
    )


def test_one_unparsed_document_may_be_unlike_all_the_others() -> None:
    parsed = [DocumentSize(1000, "a.pdf", 100)] * 1000

    one = text_ratios([*parsed, DocumentSize(1000, "b.pdf")])["PDF"]
    many = text_ratios([*parsed, *[DocumentSize(1000, "b.pdf")] * 500])["PDF"]

    assert one.log_error > 5 * many.log_error


def test_documents_without_a_byte_or_a_character_say_nothing_of_the_others() -> None:
    usual = text_ratios([DocumentSize(1000, "a.pdf")])["PDF"]

    assert text_ratios([DocumentSize(0, "a.pdf", 0), DocumentSize(1000, "b.pdf")])["PDF"] == usual


def test_a_guess_lies_in_its_range_with_the_stated_probability() -> None:
    guess = TextRatio.between(0.05, 0.1, 0.2)
    rng = random.Random(1)

    held = sum(0.05 <= guess.draw(rng) <= 0.2 for _ in range(4000)) / 4000
    assert held == pytest.approx(0.9, abs=0.02)
