"""How do pictures of points and lines look? Layers in the frame that all of them share."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.charts import LABEL, RULE

WARM = "#c2672b"
"""The colour of what was chosen, or promised."""

Layer = dict[str, Any]


def layer(values: Sequence[Mapping[str, Any]], mark: Layer, encoding: Layer) -> Layer:
    """One kind of mark over values of its own."""
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def plot(layers: Sequence[Layer], **frame: Any) -> Layer:
    """The Vega-Lite specification of layers; `frame` holds its width, height, padding, title."""
    axis = {"labelColor": LABEL, "domainColor": RULE, "tickColor": RULE, "gridColor": RULE}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": "white",
        **frame,
        "layer": layers,
        "config": {
            "font": "Helvetica, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {**axis, "titleColor": LABEL, "titleFontWeight": "normal"},
        },
    }
