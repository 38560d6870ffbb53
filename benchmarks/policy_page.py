"""Which tables of docs/policies.md come from the replay?"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.policy_contests import Chosen, Held
from benchmarks.policy_extraction import Agreeing, Validity
from benchmarks.policy_extraction_cascade import Beside
from benchmarks.policy_routers import Routed
from docs.make_tables import markdown_table


@dataclass(frozen=True)
class Findings:
    """All that the page shows of recorded answers.

    Attributes:
        routers: Per data set, what the router sees, and split.
        contests: Per data set and split.
        validity: Per task of extraction, then per model.
        agreeing: Per task of extraction.
        beside: Per policy over all tasks of extraction.
    """

    routers: Sequence[Routed]
    contests: Sequence[Held]
    validity: Sequence[Validity]
    agreeing: Sequence[Agreeing]
    beside: Sequence[Beside]


def blocks(findings: Findings) -> dict[str, str]:
    """Every table of the page, by the name of its place."""
    return {
        "policies-routers": _routers(findings.routers),
        "policies-savings": _savings(findings.contests),
        "policies-areas": _areas(findings.contests),
        "policies-below": _below(findings.contests),
        "policies-validity": _validity(findings.validity),
        "policies-agreement": _agreeing(findings.agreeing),
        "policies-extraction": _beside(findings.beside),
        "policies-extraction-tasks": _tasks(findings.beside),
    }


def _routers(routers: Sequence[Routed]) -> str:
    rows = []
    for dataset, sees in dict.fromkeys((one.dataset, one.sees) for one in routers):
        own = [one for one in routers if (one.dataset, one.sees) == (dataset, sees)]
        low, high = (fmean(one.apgr_range[end] for one in own) for end in (0, 1))
        rows.append(
            {
                "data set": dataset,
                "weak and strong model": f"{own[0].weak}, {own[0].strong}",
                "sees": sees,
                "learned from": f"{own[0].learned_from:,}",
                "APGR (95 %)": f"{fmean(one.apgr for one in own):.3f} ({low:.3f} to {high:.3f})",
                "splits": ", ".join(f"{one.apgr:.3f}" for one in own),
                "strong calls for half of the gap": f"{fmean(one.half for one in own):.0%}",
                "for four fifths": f"{fmean(one.most for one in own):.0%}",
            }
        )
    return markdown_table(rows)


def _per_set(contests: Sequence[Held]) -> list[list[Held]]:
    names = dict.fromkeys(one.dataset for one in contests)
    return [[one for one in contests if one.dataset == name] for name in names]


def _savings(contests: Sequence[Held]) -> str:
    return markdown_table(
        [
            {
                "data set": own[0].dataset,
                "queries": f"{own[0].queries:,}",
                "splits": len(own),
                "best single model": ", ".join(dict.fromkeys(one.best for one in own)),
                "saved for its quality": _chosen([one.same for one in own]),
                "saved for one point less": _chosen([one.nearly for one in own]),
                "chosen": ", ".join(dict.fromkeys(one.nearly.family for one in own)),
            }
            for own in _per_set(contests)
        ]
    )


def _chosen(found: Sequence[Chosen]) -> str:
    saving, quality = (fmean(getattr(one, name) for one in found) for name in ("saving", "quality"))
    return f"{saving:.0%} ({quality:+.3f})"


def _areas(contests: Sequence[Held]) -> str:
    rows = []
    for own in _per_set(contests):
        gains = [one.area - one.area_singles for one in own]
        rows.append(
            {
                "data set": own[0].dataset,
                "single models mixed": f"{fmean(one.area_singles for one in own):.4f}",
                "policies": f"{fmean(one.area for one in own):.4f}",
                "gain": f"{fmean(gains):+.4f}",
                "least and most of the splits": f"{min(gains):+.4f}, {max(gains):+.4f}",
                "policies on the curves": sum(len(one.leads) for one in own),
                "mean lead": _mean([lead for one in own for lead in one.leads]),
                "below the mix beyond noise": sum(one.below for one in own),
            }
        )
    return markdown_table(rows)


def _mean(leads: Sequence[float]) -> str:
    return f"{fmean(leads):+.4f}" if leads else "-"


def _below(contests: Sequence[Held]) -> str:
    policies, below = sum(len(one.leads) for one in contests), sum(one.below for one in contests)
    return (
        f"{below} of {policies:,} learned policies ({below / policies:.1%}) lie below the mix of "
        "single models by their whole 95 % interval; by chance alone, of policies that were just "
        "as good as the mix, 2.5 % would."
    )


def _validity(found: Sequence[Validity]) -> str:
    return markdown_table(
        [
            {
                "task or model": one.of,
                "answers": f"{one.answers:,}",
                "JSON as it came": f"{one.strict / one.answers:.1%}",
                "after repair": f"{one.repaired / one.answers:.1%}",
                "score of the repaired ones": (
                    "-" if one.score_of_repaired is None else f"{one.score_of_repaired:.3f}"
                ),
            }
            for one in found
        ]
    )


def _agreeing(found: Sequence[Agreeing]) -> str:
    return markdown_table(
        [
            {
                "task": one.task,
                "documents": one.documents,
                "fields alike": f"{one.agreement:.0%}",
                "left out by the first: by the second too": f"{one.gaps:.0%}",
                "correlation with the score": _signed(one.with_score),
                "no worse than the strong model": f"{one.no_worse:.0%}",
                "AUC of agreement": "-" if one.auc is None else f"{one.auc:.2f}",
                "standard deviations from 0.5": "-" if one.z is None else f"{one.z:+.1f}",
                "fitting": f"**{one.verdict}**"
                if one.verdict in ("dropped", "flipped")
                else one.verdict,
            }
            for one in found
        ]
    )


def _signed(number: float | None) -> str:
    return "-" if number is None else f"{number:+.2f}"


def _beside(found: Sequence[Beside]) -> str:
    return markdown_table(
        [
            {
                "policy": one.policy,
                "score": f"{one.score:.3f}",
                "against the strong model (95 %)": (
                    f"{one.less:+.3f} ({one.less_range[0]:+.3f} to {one.less_range[1]:+.3f})"
                ),
                "cost": f"{one.cost:.0%}",
            }
            for one in found
        ]
    )


def _tasks(found: Sequence[Beside]) -> str:
    """Per task the policies that are no single model."""
    shown = [one for one in found if " " in one.policy]
    return markdown_table(
        [
            {
                "task": task,
                **{
                    one.policy: f"{one.tasks[task][0]:+.3f}, {one.tasks[task][1]:.0%}"
                    for one in shown
                },
            }
            for task in shown[0].tasks
        ]
    )
