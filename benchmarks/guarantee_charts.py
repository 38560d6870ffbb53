"""What do the guarantees look like? The pictures of docs/guarantees.md as Vega-Lite."""

import random
from collections.abc import Sequence
from typing import Any

from benchmarks.guarantee_replay import DELTA, OURS, TARGETS, Outcome
from benchmarks.replay_charts import Spec, page
from llms.calibration.martingale import begin, observe
from tasks.charts import FAINT, MARK, REST
from tasks.plots import WARM

_RULES = {OURS["halves"]: MARK, "BARGAIN": "#7a9e48", "Hoeffding": REST, "naive": WARM}
"""Rules that are drawn, and their colours."""

_STREAMS = 12
_CALM, _LENGTH = 200, 500
_GOOD, _BAD = 0.05, 0.2


def spec_violations(outcomes: Sequence[Outcome]) -> Spec:
    """Per pair: calls avoided and how often the promise was broken, tuned on one half."""
    values = [
        {"avoided": round(o.avoided, 3), "violations": round(o.violations, 3), "rule": o.rule}
        for o in outcomes
        if (o.way, o.meaning, o.target) == ("halves", "worse", TARGETS[1]) and o.rule in _RULES
    ]
    points = {
        "mark": {"type": "point", "filled": True, "size": 18, "opacity": 0.55},
        "encoding": {
            "x": _share("avoided", "calls to the strong model avoided", 1.0),
            "y": _share("violations", "splits that break the promise", None),
            "color": _colours(_RULES, legend=False),
        },
    }
    limit = {
        "data": {"values": [{"limit": DELTA}]},
        "mark": {"type": "rule", "color": FAINT, "strokeDash": [4, 3]},
        "encoding": {"y": _share("limit", "splits that break the promise", None)},
    }
    header = {"title": None, "labelFontSize": 12, "labelAnchor": "start"}
    return page(
        {
            "data": {"values": values},
            "facet": {"field": "rule", "sort": list(_RULES), "header": header},
            "columns": 2,
            "spec": {"width": 250, "height": 140, "layer": [points, limit]},
        }
    )


def spec_wealth() -> Spec:
    """The wealth of an auditor over streams that get worse after a calm, and some that do not."""
    values: list[dict[str, Any]] = []
    for stream in range(2 * _STREAMS):
        drifts = stream < _STREAMS
        dice = random.Random(stream)
        state = begin(1 - TARGETS[0], DELTA)
        for audit in range(1, _LENGTH + 1):
            rate = _BAD if drifts and audit > _CALM else _GOOD
            state = observe(state, dice.random() < rate)
            if audit % 10 == 0 or state.alarm_at is not None:
                kind = f"errors rise to {_BAD:.0%}" if drifts else f"errors stay at {_GOOD:.0%}"
                values.append(
                    {"audit": audit, "wealth": _four(state.wealth), "of": stream, "kind": kind}
                )
            if state.alarm_at is not None:
                break
    kinds = {f"errors stay at {_GOOD:.0%}": REST, f"errors rise to {_BAD:.0%}": WARM}
    lines = {
        "mark": {"type": "line", "strokeWidth": 1.2, "opacity": 0.8},
        "encoding": {
            "x": {
                "field": "audit",
                "type": "quantitative",
                "axis": {"title": "audited answers", "grid": False},
            },
            "y": {
                "field": "wealth",
                "type": "quantitative",
                "scale": {"type": "log"},
                "axis": {"title": "wealth", "tickCount": 5},
            },
            "detail": {"field": "of"},
            "color": _colours(kinds, legend=True),
        },
    }
    rules = {
        "mark": {"type": "rule", "color": FAINT, "strokeDash": [4, 3]},
        "encoding": {},
    }
    alarm = {
        **rules,
        "data": {"values": [{"wealth": 1 / DELTA}]},
        "encoding": {"y": {"field": "wealth", "type": "quantitative"}},
    }
    switch = {
        **rules,
        "data": {"values": [{"audit": _CALM}]},
        "encoding": {"x": {"field": "audit", "type": "quantitative"}},
    }
    return page(
        {
            "data": {"values": values},
            "width": 520,
            "height": 200,
            "layer": [alarm, switch, lines],
        }
    )


def _share(field: str, title: str, most: float | None) -> Spec:
    scale = {} if most is None else {"scale": {"domain": [0, most]}}
    axis = {"format": ".0%", "tickCount": 4, "title": title}
    return {"field": field, "type": "quantitative", "axis": axis, **scale}


def _colours(colours: dict[str, str], *, legend: bool) -> Spec:
    field = "kind" if legend else "rule"
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(colours), "range": list(colours.values())},
        "legend": {"orient": "top", "title": None} if legend else None,
    }


def _four(number: float) -> float:
    """Four digits: as many as can be seen."""
    return float(f"{number:.4g}")
