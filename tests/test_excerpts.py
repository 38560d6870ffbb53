"""Pieces cover the whole text and fit; excerpts show what matters and are never invented."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llms.excerpts import around, pieces
from llms.prompts import CUT
from schemas.fields import FieldSpec

TEXTS = st.text(alphabet="ab \n😀é", max_size=3000)


def make_spec(**changes: Any) -> FieldSpec:
    usual = {"name": "total", "type": "decimal", "labels": ["Total due"]}
    return FieldSpec.model_validate({**usual, **changes})


@given(TEXTS, st.integers(100, 1500))
def test_pieces_fit_and_together_are_the_whole_text(text: str, longest: int) -> None:
    found = pieces(text, longest)

    assert all(len(piece) <= longest for piece in found)
    at = 0
    for piece in found:
        # Each begins before the last one ended, and goes on beyond it.
        start = next(s for s in range(at, -1, -1) if text.startswith(piece, s))
        assert start <= at
        at = max(at, start + len(piece))
    assert at == len(text)


def test_a_text_that_fits_is_left_alone() -> None:
    assert pieces("short", 100) == ["short"]


def test_a_value_on_the_seam_is_whole_in_one_piece() -> None:
    text = "x" * 990 + " Total due: 119.00 " + "y" * 2000

    assert any("Total due: 119.00" in piece for piece in pieces(text, 1000))


def test_only_the_text_around_a_label_is_kept() -> None:
    text = "a" * 5000 + "\nTotal due: 119.00\n" + "b" * 5000

    found = around(text, [make_spec()], [], context=200)

    assert "Total due: 119.00" in found
    assert len(found) < 300


def test_places_far_apart_are_joined_by_the_cut() -> None:
    text = "Total due: 1.00" + "a" * 5000 + "TOTAL DUE: 2.00"

    first, second = around(text, [make_spec()], [], context=100).split(CUT)

    assert "1.00" in first
    assert "2.00" in second


def test_a_field_without_label_and_place_gets_the_whole_text() -> None:
    text = "a" * 5000

    assert around(text, [make_spec()], [], context=100) == text


@given(
    TEXTS.filter(bool),
    st.lists(st.tuples(st.integers(0, 2999), st.integers(1, 50)), min_size=1, max_size=6),
    st.integers(100, 800),
)
def test_every_excerpt_stands_in_the_text_and_every_place_in_an_excerpt(
    text: str, places: list[tuple[int, int]], context: int
) -> None:
    spans = [(s % len(text), min(len(text), s % len(text) + n)) for s, n in places]

    found = around(text, [make_spec()], spans, context)

    assert all(part in text for part in found.split(CUT))
    assert all(text[start:end] in found for start, end in spans)
