"""What does quality cost? The curve from always cheap to always strong, as figures and in SVG."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.manifest import Manifest
from schemas.roles import Model, Role
from storage.store import Lake
from tasks.calibration_fit import FittedType, simulated
from tasks.calibration_labels import JudgedAnswer
from tasks.charts import FAINT, LABEL, MARK, svg_of
from tasks.plots import WARM, layer, plot

_LEVELS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 2.0)
"""Confidences below which a field goes up; at the last one everything does."""

_PER_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Point:
    """A cascade that escalates below one confidence.

    Attributes:
        level: That confidence; null where each field has its own.
        escalated: Share of the answers that go to the next tier.
        right: Share of right ones in the end.
        usd: What a thousand documents would cost; null where prices are unknown.
    """

    level: float | None
    escalated: float
    right: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class Prices:
    """What a document costs in each tier when every field is asked, in US dollars.

    Attributes:
        first: In the first tier.
        second_input: In the next one, for the question.
        second_output: In the next one, for the answer.
        names: Whose prices these are.
    """

    first: float
    second_input: float
    second_output: float
    names: tuple[str, str]


def prices_of(lake: Lake, manifest: Manifest) -> Prices | None:
    """The prices of a run in which every tier was asked everything; null where they are unknown.

    An offline run is priced at what the catalog's models for the roles would have billed.
    """
    stages = {"extract": (0.0, 0.0), "escalate": (0.0, 0.0)}
    for path in lake.find(f"attempts/{manifest.run_id}", ".parquet"):
        columns = ["stage", "input_tokens", "output_tokens"]
        for row in lake.read_table(path, columns).to_pylist():
            if row["stage"] in stages:
                asked, said = stages[row["stage"]]
                stages[row["stage"]] = (asked + row["input_tokens"], said + row["output_tokens"])
    resolution = manifest.resolution
    chosen = resolution.projected or {role: ms[0] for role, ms in resolution.roles.items()}
    first = chosen.get(Role.EXTRACTION_WORKER)
    second = chosen.get(Role.REASONING_WORKER)
    documents = manifest.extract.inputs
    if first is None or second is None or not documents:
        return None
    billed_first = _usd(first, stages["extract"], bool(resolution.projected))
    billed_second = _usd(second, stages["escalate"], bool(resolution.projected))
    if billed_first is None or billed_second is None:
        return None
    return Prices(
        first=sum(billed_first) / documents,
        second_input=billed_second[0] / documents,
        second_output=billed_second[1] / documents,
        names=(first.shown_name, second.shown_name),
    )


def _usd(model: Model, tokens: tuple[float, float], is_rules: bool) -> tuple[float, float] | None:
    if model.input_price is None or model.output_price is None:
        return None
    # Rules think without tokens; a model's own thinking is in its ledger already.
    thinking = model.thinking_factor if is_rules else 1.0
    asked, said = tokens
    return (
        asked * model.input_price / _PER_MILLION,
        said * thinking * model.output_price / _PER_MILLION,
    )


def curve(
    answers: Iterable[JudgedAnswer], fitted: FittedType, prices: Prices | None
) -> list[Point]:
    """From always cheap to always strong, on answers that nothing was fitted to."""
    said = list(answers)
    return [point for level in _LEVELS if (point := point_at(said, fitted, prices, level))]


def point_at(
    answers: Iterable[JudgedAnswer],
    fitted: FittedType,
    prices: Prices | None,
    level: float | None,
    higher: Collection[str] = (),
) -> Point | None:
    """One cascade; null without any answers. Documents in `higher` start in the second tier."""
    n, up, right = simulated(answers, fitted, level, higher)
    return Point(level, up / n, right / n, _cost(prices, up / n)) if n else None


def _cost(prices: Prices | None, escalated: float) -> float | None:
    """At most: the next tier is taken to read the whole document once any field goes up.

    The first tier is taken to read them all, even those that start higher.
    """
    if prices is None:
        return None
    asked = prices.second_input if escalated else 0.0
    return 1000 * (prices.first + asked + prices.second_output * escalated)


def curve_spec(points: Sequence[Point], chosen: Point | None, title: str) -> dict[str, Any]:
    """The picture of a curve as a Vega-Lite specification; the ring is what was chosen."""
    is_priced = all(point.usd is not None for point in points)
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True, "padding": 10},
        "axis": {
            "title": "US dollars per 1,000 documents, at most"
            if is_priced
            else "share of answers that go to the next tier",
            "grid": False,
        },
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"zero": False, "padding": 10},
        "axis": {"title": "share of right answers", "format": ".3~f", "tickCount": 5},
    }
    axes = {"x": x, "y": y}
    dots = [_dot(point, is_priced=is_priced) for point in points]
    ends = [{**dots[0], "name": "always cheap"}, {**dots[-1], "name": "always strong"}]
    text = {"type": "text", "dy": 14, "fontSize": 11, "color": FAINT}
    named = {**axes, "text": {"field": "name", "type": "nominal"}}
    layers: list[dict[str, Any]] = [
        layer(dots, {"type": "line", "color": MARK, "strokeWidth": 2, "order": False}, axes),
        layer(dots, {"type": "point", "filled": True, "color": MARK, "size": 30}, axes),
        layer(ends, {"type": "point", "filled": True, "color": FAINT, "size": 60}, axes),
        layer(ends[:1], {**text, "align": "left", "dx": 8}, named),
        layer(ends[1:], {**text, "align": "right", "dx": 4}, named),
    ]
    if chosen is not None:
        ring = [_dot(chosen, is_priced=is_priced)]
        layers.append(
            layer(ring, {"type": "point", "color": WARM, "size": 180, "strokeWidth": 2.5}, axes)
        )
    heading = {"text": title, "color": LABEL, "fontWeight": "normal", "anchor": "start"}
    return plot(layers, padding=10, width=520, height=280, title=heading)


def draw_curve(points: Sequence[Point], chosen: Point | None, title: str) -> str:
    """The picture of a curve as SVG."""
    return svg_of(curve_spec(points, chosen, title)) + "\n"


def _dot(point: Point, *, is_priced: bool) -> dict[str, Any]:
    return {"x": point.usd if is_priced else point.escalated, "y": point.right}
