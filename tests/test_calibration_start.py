"""Which documents start in the second tier: learned where it pays, left alone where it does not."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.calibrate import Calibrated, calibrate
from flows.calibrate_cli import as_object, lines
from llms.acceptance import Acceptance
from llms.calibration.start_fitting import Outcome, Played, fit_start
from llms.calibration.traits import starts_higher, traits_of
from llms.cascade import extract
from llms.extraction import Document
from llms.offline.page import Page
from llms.offline.plans import Plan
from llms.offline.quick import quick_answer
from llms.offline.voice import Answer
from schemas.calibration import Calibration, Signal
from schemas.job import Cascade
from schemas.roles import Role
from schemas.start_rule import StartRule, Trait
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.calibration_curve import Prices
from tasks.calibration_fit import fit_type
from tasks.calibration_labels import JudgedAnswer
from tasks.calibration_start import learn_start, start_words
from tests.small_runs import invoice, run
from tests.test_acceptance import make_calibration as make_type_calibration
from tests.test_calibrate import gold_folder, job_of
from tests.test_cascade import DAY, NUMBER, FakeAsk, found, make_type

Gain = Callable[[str, random.Random], float]

CLEAN = (
    "Weidmann Feinmechanik GmbH\nInvoice No: INV-{n:04}\nTotal due within thirty days: EUR {n}.50\n"
)
MESSY = (
    "We1dmann Fe\ufffdnmechan1k\nIn v0 ice\nN o\ufffd 1NV-{n:04}\nT0 tal\ndu\ufffd\nEUR\n{n}.50\n"
)


def texts(count: int, seed: int = 3) -> list[str]:
    """So many texts in some order, three in ten of them messy."""
    dice = random.Random(seed)
    return [(MESSY if n % 10 < 3 else CLEAN).format(n=dice.randrange(9000)) for n in range(count)]


def outcomes(gain: Gain, count: int = 120, seed: int = 7) -> list[Outcome]:
    """Documents of which the second tier has so much more right."""
    dice = random.Random(seed)
    return [
        Outcome(f"d{n}", traits_of(text), gain(text, dice)) for n, text in enumerate(texts(count))
    ]


def learned(made: list[Outcome], first: float = 1.0, second: float = 4.0) -> StartRule:
    """The rule, where nothing goes up from the first tier, and the tiers cost so much."""

    def play(higher: frozenset[str]) -> list[Played]:
        return [
            Played(0.4 + one.gain, second) if one.document in higher else Played(0.4, first)
            for one in made
        ]

    return fit_start(made, play)


def messy_gains(text: str, dice: random.Random) -> float:
    return dice.choice([0.2, 0.4, 0.6]) if "\ufffd" in text else dice.choice([-0.2, 0.0, 0.2])


def all_gain(text: str, dice: random.Random) -> float:
    return dice.choice([0.2, 0.4])


def noise(text: str, dice: random.Random) -> float:
    return dice.choice([-0.2, 0.0, 0.2])


def test_messy_documents_start_higher_where_they_gain() -> None:
    rule = learned(outcomes(messy_gains))

    assert rule.kind == "above"
    assert all(starts_higher(rule, text) == ("\ufffd" in text) for text in texts(300, seed=9))
    assert rule.gain == pytest.approx(0.3 * 0.4, abs=0.03)
    assert rule.cost == pytest.approx(0.3 * 3, abs=0.1)


def test_where_nothing_is_gained_hardly_ever_a_document_starts_higher() -> None:
    kinds = Counter(learned(outcomes(noise, count=80, seed=seed)).kind for seed in range(50))

    assert kinds["never"] >= 48


def test_a_rule_that_says_never_holds_no_weights() -> None:
    assert learned(outcomes(noise)) == StartRule(kind="never", documents=120)


def test_where_every_document_gains_all_of_them_start_higher() -> None:
    rule = learned(outcomes(all_gain))

    assert (rule.kind, rule.weights, rule.cut) == ("always", (), None)


@pytest.mark.parametrize(("gain", "kind"), [(0.0, "always"), (-0.01, "never")])
def test_cheaper_is_reason_enough_if_it_is_as_good(gain: float, kind: str) -> None:
    """As where all fields go up anyway, so that the first tier is asked for nothing."""
    made = outcomes(lambda text, dice: gain)

    assert learned(made, first=5.0).kind == kind


def test_few_documents_teach_nothing() -> None:
    rule = learned(outcomes(all_gain, 19))

    assert rule.kind == "never"
    assert list(start_words(rule, 0, 30)) == [
        "every document starts in tier 1: 19 documents are too few to learn from, it takes 20 that "
        "both tiers answered"
    ]


def test_the_same_documents_give_the_same_rule() -> None:
    assert learned(outcomes(messy_gains)) == learned(outcomes(messy_gains))


def test_any_text_has_traits() -> None:
    for text in ("", "\n\n", "\x00\ufffd", "a | b\t1\n" * 10):
        assert set(traits_of(text)) == set(Trait)


def test_a_parser_s_replacements_and_columns_are_seen() -> None:
    seen = traits_of("n\ufffdme   total   tax\nl0w 1 x\n")

    assert seen[Trait.REPLACED] == pytest.approx(1 / 27)
    assert seen[Trait.TABLES] == 0.5
    assert seen[Trait.MIXED_WORDS] == pytest.approx(1 / 6)
    assert seen[Trait.LONE_LETTERS] == pytest.approx(1 / 6)


def answered(messy_gain: bool) -> tuple[list[JudgedAnswer], dict[str, str]]:
    """Two fields of 120 documents: the first tier has the total of messy ones wrong, as sure."""
    written = {f"d{n}": text for n, text in enumerate(texts(120))}
    answers = [
        JudgedAnswer(
            document, "bill", field, tier, model, {Signal.STATED: 0.9}, is_sound=True,
            is_right=tier == 1 or field == "number" or not messy_gain or "\ufffd" not in text,
        )
        for document, text in written.items()
        for field in ("number", "total")
        for tier, model in enumerate(("small", "large"))
    ]  # fmt: skip
    return answers, written


PRICED = Prices(first=1.0, second_input=4.0, second_output=4.0, names=("small", "large"))


def test_what_only_messy_documents_got_wrong_need_not_go_up_any_more() -> None:
    answers, written = answered(messy_gain=True)
    plain = fit_type(answers, 0.95)

    ruled = learn_start(plain, answers, written, PRICED, 0.95, 1200)

    assert plain.escalate_below["total"] == 0.95  # every total goes up: none looks doubtful
    assert ruled.escalate_below["total"] == 0.0
    assert ruled.confidences == plain.confidences
    assert ruled.start is not None
    assert (ruled.start.kind, ruled.start.gain) == ("above", 0.0)
    # Then 1 + 4 + 4/2 for each, now 8 for three in ten and 1 for the rest.
    assert ruled.start.cost == pytest.approx(3.1 / 7 - 1, abs=0.05)


def test_where_the_tiers_are_alike_nothing_changes() -> None:
    answers, written = answered(messy_gain=False)
    plain = fit_type(answers, 0.95)

    ruled = learn_start(plain, answers, written, PRICED, 0.95, 1200)

    assert ruled == replace(plain, start=StartRule(kind="never", documents=120))


def test_without_prices_only_a_gain_counts() -> None:
    answers, written = answered(messy_gain=True)

    ruled = learn_start(fit_type(answers, 0.95), answers, written, None, 0.95, 1200)

    assert ruled.start == StartRule(kind="never", documents=120)


def test_a_document_that_one_tier_did_not_answer_teaches_nothing() -> None:
    answers, written = answered(messy_gain=True)
    second = [a for a in answers if a.tier == 1]

    ruled = learn_start(fit_type(second, 0.95), second, written, PRICED, 0.95, 1200)

    assert ruled.start == StartRule(kind="never", documents=0)


def test_a_rule_is_told_in_a_sentence() -> None:
    above = StartRule(kind="above", cut=0.12, documents=78, gain=0.031, cost=-0.2)
    always = StartRule(kind="always", documents=78, gain=0.1)

    assert [*start_words(above, 18, 122), *start_words(always, 122, 122)] == [
        "starts in tier 2: documents with a predicted gain over 0.120 (18 of 122); expected of it, "
        "by 78 other documents: +0.031 right, cost -20%",
        "starts in tier 2: every document (122 of 122); expected of it, by 78 other documents: "
        "+0.100 right",
    ]


ANSWERS = {
    Role.EXTRACTION_WORKER: {"number": found("INV-0007"), "day": found(None)},
    Role.REASONING_WORKER: {"number": found("INV-0007"), "day": found(None)},
}


def calibrated(rule: StartRule | None) -> Calibration:
    """A calibration of no field, so that the job's thresholds count, with a rule."""
    usual = make_type_calibration()
    return usual.model_copy(update={"confidences": {}, "guarantees": {}, "start": rule})


@pytest.mark.parametrize(
    ("text", "policy", "stages"),
    [
        (CLEAN, Cascade(), [Role.EXTRACTION_WORKER]),
        (MESSY, Cascade(), [Role.REASONING_WORKER]),
        (MESSY, Cascade(every_tier=True), [Role.EXTRACTION_WORKER, Role.REASONING_WORKER]),
    ],
)
def test_the_cascade_starts_where_the_rule_says(
    text: str, policy: Cascade, stages: list[Role]
) -> None:
    ask = FakeAsk(ANSWERS)
    acceptance = Acceptance(policy, calibrated(learned(outcomes(messy_gains))))
    document = Document.of("d", text.format(n=7))

    done = asyncio.run(extract(document, make_type(NUMBER, DAY), ask, acceptance))

    assert [call.role for call in ask.calls] == stages
    assert done.escalated == (2 if policy.every_tier else 0)


def test_always_and_never_need_no_look_at_the_text() -> None:
    for kind, is_higher in (("always", True), ("never", False)):
        rule = StartRule.model_validate({"kind": kind, "documents": 50})
        assert Acceptance(Cascade(), calibrated(rule)).starts_higher("d", CLEAN) is is_higher
    assert not Acceptance(Cascade(), calibrated(None)).starts_higher("d", MESSY)


def test_a_rule_survives_its_file_and_is_part_of_the_identity() -> None:
    rule = learned(outcomes(messy_gains))
    plain, ruled = calibrated(None), calibrated(rule)

    assert Calibration.model_validate_json(ruled.model_dump_json()) == ruled
    assert ruled.identity != plain.identity
    changed = rule.model_copy(update={"cut": 0.9})
    assert calibrated(changed).identity != ruled.identity


def test_a_calibration_from_before_there_was_a_rule_loads_as_what_it_was() -> None:
    old = {
        "scope": {"task": "t", "schema_hash": "s", "prompt_hash": "p", "cheap": ["a"],
                  "strong": None, "policy_hash": "h"},
        "made_on": "2026-01-02", "confidences": {}, "escalate_below": {}, "guarantees": {},
        "strong_documents": [], "disagreement": None,
    }  # fmt: skip

    loaded = Calibration.model_validate_json(json.dumps(old))

    assert loaded.start is None
    # As it was computed then, by which its records and its audit are found.
    assert loaded.identity == "fe3dfb303ade"


@pytest.mark.parametrize(("kind", "cut"), [("above", None), ("always", 0.1)])
def test_a_cut_without_its_kind_is_refused(kind: str, cut: float | None) -> None:
    with pytest.raises(ValidationError, match="a cut belongs to the kind"):
        StartRule.model_validate({"kind": kind, "cut": cut, "documents": 50})


def misreading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the quick rules take the wrong amount of messy documents, as sure as of the right one."""

    def read(plan: Plan, page: Page, rejected: dict[str, frozenset[str]]) -> dict[str, Answer]:
        said = quick_answer(plan, page, rejected)
        if "\ufffd" not in page.text or "total" not in said:
            return said
        at = page.text.index("77.00")
        (total,) = said["total"].values
        wrong = replace(total.found, value="77.00", start=at, end=at + 5)
        return {**said, "total": Answer.best(replace(total, found=wrong))}

    monkeypatch.setattr("llms.offline.engine.quick_answer", read)


def mixed_folder(folder: Path, count: int) -> Path:
    """Labelled invoices, a third of them badly scanned."""
    gold = gold_folder(folder, count)
    for n in range(0, count, 3):
        text = invoice(n, f"{n + 100}.50").replace(
            "Total", "P\ufffds 1 EUR 77.00\nL0 ad\ufffd\nTotal"
        )
        (gold / "documents" / f"{n:03}.txt").write_text(text)
    return gold


@pytest.fixture(scope="module")
def smudged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Calibrated]]:
    """The folder, calibrated, with the rules that misread it."""
    gold = mixed_folder(tmp_path_factory.mktemp("smudged") / "gold", 120)
    with pytest.MonkeyPatch.context() as monkeypatch:
        misreading(monkeypatch)
        yield gold, calibrate(str(gold), out=str(gold.parent / "lake"), env={})


def test_the_certified_cascade_is_the_one_with_the_rule(smudged: tuple[Path, Calibrated]) -> None:
    _, done = smudged
    (bills,) = done.types
    promise = bills.calibration.guarantees["total"]

    assert bills.calibration.start is not None
    assert bills.calibration.start.kind == "above"
    assert bills.escalated["total"] == len(bills.higher) / bills.certifying
    assert (promise.errors, promise.accepted) == (0, bills.certifying)


def test_the_rule_is_told_with_its_counts(smudged: tuple[Path, Calibrated]) -> None:
    _, done = smudged
    (bills,) = done.types

    assert f" ({len(bills.higher)} of {bills.certifying}); expected" in "\n".join(lines(done))
    told = as_object(done)["types"]["bills"]["start"]
    assert (told["kind"], told["documents_higher"]) == ("above", len(bills.higher))


@pytest.mark.parametrize(
    ("changes", "higher"),
    [
        ({}, {f"{n:03}.txt" for n in range(0, 120, 3)}),
        ({"cascade": {"context_chars": 2000}}, set()),
        ({"cascade": {"calibrated": False}}, set()),
    ],
    ids=["in its scope", "under other options", "not calibrated"],
)
def test_a_run_starts_messy_documents_higher_within_the_scope(
    smudged: tuple[Path, Calibrated], changes: dict[str, object], higher: set[str]
) -> None:
    summary = run(job_of(smudged[0], **changes))

    lake = Lake(summary.lake)
    rows = [
        row
        for shard in read_manifest(lake, summary.run_id).shards
        for row in lake.read_table(shard.records["bills"], ["uri", "number__tier"]).to_pylist()
    ]
    assert len(rows) == 120
    assert {row["uri"] for row in rows if row["number__tier"] == 1} == higher
