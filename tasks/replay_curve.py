"""What does a contest of policies look like? Cost against quality, as a picture in SVG."""

from typing import Any

from llms.policies.contest import Contest, Measured
from llms.policies.frontier import height
from tasks.charts import FAINT, MARK, svg_of
from tasks.plots import WARM, Layer, layer, plot

_STEPS = 60
_THOUSAND = 1000


def curve_spec(contest: Contest) -> dict[str, Any]:
    """The picture of a contest as a Vega-Lite specification.

    Grey: the single models, and what mixing them at random reaches. Blue: what is chosen for rising
    budgets. The ring is the policy chosen for the goal. All as measured.
    """
    axes = _axes(contest)
    singles = [_dot(one) for one in contest.singles]
    curve = [_dot(one) for one in contest.curve]
    label = {"align": "left", "dx": 7, "dy": 4, "fontSize": 10, "color": FAINT, "limit": 150}
    layers = [
        layer(_mixed(contest), {"type": "line", "color": FAINT, "strokeDash": [4, 3]}, axes),
        layer(singles, {"type": "point", "filled": True, "color": FAINT, "size": 45}, axes),
        layer(
            singles,
            {"type": "text", **label},
            {**axes, "text": {"field": "name", "type": "nominal"}},
        ),
        layer(curve, {"type": "line", "color": MARK, "strokeWidth": 2}, axes),
        layer(curve, {"type": "point", "filled": True, "color": MARK, "size": 30}, axes),
        layer(
            [_dot(contest.chosen)],
            {"type": "point", "color": WARM, "size": 180, "strokeWidth": 2.5},
            axes,
        ),
    ]
    return plot(layers, padding=8, width=540, height=300)


def draw_curve(contest: Contest) -> str:
    """The picture of a contest as SVG."""
    return svg_of(curve_spec(contest)) + "\n"


def _axes(contest: Contest) -> Layer:
    prices = [one.outcome.price for one in (*contest.singles, *contest.curve)]
    # Prices of models differ by factors; a free one has no place on such an axis.
    scale = {"type": "log"} if min(prices) > 0 else {"zero": False}
    x = {
        "field": "usd",
        "type": "quantitative",
        "scale": {**scale, "nice": False, "padding": 12},
        "axis": {
            "title": "US dollars per 1,000 queries",
            "format": "~g",
            "grid": False,
            "tickCount": 6,
        },
    }
    y = {
        "field": "quality",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": "quality", "tickCount": 5},
    }
    return {"x": x, "y": y}


def _dot(measured: Measured) -> dict[str, Any]:
    found = measured.outcome
    return {"usd": _THOUSAND * found.price, "quality": found.quality, "name": found.name}


def _mixed(contest: Contest) -> list[dict[str, Any]]:
    """The line between single models, in small steps: straight in dollars, bent in ratios."""
    points = contest.frontier.points
    low, high = points[0].price, points[-1].price
    shares = [step / _STEPS for step in range(_STEPS + 1)]
    if low > 0:
        prices = [low ** (1 - share) * high**share for share in shares]
    else:
        prices = [low + share * (high - low) for share in shares]
    return [{"usd": _THOUSAND * price, "quality": height(points, price)} for price in prices]
