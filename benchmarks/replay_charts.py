"""What does a replay look like? Its pictures, as Vega-Lite specifications."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.replay_days import Day
from benchmarks.replay_overpayment import TOKEN_PRICED, overpayment
from benchmarks.replay_scenario import SENSITIVITIES, compare
from schemas.roles import Role
from tasks.charts import FAINT, LABEL, MARK, RULE
from tasks.plots import WARM

ENOUGH = 5.0
"""The saving that the scenario has to reach."""

Spec = dict[str, Any]


def spec_candidates(days: Sequence[Day]) -> Spec:
    """Candidates per role and day, with thresholds as written and carried over."""
    values = [
        {"day": day.day.isoformat(), "role": words(role), "candidates": count, "thresholds": kind}
        for day in days
        for role in Role
        for kind, count in (
            ("as written", day.roles[role].fixed),
            ("carried over", day.roles[role].count),
        )
    ]
    lines = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": _days(),
            "y": {"field": "candidates", "type": "quantitative", "axis": {"tickCount": 4}},
            "color": {
                "field": "thresholds",
                "type": "nominal",
                "scale": {"domain": ["as written", "carried over"], "range": [WARM, MARK]},
                "legend": {"orient": "top", "title": "candidates with thresholds"},
            },
        },
    }
    return page(
        {
            "data": {"values": values},
            "facet": _facets([words(role) for role in Role]),
            "columns": 3,
            "resolve": {"scale": {"y": "independent"}},
            "spec": {"width": 200, "height": 110, "layer": [_rebasings(days), lines]},
        }
    )


def spec_overpayment(days: Sequence[Day]) -> Spec:
    """By how much a choice by price per token overpays, per role and day."""
    values = [
        {"day": day.day.isoformat(), "role": words(role), "share": found.share}
        for day in days
        for role in TOKEN_PRICED
        if (found := overpayment(day, role)) is not None
    ]
    lines = {
        "mark": {"type": "line", "strokeWidth": 2, "color": MARK, "interpolate": "step-after"},
        "encoding": {
            "x": _days(),
            "y": {
                "field": "share",
                "type": "quantitative",
                "axis": {"format": "+.0%", "tickCount": 4},
            },
        },
    }
    return page(
        {
            "data": {"values": values},
            "facet": _facets([words(role) for role in TOKEN_PRICED]),
            "columns": 2,
            "spec": {"width": 300, "height": 100, "layer": [_rebasings(days), lines]},
        }
    )


def spec_savings(days: Sequence[Day]) -> Spec:
    """Range and median of the saving over the days, per set of assumptions."""
    values = []
    for name, given in SENSITIVITIES.items():
        savings = [one.saving for day in days if (one := compare(day, given)) is not None]
        values.append(
            {"name": name, "low": min(savings), "high": max(savings), "middle": median(savings)}
        )
    y = {
        "field": "name",
        "type": "nominal",
        "sort": [value["name"] for value in values],
        "axis": {"labelLimit": 320, "ticks": False, "domain": False},
    }
    x = {"type": "quantitative", "scale": {"type": "log"}}
    x = {**x, "axis": {"title": "times cheaper", "values": [1, 2, 5, 10, 20, 50, 100, 200]}}
    enough = {
        "data": {"values": [{"enough": ENOUGH}]},
        "mark": {"type": "rule", "color": WARM, "strokeDash": [4, 3]},
        "encoding": {"x": {**x, "field": "enough"}},
    }
    ranges = {
        "mark": {"type": "rule", "color": MARK, "strokeWidth": 5, "opacity": 0.35},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
    }
    middles = {
        "mark": {"type": "point", "filled": True, "color": MARK, "size": 60, "opacity": 1},
        "encoding": {"x": {**x, "field": "middle"}, "y": y},
    }
    return page(
        {
            "data": {"values": values},
            "width": 420,
            "height": 22 * len(values),
            "layer": [enough, ranges, middles],
        }
    )


def words(role: Role) -> str:
    """A role as people read it."""
    return role.value.replace("_", " ")


def _days() -> Spec:
    axis = {"format": "%b %d", "tickCount": 4, "grid": False}
    return {"field": "day", "type": "temporal", "axis": axis}


def _facets(order: Sequence[str]) -> Spec:
    header = {"title": None, "labelFontSize": 12, "labelColor": LABEL, "labelAnchor": "start"}
    return {"field": "role", "type": "nominal", "sort": list(order), "header": header}


def _rebasings(days: Sequence[Day]) -> Spec:
    """A thin rule on every day on which an index was re-based."""
    found = [{"day": day.day.isoformat()} for day in days if day.found]
    return {
        "data": {"values": found},
        "mark": {"type": "rule", "color": FAINT, "strokeDash": [2, 2]},
        "encoding": {"x": {"field": "day", "type": "temporal"}},
    }


def page(spec: Spec) -> Spec:
    """A specification with the look that all pictures of the pages share."""
    axis = {"labelColor": LABEL, "domainColor": RULE, "tickColor": RULE, "gridColor": RULE}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": "white",
        "padding": 8,
        "config": {
            "font": "Helvetica, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {**axis, "title": None, "labelFontSize": 11},
            "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        },
        **spec,
    }
