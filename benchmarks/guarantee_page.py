"""Which tables of docs/guarantees.md come from the replay?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from benchmarks.guarantee_confidences import Calibrated
from benchmarks.guarantee_drift import Drift
from benchmarks.guarantee_replay import DELTA, OURS, RULES, TARGETS, Outcome, Way
from docs.make_tables import markdown_table
from llms.calibration.hypergeometric import allowed_errors
from llms.calibration.learn_then_test import smallest_n
from llms.calibration.risk_control import smallest_n as smallest_on_average
from llms.calibration.tails import binomial_tail, errors_within, upper_bound

_MEANINGS = {"worse": "worse than the strong answer", "other": "not the strong answer"}


@dataclass(frozen=True)
class Findings:
    """All that the page shows.

    Attributes:
        outcomes: Per pair, way, target and rule.
        confidences: Per model and data set.
        drifts: Per switch of a stream.
        alarms: False ones in streams whose errors come at exactly the tolerated rate.
        streams: How many such streams there were.
        seeds: Splits and samples per pair.
    """

    outcomes: Sequence[Outcome]
    confidences: Sequence[Calibrated]
    drifts: Sequence[Drift]
    alarms: int
    streams: int
    seeds: int


def blocks(findings: Findings) -> dict[str, str]:
    """Every table of the page, by the name of its place."""
    outcomes = findings.outcomes
    return {
        "guarantee-needed": _needed(),
        "guarantee-allowed": _allowed(),
        "guarantee-extent": _extent(findings),
        "guarantee-halves": _rules(outcomes, "halves", "worse", findings.seeds),
        "guarantee-batch": _rules(outcomes, "batch", "worse", findings.seeds),
        "guarantee-halves-other": _rules(outcomes, "halves", "other", findings.seeds),
        "guarantee-batch-other": _rules(outcomes, "batch", "other", findings.seeds),
        "guarantee-sets": _sets(outcomes),
        "guarantee-reference": _reference(outcomes),
        "guarantee-confidences": _confidences(findings.confidences),
        "guarantee-drift": _drifts(findings.drifts),
        "guarantee-limit": (
            f"{findings.alarms} of {findings.streams} streams, "
            f"{_rate(findings.alarms, findings.streams)}"
        ),
    }


def beyond_chance(seeds: int) -> float:
    """The violation rate that a rule of rate `DELTA` exceeds once in a thousand sets of seeds."""
    failures = 0
    while 1 - binomial_tail(seeds, DELTA, failures) > 0.001:
        failures += 1
    return failures / seeds


def interval(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a rate by Clopper and Pearson, after so many hits."""
    return 1 - upper_bound(trials, trials - hits, 0.025), upper_bound(trials, hits, 0.025)


def _rate(hits: int, trials: int) -> str:
    low, high = interval(hits, trials)
    return f"{hits / trials:.1%} ({low:.1%} to {high:.1%})"


def _needed() -> str:
    """Labels that it takes, before any are paid for."""
    rows = [
        {
            "target": f"{target:g}",
            "on average": smallest_on_average(target),
            "without any error": smallest_n(target, DELTA),
            "if 1 in 4 of the allowed errors come": _planned(target, 0.25),
            "if half of the allowed errors come": _planned(target, 0.5),
        }
        for target in (0.8, 0.9, 0.95, 0.98, 0.99)
    ]
    return markdown_table(rows)


def _planned(target: float, part: float) -> int:
    return smallest_n(target, DELTA, error_rate=part * (1 - target))


def _allowed() -> str:
    """Sampled errors that may be passed in batches of several sizes."""
    rows = []
    for answers, sampled in ((500, 100), (1000, 100), (2500, 250), (10_000, 400)):
        row: dict[str, object] = {"batch": f"{answers:,}", "sampled": sampled}
        for target in TARGETS:
            allowed = allowed_errors(answers, sampled, errors_within(target, answers), DELTA)
            row[f"T = {target:g}: sampled errors"] = allowed
            row[f"naive, {target:g}"] = errors_within(target, sampled)
        rows.append(row)
    return markdown_table(rows)


def _extent(findings: Findings) -> str:
    pairs = {(o.dataset, o.cheap, o.strong, o.family, o.answers) for o in findings.outcomes}
    counts = {family: sum(p[3] == family for p in pairs) for family in ("LLM", "API")}
    return (
        f"{counts['LLM']} pairs of language models and {counts['API']} of classification APIs on "
        f"{len({p[0] for p in pairs})} data sets of {min(p[4] for p in pairs)} to "
        f"{max(p[4] for p in pairs):,} queries; {findings.seeds} seeds per pair; "
        f"delta {DELTA:g}."
    )


def _rules(outcomes: Iterable[Outcome], way: Way, meaning: str, seeds: int) -> str:
    """Mean share of calls avoided and mean violation rate per rule, family and target."""
    chosen = [o for o in outcomes if o.way == way and o.meaning == meaning]
    limit = beyond_chance(seeds)
    rows = []
    for rule in RULES[way]:
        own = [o for o in chosen if o.rule == rule]
        row = {"rule": f"**{rule}**" if rule == OURS[way] else rule}
        for family in ("LLM", "API"):
            for target in TARGETS:
                found = [o for o in own if o.family == family and o.target == target]
                if found:
                    row[f"{family}, T = {target:g}"] = (
                        f"{_mean(found, _avoided):.3f} ({_mean(found, _violations):.1%})"
                    )
        worst = max(own, key=_violations)
        row["highest of a pair (95 %)"] = _rate(round(worst.violations * seeds), seeds)
        beyond = sum(o.violations > limit for o in own)
        row["over delta beyond chance"] = f"{beyond} of {len(own)}"
        rows.append(row)
    return markdown_table(rows)


def _sets(outcomes: Sequence[Outcome]) -> str:
    """Docmill's rule per data set: over all pairs, and against the best model of the set."""
    rows = []
    for dataset in dict.fromkeys(o.dataset for o in outcomes):
        own = [o for o in outcomes if o.dataset == dataset and o.meaning == "worse"]
        row: dict[str, object] = {
            "data set": dataset,
            "queries": own[0].answers,
            "pairs": len({(o.cheap, o.strong) for o in own}),
        }
        for way, rule in OURS.items():
            for target in TARGETS:
                found = [o for o in own if (o.way, o.rule, o.target) == (way, rule, target)]
                row[f"{way}, {target:g}"] = (
                    f"{_mean(found, _avoided):.2f} ({_mean(found, _violations):.1%}, "
                    f"most {max(o.violations for o in found):.1%})"
                )
        rows.append(row)
    return markdown_table(rows)


def _reference(outcomes: Sequence[Outcome]) -> str:
    """Docmill's rules on several choices of pairs and of what counts as wrong."""
    rows = []
    for way, rule in OURS.items():
        for meaning, only_best in product(("worse", "other"), (False, True)):
            own = [
                o
                for o in outcomes
                if (o.way, o.rule, o.meaning) == (way, rule, meaning) and o.to_best >= only_best
            ]
            row: dict[str, object] = {
                "way": way,
                "wrong is": _MEANINGS[meaning],
                "pairs": "against the best model" if only_best else "all",
            }
            for family in ("LLM", "API"):
                for target in TARGETS:
                    found = [o for o in own if o.family == family and o.target == target]
                    row[f"{family}, T = {target:g}"] = (
                        f"{_mean(found, _avoided):.3f} ({len(found)})" if found else "-"
                    )
            rows.append(row)
    return markdown_table(rows)


def _confidences(found: Sequence[Calibrated]) -> str:
    rows = []
    for dataset in dict.fromkeys(one.dataset for one in found):
        own = [one for one in found if one.dataset == dataset]
        rows.append(
            {
                "data set": dataset,
                "models": len(own),
                "as recorded": f"{fmean(one.recorded for one in own):.3f}",
                "the share of right answers": f"{fmean(one.share for one in own):.3f}",
                "fitted": f"{fmean(one.fitted for one in own):.3f}",
                "better than recorded": sum(one.fitted < one.recorded for one in own),
                "speaks for no answer": sum(one.kind == "constant" for one in own),
            }
        )
    return markdown_table(rows)


def _drifts(drifts: Sequence[Drift]) -> str:
    rows = [
        {
            "from": one.source,
            "to": one.target,
            "pair": f"{one.cheap} -> {one.strong}",
            "accepted and wrong before": f"{one.before:.1%}",
            "after": f"{one.after:.1%}",
            "promise broken": f"{one.worse:.0%}",
            "alarm then": f"{one.raised:.0%}" if one.worse else "-",
            "audits to the alarm": _spread(one),
            "of them paid": f"{one.paid:.0%}",
            "false alarms (95 %)": _rate(one.false_alarms, one.calm) if one.calm else "-",
        }
        for one in drifts
    ]
    return markdown_table(rows)


def _spread(drift: Drift) -> str:
    if drift.audits is None:
        return "-"
    low, middle, high = drift.audits
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def _avoided(outcome: Outcome) -> float:
    return outcome.avoided


def _violations(outcome: Outcome) -> float:
    return outcome.violations


def _mean(outcomes: Iterable[Outcome], figure: Callable[[Outcome], float]) -> float:
    return fmean(map(figure, outcomes))
