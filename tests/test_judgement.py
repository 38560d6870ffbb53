"""Judging one field: hard problems, grounding, confidence, agreement and contradictions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.grounding import TextIndex
from llms.judgement import Candidate, Problem, combine, contradictions, judge, weigh
from schemas.fields import DocumentType, FieldSpec

TEXT = (
    "Invoice No: INV-0042\nNet: EUR 100.00\nVAT: EUR 19.00\nTotal: EUR 119.00\nPaid: 2026-03-01\n"
)
INDEX = TextIndex(TEXT)


def make_spec(**changes: Any) -> FieldSpec:
    usual = {"name": "total", "type": "decimal", "description": "What is to be paid."}
    return FieldSpec.model_validate({**usual, **changes})


def make_answer(value: Any, quote: str | None = None, confidence: float = 0.9) -> dict[str, Any]:
    return {"value": value, "quote": quote, "confidence": confidence}


def make_candidate(*values: str, **changes: Any) -> Candidate:
    usual: dict[str, Any] = {"evidence": (), "confidence": 0.8, "tier": 0, "model": "small"}
    return Candidate(values=values, **{**usual, **changes})


def judged(spec: FieldSpec, answer: Any) -> Candidate:
    return judge(spec, answer, INDEX, tier=0, model="small")


def kinds(candidate: Candidate) -> list[Problem]:
    return [kind for kind, _ in candidate.problems]


class TestJudge:
    def test_a_value_that_stands_in_the_text_is_accepted_with_its_place(self) -> None:
        found = judged(make_spec(), make_answer("119.00", "Total: EUR 119.00"))

        assert (found.values, found.problems) == (("119.00",), ())
        (evidence,) = found.evidence
        assert TEXT[evidence.start : evidence.end] == evidence.quote
        assert "119.00" in evidence.quote

    def test_a_value_that_does_not_stand_in_the_text_is_refused_whatever_its_confidence(
        self,
    ) -> None:
        found = judged(make_spec(), make_answer("777.00", "Total: EUR 777.00", 1.0))

        assert (found.values, kinds(found), found.is_hard) == ((), [Problem.UNGROUNDED], True)
        assert "does not stand in the text" in str(found.reason)

    def test_an_inferred_value_need_not_stand_in_the_text(self) -> None:
        spec = make_spec(name="country", type="string", source="inferred")

        assert judged(spec, make_answer("Germany")).problems == ()

    @pytest.mark.parametrize("value", ["a lot", "12 or 13"])
    def test_a_value_of_another_type_is_invalid(self, value: str) -> None:
        assert kinds(judged(make_spec(), make_answer(value))) == [Problem.INVALID]

    def test_a_value_against_the_fields_own_rule_keeps_the_value_and_the_reason(self) -> None:
        found = judged(make_spec(maximum=100), make_answer("119.00", "119.00"))

        assert (found.values, kinds(found)) == (("119.00",), [Problem.RULE])

    def test_null_is_an_answer_unless_the_field_is_required(self) -> None:
        assert judged(make_spec(), make_answer(None)).problems == ()
        assert kinds(judged(make_spec(required=True), make_answer(None))) == [Problem.MISSING]

    def test_a_list_is_as_sure_as_its_least_sure_item_and_holds_each_value_once(self) -> None:
        spec = make_spec(multi=True)
        answers = [
            make_answer("100.00", "100.00", 0.9),
            make_answer("19.00", "19.00", 0.6),
            make_answer("100.00", "100.00", 0.95),
        ]

        found = judged(spec, answers)

        assert (found.values, found.confidence) == (("100.00", "19.00"), 0.6)
        assert len(found.evidence) == 2

    def test_an_empty_list_states_no_confidence(self) -> None:
        assert judged(make_spec(multi=True), []).confidence is None

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_confidence_outside_of_0_and_1_is_brought_back(self, confidence: float) -> None:
        found = judged(make_spec(), make_answer(None, None, confidence))

        assert found.confidence == min(1.0, max(0.0, confidence))


class TestWeigh:
    @given(st.none() | st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
    def test_unsure_is_what_the_last_threshold_says(
        self, confidence: float | None, before: float, threshold: float
    ) -> None:
        candidate = make_candidate("1", confidence=confidence)

        weighed = weigh(weigh(candidate, before), threshold)

        is_unsure = confidence is not None and confidence < threshold
        assert kinds(weighed) == ([Problem.UNSURE] if is_unsure else [])

    def test_other_problems_stay(self) -> None:
        candidate = make_candidate("1").against(Problem.RULE, "too large")

        assert kinds(weigh(candidate, 0.1)) == [Problem.RULE]


class TestCombine:
    def test_two_models_that_agree_strengthen_each_other(self) -> None:
        both = combine(
            make_candidate("A", confidence=0.6),
            make_candidate("a", confidence=0.5, tier=1, model="large"),
        )

        assert (both.values, both.agreed, both.tier) == (("a",), True, 1)
        assert both.confidence == pytest.approx(0.8)

    def test_the_same_model_twice_is_no_second_witness(self) -> None:
        both = combine(make_candidate("A", confidence=0.6), make_candidate("A", confidence=0.5))

        assert (both.agreed, both.confidence) == (False, 0.5)

    def test_the_later_tier_counts_where_they_differ(self) -> None:
        assert combine(make_candidate("A"), make_candidate("B", model="large")).values == ("B",)

    def test_a_later_answer_that_cannot_be_right_gives_way_to_one_that_can(self) -> None:
        wrong = make_candidate(model="large").against(Problem.UNGROUNDED, "nowhere")

        assert combine(make_candidate("A"), wrong).values == ("A",)
        kept = combine(make_candidate("A").against(Problem.RULE, "no"), wrong)
        assert (kept.model, kept.problems) == (wrong.model, wrong.problems)

    @given(st.floats(0, 1), st.floats(0, 1))
    def test_agreement_never_lowers_confidence(self, one: float, other: float) -> None:
        both = combine(
            make_candidate("A", confidence=one), make_candidate("A", confidence=other, model="x")
        )

        assert both.confidence is not None
        assert both.confidence >= max(one, other) - 1e-12


class TestContradictions:
    TYPE = DocumentType(
        name="bill",
        description="A bill.",
        fields=(
            make_spec(name="net"),
            make_spec(name="tax"),
            make_spec(name="total", sum_of=("net", "tax")),
        ),
    )

    def found(self, **values: str) -> set[str]:
        candidates = {name: make_candidate(*filter(None, [v])) for name, v in values.items()}
        return set(contradictions(self.TYPE, candidates))

    def test_a_sum_that_holds_accuses_nobody(self) -> None:
        assert self.found(net="100", tax="19", total="119") == set()

    def test_a_sum_that_does_not_hold_accuses_everyone_in_it(self) -> None:
        assert self.found(net="100", tax="19", total="191") == {"net", "tax", "total"}

    def test_a_part_without_a_value_is_not_accused(self) -> None:
        assert "tax" not in self.found(net="100", tax="", total="191")
