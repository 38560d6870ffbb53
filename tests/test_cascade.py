"""The cascade: which tier answers which field, and what becomes of what nobody answers."""

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from llms.acceptance import Acceptance
from llms.calls import Call, Reply
from llms.cascade import Extraction, extract
from llms.extraction import Document, merge
from llms.failures import CallError, FailureClass
from llms.judgement import Candidate, Problem, combine
from schemas.calibration import Signal
from schemas.fields import DocumentType, FieldSpec, FieldType
from schemas.job import Cascade
from schemas.roles import Role
from tests.test_acceptance import make_calibration

TEXT = "Invoice No: A-17\nDate: 2026-03-14\nNet: 100.00\nTax: 20.00\nTotal: 120.00\n"

Answers = Mapping[Role, Mapping[str, Any] | CallError]


def make_type(*fields: FieldSpec) -> DocumentType:
    return DocumentType(name="invoice", fields=fields)


NUMBER = FieldSpec(name="number", required=True, labels=("Invoice No",))
DAY = FieldSpec(name="day", type=FieldType.DATE, labels=("Date",))


def found(value: Any, confidence: float = 0.95, quote: str | None = None) -> dict[str, Any]:
    return {"value": value, "quote": quote, "confidence": confidence}


class FakeAsk:
    """Answers per role from a script, only the fields that are asked for; records every call."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        answer = self.answers[call.role]
        if isinstance(answer, CallError):
            raise answer
        asked = call.schema["properties"]
        data = {name: answer[name] for name in asked}
        return Reply(data=data, model=call.role.value, usd=0.0, from_store=False, attempts=1)

    def asked(self) -> list[tuple[str, list[str]]]:
        return [(call.stage, list(call.schema["properties"])) for call in self.calls]


def run(
    document_type: DocumentType,
    ask: Callable[[Call], Any],
    text: str = TEXT,
    policy: Cascade | None = None,
) -> Extraction:
    return asyncio.run(extract(Document.of("d1", text), document_type, ask, policy or Cascade()))


def test_what_the_cheap_tier_is_sure_of_goes_no_further() -> None:
    ask = FakeAsk({Role.EXTRACTION_WORKER: {"number": found("A-17"), "day": found("2026-03-14")}})

    done = run(make_type(NUMBER, DAY), ask)

    assert ask.asked() == [("extract", ["number", "day"])]
    assert done.failure is None
    number = done.fields["number"]
    assert (number.values, number.status, number.tier) == (("A-17",), "accepted", 0)
    assert [TEXT[e.start : e.end] for e in number.evidence] == ["A-17"]


def test_only_the_doubtful_field_is_asked_of_the_next_tier() -> None:
    ask = FakeAsk(
        {
            Role.EXTRACTION_WORKER: {"number": found("A-17"), "day": found("2026-03-14", 0.3)},
            Role.REASONING_WORKER: {"day": found("2026-03-14", 0.9)},
        }
    )

    done = run(make_type(NUMBER, DAY), ask)

    assert ask.asked() == [("extract", ["number", "day"]), ("escalate", ["day"])]
    assert done.escalated == 1
    assert done.fields["day"].tier == 1


def test_a_value_that_does_not_stand_in_the_text_is_never_accepted() -> None:
    ask = FakeAsk(
        {
            Role.EXTRACTION_WORKER: {"number": found("A-17"), "day": found("1999-01-01", 1.0)},
            Role.REASONING_WORKER: {"day": found("1998-01-01", 1.0)},
        }
    )

    day = run(make_type(NUMBER, DAY), ask).fields["day"]

    assert (day.values, day.status) == ((), "unresolved")
    assert "does not stand in the text" in (day.reason or "")


def test_a_required_field_without_a_value_sends_the_document_to_the_dead_letters() -> None:
    nothing = found(None, 0.99)
    ask = FakeAsk(
        {Role.EXTRACTION_WORKER: {"number": nothing}, Role.REASONING_WORKER: {"number": nothing}}
    )

    done = run(make_type(NUMBER), ask)

    assert done.failure is not None
    assert done.failure[0] == "missing_required"


def test_two_models_that_agree_are_surer_than_either() -> None:
    ask = FakeAsk(
        {
            Role.EXTRACTION_WORKER: {"number": found("A-17", 0.6)},
            Role.REASONING_WORKER: {"number": found("A-17", 0.6)},
        }
    )

    number = run(make_type(NUMBER), ask).fields["number"]

    assert number.confidence == pytest.approx(1 - 0.4 * 0.4)


def test_a_sum_that_does_not_add_up_sends_all_its_parts_up() -> None:
    parts = {
        "net": FieldSpec(name="net", type=FieldType.DECIMAL),
        "tax": FieldSpec(name="tax", type=FieldType.DECIMAL),
        "total": FieldSpec(name="total", type=FieldType.DECIMAL, sum_of=("net", "tax")),
    }
    wrong = {"net": found("100.00"), "tax": found("20.00"), "total": found("100.00")}
    right = {"net": found("100.00"), "tax": found("20.00"), "total": found("120.00")}
    ask = FakeAsk({Role.EXTRACTION_WORKER: wrong, Role.REASONING_WORKER: right})

    done = run(make_type(*parts.values()), ask)

    assert ask.asked()[1] == ("escalate", ["net", "tax", "total"])
    assert done.fields["total"].values == ("120.00",)


def test_a_broken_sum_that_two_models_read_alike_is_kept_and_explained() -> None:
    net = FieldSpec(name="net", type=FieldType.DECIMAL)
    total = FieldSpec(name="total", type=FieldType.DECIMAL, sum_of=("net",))
    same = {"net": found("100.00"), "total": found("120.00")}
    ask = FakeAsk({Role.EXTRACTION_WORKER: same, Role.REASONING_WORKER: same})

    done = run(make_type(net, total), ask)

    assert done.fields["total"].values == ("120.00",)
    assert "two models agree" in (done.fields["total"].reason or "")


def test_a_refusal_of_the_cheap_tier_is_answered_by_the_next() -> None:
    refusal = CallError.of(FailureClass.REFUSED, "the model refused")
    ask = FakeAsk(
        {Role.EXTRACTION_WORKER: refusal, Role.REASONING_WORKER: {"number": found("A-17")}}
    )

    done = run(make_type(NUMBER), ask)

    assert done.fields["number"].values == ("A-17",)


def test_a_document_that_every_tier_refuses_is_a_dead_letter_of_that_class() -> None:
    refusal = CallError.of(FailureClass.REFUSED, "the model refused", raw_answer="no")
    ask = FakeAsk({Role.EXTRACTION_WORKER: refusal, Role.REASONING_WORKER: refusal})

    done = run(make_type(NUMBER), ask)

    assert done.failure == ("refused", "the model refused")
    assert done.raw_answer == "no"


def test_an_exhausted_budget_is_no_fault_of_the_document() -> None:
    ask = FakeAsk({Role.EXTRACTION_WORKER: CallError.of(FailureClass.BUDGET, "cap reached")})

    with pytest.raises(CallError, match="cap reached"):
        run(make_type(NUMBER), ask)


def test_a_truncated_answer_is_asked_again_with_fewer_fields() -> None:
    class Short(FakeAsk):
        async def __call__(self, call: Call) -> Reply:
            if len(call.schema["properties"]) > 1:
                self.calls.append(call)
                raise CallError.of(FailureClass.TRUNCATED, "cut off")
            return await super().__call__(call)

    ask = Short({Role.EXTRACTION_WORKER: {"number": found("A-17"), "day": found("2026-03-14")}})

    done = run(make_type(NUMBER, DAY), ask)

    assert ask.asked()[1:] == [("extract", ["number"]), ("extract", ["day"])]
    assert done.fields["day"].values == ("2026-03-14",)


def test_a_long_text_is_asked_in_pieces_that_share_their_seam() -> None:
    text = "filler line\n" * 500 + TEXT
    ask = FakeAsk({Role.EXTRACTION_WORKER: {"number": found("A-17")}})

    done = run(make_type(NUMBER), ask, text=text, policy=Cascade(max_input_chars=2000))

    assert len(ask.calls) > 2
    assert done.fields["number"].values == ("A-17",)


def make_candidate(*values: str, confidence: float = 0.9, model: str = "m") -> Candidate:
    return Candidate(values=values, evidence=(), confidence=confidence, tier=0, model=model)


def test_pieces_that_name_different_values_equally_surely_are_a_conflict() -> None:
    merged = merge([make_candidate("A"), make_candidate("B")], multi=False)

    assert [kind for kind, _ in merged.problems] == [Problem.CONFLICT]


def test_the_lists_of_the_pieces_are_united_without_repeats() -> None:
    merged = merge([make_candidate("A", "B"), make_candidate("B", "C")], multi=True)

    assert merged.values == ("A", "B", "C")


def test_a_later_tier_without_a_value_does_not_undo_a_sound_earlier_one() -> None:
    old = make_candidate("A", confidence=0.6, model="cheap")
    new = make_candidate(model="dear").against(Problem.MISSING, "required")

    assert combine(old, new) is old


def test_what_every_tier_said_is_kept_with_its_signals() -> None:
    ask = FakeAsk(
        {
            Role.EXTRACTION_WORKER: {"number": found("A-17"), "day": found("1999-01-01", 0.8)},
            Role.REASONING_WORKER: {"day": found("2026-03-14", 0.9)},
        }
    )

    said = run(make_type(NUMBER, DAY), ask).answers

    number, wrong, right = (candidate for _, candidate in said)
    assert [(name, c.tier, c.values) for name, c in said] == [
        ("number", 0, ("A-17",)),
        ("day", 0, ()),
        ("day", 1, ("2026-03-14",)),
    ]
    assert number.signals == {Signal.RULES: 1.0, Signal.GROUNDING: 1.0, Signal.STATED: 0.95}
    assert (wrong.is_hard, wrong.signals[Signal.GROUNDING]) == (True, 0.0)
    assert right.signals[Signal.AGREEMENT] == 0.0


def test_a_value_that_contradicts_another_field_breaks_a_rule() -> None:
    net, tax = (FieldSpec(name=name, type=FieldType.DECIMAL) for name in ("net", "tax"))
    total = FieldSpec(name="total", type=FieldType.DECIMAL, sum_of=("net", "tax"))
    answer = {"net": found("100.00"), "tax": found("20.00"), "total": found("100.00")}
    ask = FakeAsk({Role.EXTRACTION_WORKER: answer, Role.REASONING_WORKER: answer})

    said = run(make_type(net, tax, total), ask).answers

    assert {c.signals[Signal.RULES] for _, c in said if c.tier == 0} == {0.0}


def test_for_measuring_every_tier_reads_the_whole_document() -> None:
    answer = {"number": found("A-17", 1.0), "day": found("2026-03-14", 1.0)}
    ask = FakeAsk({Role.EXTRACTION_WORKER: answer, Role.REASONING_WORKER: answer})

    done = run(make_type(NUMBER, DAY), ask, policy=Cascade(every_tier=True))

    assert ask.asked() == [("extract", ["number", "day"]), ("escalate", ["number", "day"])]
    assert all(TEXT in call.user for call in ask.calls)
    assert len(done.answers) == 4


class SecondOpinion(FakeAsk):
    """Answers `other` where the model that answered first is to be avoided."""

    def __init__(self, answers: Answers, other: Mapping[str, Any] | CallError) -> None:
        super().__init__(answers)
        self.other = other

    async def __call__(self, call: Call) -> Reply:
        if not call.avoid:
            return await super().__call__(call)
        self.calls.append(call)
        if isinstance(self.other, CallError):
            raise self.other
        data = {name: self.other[name] for name in call.schema["properties"]}
        return Reply(data=data, model="second", usd=0.0, from_store=False, attempts=1)


@pytest.mark.parametrize(
    ("second", "stages", "agreement"),
    [
        ({"number": found("A-17", 0.5)}, ["extract", "agree"], 1.0),
        ({"number": found("2026", 0.5)}, ["extract", "agree", "escalate"], 0.0),
        (CallError.of(FailureClass.REFUSED, "nobody else"), ["extract", "agree"], None),
    ],
    ids=["agrees", "disagrees", "there is no other"],
)
def test_a_second_cheap_model_is_heard_where_the_job_says_so(
    second: Mapping[str, Any] | CallError, stages: list[str], agreement: float | None
) -> None:
    answer = {"number": found("A-17")}
    ask = SecondOpinion({Role.EXTRACTION_WORKER: answer, Role.REASONING_WORKER: answer}, second)

    done = run(make_type(NUMBER), ask, policy=Cascade(agreement=True))

    assert [call.stage for call in ask.calls] == stages
    assert done.fields["number"].values == ("A-17",)
    assert done.answers[0][1].signals.get(Signal.AGREEMENT) == agreement


def test_token_probabilities_are_asked_for_and_heard() -> None:
    class WithTokens(FakeAsk):
        async def __call__(self, call: Call) -> Reply:
            reply = await super().__call__(call)
            text = json.dumps(reply.data)
            return replace(reply, logprobs=tuple((char, math.log(0.9)) for char in text))

    ask = WithTokens({Role.EXTRACTION_WORKER: {"number": found("A-17")}})

    done = run(make_type(NUMBER), ask, policy=Cascade(token_probabilities=True))

    assert [call.logprobs for call in ask.calls] == [True]
    signals = done.answers[0][1].signals
    assert signals[Signal.MIN_TOKEN] == pytest.approx(0.9)
    assert signals[Signal.MEAN_TOKEN] == pytest.approx(0.9)


def test_what_a_calibration_refuses_is_null_with_the_reason() -> None:
    calibration = make_calibration(threshold=0.9, escalate=0.8)
    total = FieldSpec(name="total", type=FieldType.DECIMAL, labels=("Total",))

    class Small(FakeAsk):
        async def __call__(self, call: Call) -> Reply:
            return replace(await super().__call__(call), model="small")

    ask = Small({Role.EXTRACTION_WORKER: {"total": found("120.00", 0.85)}})
    acceptance = Acceptance(Cascade(), calibration)

    done = asyncio.run(extract(Document.of("d1", TEXT), make_type(total), ask, acceptance))

    assert len(ask.calls) == 1
    result = done.fields["total"]
    assert (result.values, result.status) == ((), "unresolved")
    assert "confidence 0.85 is under 0.90" in str(result.reason)
