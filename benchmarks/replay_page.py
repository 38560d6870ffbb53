"""Which tables of docs/catalog-replay.md come from a replay?"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from benchmarks.replay_charts import ENOUGH, words
from benchmarks.replay_days import Day, RoleDay
from benchmarks.replay_overpayment import TOKEN_PRICED, overpayment
from benchmarks.replay_scenario import AS_STATED, SENSITIVITIES, UNTHINKING, compare
from docs.make_tables import markdown_table
from llms.roles import ROLES
from llms.scales import carry, describe
from schemas.roles import Role
from schemas.scales import INDICES, Index, ScaleChange


def blocks(days: Sequence[Day]) -> dict[str, str]:
    """Every table of the page, by the name of its place."""
    return {
        "replay-extent": _extent(days),
        "replay-headline": _headline(days),
        "replay-rebasings": _rebasings(days),
        "replay-thresholds": _thresholds(days[-1].scales),
        "replay-candidates": _candidates(days),
        "replay-chosen": _chosen(days),
        "replay-changes": _changes(days),
        "replay-overpayment": _overpayments(days),
        "replay-savings": _savings(days),
    }


def thresholds(index: Index) -> tuple[float, ...]:
    """The roles' thresholds on an index as written, each once, the highest first."""
    found = {
        spec.min_intelligence if index == "intelligence" else spec.min_coding
        for spec in ROLES.values()
    }
    return tuple(sorted((points for points in found if points is not None), reverse=True))


def steps(days: Sequence[Day], role: Role) -> list[tuple[Day, int, RoleDay]]:
    """Per day but the first: the day, the candidates of the day before, and what the role had."""
    return [(day, before.roles[role].count, day.roles[role]) for before, day in pairwise(days)]


def _extent(days: Sequence[Day]) -> str:
    return (
        f"{len(days)} daily snapshots from {days[0].day} to {days[-1].day}, {len(days[0].models)} "
        f"models on the first day and {len(days[-1].models)} on the last."
    )


def _headline(days: Sequence[Day]) -> str:
    usual, unthinking = (_told_saving(days, name) for name in (AS_STATED, UNTHINKING))
    return (
        f"With docmill's choices the scenario was {usual} cheaper than on one strong model; "
        f"{unthinking} if the strong model answers without thinking while docmill's models think."
    )


def _told_saving(days: Sequence[Day], name: str) -> str:
    found = (compare(day, SENSITIVITIES[name]) for day in days)
    savings = [one.saving for one in found if one is not None]
    return f"{median(savings):.0f} times ({min(savings):.1f} to {max(savings):.1f} over the days)"


def _rebasings(days: Sequence[Day]) -> str:
    table = markdown_table(
        [
            {
                "index": change.index,
                "found on": change.found_on,
                "models on both scales": change.shared,
                "of them moved": change.moved,
                "nine in ten within": f"{change.spread:.1f} points of the map",
            }
            for change in days[-1].scales
        ]
    )
    most = {
        index: max(
            day.moved[index] for day in days if index not in {change.index for change in day.found}
        )
        for index in INDICES
    }
    quiet = ", ".join(f"{share:.1%} in {index}" for index, share in most.items())
    return f"{table}\n\nLargest share of models that moved on any other day: {quiet}."


def _thresholds(scales: Sequence[ScaleChange]) -> str:
    rows = [
        {
            "index": index,
            "threshold": f"{points:g}",
            "carried over": f"{one.points:g}",
            "90 % interval": f"{one.low:g} to {one.high:g}",
        }
        for index in INDICES
        for points in thresholds(index)
        for one in (carry(points, index, scales),)
    ]
    told = [describe(thresholds(index), index, scales) for index in INDICES]
    quoted = "\n>\n".join(f"> {sentence}" for sentence in told if sentence)
    return f"{markdown_table(rows)}\n\nAs a run says it:\n\n{quoted}"


def _candidates(days: Sequence[Day]) -> str:
    rows = []
    for role in Role:
        others = [
            abs(now.count - before) / before
            for day, before, now in steps(days, role)
            if not day.found
        ]
        for day, before, now in steps(days, role):
            if day.found:
                rows.append(
                    {
                        "role": words(role),
                        "re-based": f"{'+'.join(c.index for c in day.found)}, {day.day}",
                        "the day before": before,
                        "carried over": now.count,
                        "as written": now.fixed,
                        "carried over, withdrawn scores unknown": now.published,
                        "largest step on any other day": f"{max(others):.0%}",
                    }
                )
    return markdown_table(rows)


def _chosen(days: Sequence[Day]) -> str:
    rows = []
    for role in Role:
        firsts = [day.roles[role].first for day in days]
        found = [first for first in firsts if first is not None]
        slugs = [first.model.slug for first in found]
        costs = [1000 * first.call_usd for first in found]
        counts = [day.roles[role].count for day in days]
        rows.append(
            {
                "role": words(role),
                "candidates": f"{min(counts)} to {max(counts)}",
                "days without": len(days) - len(found),
                "models chosen": len(set(slugs)),
                "changes": sum(a != b for a, b in pairwise(slugs)),
                "US$ per 1,000 calls, median": f"{median(costs):,.2f}",
                "range": f"{min(costs):,.2f} to {max(costs):,.2f}",
            }
        )
    return markdown_table(rows)


def _changes(days: Sequence[Day]) -> str:
    """One row per day on which another model was chosen for a role."""
    rows = []
    last: dict[Role, str] = {}
    for day in days:
        now = {role: first.model.slug for role in Role if (first := day.roles[role].first)}
        if now != last:
            priced = compare(day)
            rows.append(
                {
                    "from": day.day,
                    **{
                        words(role): f"{now.get(role, 'none')} ({day.roles[role].count})"
                        for role in Role
                    },
                    "scenario": f"${priced.usd:,.2f}" if priced else "-",
                    "on one strong model": f"${priced.strong_usd:,.0f}" if priced else "-",
                }
            )
        last = now
    return markdown_table(rows)


def _overpayments(days: Sequence[Day]) -> str:
    rows = []
    for role in TOKEN_PRICED:
        row: dict[str, str] = {"role": words(role)}
        for only_measured in (False, True):
            found = [
                one
                for day in days
                if (one := overpayment(day, role, only_measured=only_measured)) is not None
            ]
            shares = [one.share for one in found]
            same = sum(one.by_token == one.by_task for one in found)
            suffix = ", measured models only" if only_measured else ""
            row[f"overpaid, median and range{suffix}"] = (
                f"{median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})"
            )
            row[f"days with the same choice{suffix}"] = f"{same} of {len(found)}"
        rows.append(row)
    return markdown_table(rows)


def _savings(days: Sequence[Day]) -> str:
    rows = []
    for name, given in SENSITIVITIES.items():
        found = [one for day in days if (one := compare(day, given)) is not None]
        savings = [one.saving for one in found]
        short = sum(saving < ENOUGH for saving in savings)
        rows.append(
            {
                "assumptions": name,
                "docmill, US$": f"{median(one.usd for one in found):,.2f}",
                "one model, US$": f"{median(one.strong_usd for one in found):,.2f}",
                "times cheaper, median": f"{median(savings):.1f}",
                "range": f"{min(savings):.1f} to {max(savings):.1f}",
                f"days under {ENOUGH:g}": f"{short} of {len(found)}",
            }
        )
    return markdown_table(rows)
