"""What do the costs and qualities of policies look like? The picture of docs/policies.md."""

from collections.abc import Sequence
from typing import Any

from benchmarks.policy_contests import Held
from benchmarks.replay_charts import Spec, page
from tasks.charts import FAINT, MARK

_SHOWN = ("zc_mmlu", "zc_triviaqa", "frugalml_yelp", "frugalml_rafdb", "frugalml_command")
_SHOWN += ("mmlu_pro",)
_POLICIES, _SINGLES = "policies chosen for rising budgets", "single models, mixed at random"


def spec_curves(contests: Sequence[Held]) -> Spec:
    """Cost against quality on the first split of some data sets, both as a share of the best's."""
    values: list[dict[str, Any]] = []
    for one in contests:
        if one.dataset in _SHOWN and one.seed == 0:
            most = one.singles[-1][0]
            for kind, points in ((_SINGLES, one.singles), (_POLICIES, one.curve)):
                values += [
                    {
                        "of": one.dataset,
                        "cost": _four(usd / most),
                        "quality": _four(right),
                        "by": kind,
                    }
                    for usd, right in points
                ]
    line = {"type": "line", "point": {"filled": True, "size": 22}, "strokeWidth": 1.6}
    return page(
        {
            "data": {"values": values},
            "facet": {
                "field": "of",
                "sort": list(_SHOWN),
                "header": {"title": None, "labelFontSize": 12, "labelAnchor": "start"},
            },
            "columns": 3,
            "resolve": {"scale": {"y": "independent"}},
            "spec": {
                "width": 190,
                "height": 140,
                "mark": line,
                "encoding": {
                    "x": {
                        "field": "cost",
                        "type": "quantitative",
                        "axis": {
                            "format": ".0%",
                            "title": "cost of the best model",
                            "tickCount": 4,
                        },
                    },
                    "y": {
                        "field": "quality",
                        "type": "quantitative",
                        "scale": {"zero": False},
                        "axis": {"format": ".0%", "title": "right", "tickCount": 4},
                    },
                    "color": {
                        "field": "by",
                        "type": "nominal",
                        "scale": {"domain": [_SINGLES, _POLICIES], "range": [FAINT, MARK]},
                        "legend": {"orient": "top", "title": None, "labelLimit": 300},
                    },
                },
            },
        }
    )


def _four(number: float) -> float:
    """Four digits: as many as can be seen."""
    return float(f"{number:.4g}")
