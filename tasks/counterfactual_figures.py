"""How is the measured counterfactual said? Figures for the report, a sentence for a terminal."""

from collections.abc import Iterator
from typing import Any

from schemas.counted import counted
from schemas.shadow import Counterfactual, Estimate
from tasks.bootstrap import FEWEST
from tasks.figures import Figure, visible

_ID = "run.counterfactual"

_LABELS = {
    "documents": "Documents drawn",
    "answered": "Documents it answered for",
    "records_usd": "This run's answers for these documents",
    "strong_usd": "The strong model's answers for them",
    "cost_ratio": "The strong model cost so many times as much",
    "fields": "Fields compared",
    "agreement": "Fields for which both say the same",
    "different": "Fields with two different values",
    "only_record": "Fields that only the record has a value for",
    "only_strong": "Fields that only the strong model has a value for",
    "labelled": "Documents with a gold label",
    "record_accuracy": "Labelled fields that the record has right",
    "strong_accuracy": "Labelled fields that the strong model has right",
    "gap": "Quality gap: the second less the first, in points",
}
_SHARES = frozenset({"agreement", "record_accuracy", "strong_accuracy", "gap"})


def counterfactual_figures(found: Counterfactual) -> list[Figure]:
    """The figures of a comparison, exact to the digits that are shown."""
    return [
        Figure(
            figure_id=f"{_ID}.{name}",
            metric_id=_ID,
            title="Measured against one strong model",
            sql="",
            row=0,
            column=name,
            kind="number",
            value=value,
            unit=unit,
        )
        for name, value, unit in _cells(found)
    ]


def counterfactual_words(found: Counterfactual) -> dict[str, Any]:
    """What the report says around the figures: what was measured, and the rows in their order."""
    rows: list[list[str]] = []
    for name, _, _ in _cells(found):
        base, _, end = name.rpartition("_")
        is_bound = end in ("low", "high") and base in _LABELS
        label = f"… 95% interval, {end}" if is_bound else _LABELS[name]
        rows.append([f"{_ID}.{name}", label])
    return {"about": visible(_about(found)), "rows": rows}


def _about(found: Counterfactual) -> str:
    said = (
        f"Measured, not estimated: {counted(found.answered, 'document')} of this run, drawn at "
        f"random, also went whole to {found.model_name}, in one reading for all fields, its "
        "answers held to the same checks; nothing of it went into the records. "
    )
    if found.basis == "projected":
        said += "The run was offline: both sides' calls are priced on the catalog's models. "
    if found.answered < FEWEST:
        said += f"Fewer than {FEWEST} documents tell too little for an interval. "
    else:
        said += "Intervals hold 95%, from resampling whole documents. "
    return said + "Agreement is not truth: where both are wrong alike it does not show."


def measured_words(found: Counterfactual) -> str:
    """One sentence for a terminal."""
    said = f"on {counted(found.answered, 'document')} also read by {found.model_name}"
    if found.cost_ratio is not None:
        priced = " (projected)" if found.basis == "projected" else ""
        said += f": it cost {_range(found.cost_ratio, 1, '')} times as much{priced}"
    if found.agreement is not None:
        said += f"; {_range(found.agreement, 100, '%')} of the fields agree"
    if found.gap is not None:
        said += f"; quality gap on labels {_range(found.gap, 100, ' points')}"
    return said


def _range(found: Estimate, times: float, unit: str) -> str:
    digits = 1
    middle = f"{times * found.value:.{digits}f}{unit}"
    if found.low is None or found.high is None:
        return middle
    return f"{middle} ({times * found.low:.{digits}f} to {times * found.high:.{digits}f})"


def _cells(found: Counterfactual) -> Iterator[tuple[str, str, str]]:
    """Name, exact value and unit of every figure that there is."""
    for name in _LABELS:
        value = getattr(found, name)
        if isinstance(value, Estimate):
            times = 100 if name in _SHARES else 1
            unit = "%" if name in _SHARES else ""
            for suffix, one in (("", value.value), ("_low", value.low), ("_high", value.high)):
                if one is not None:
                    yield f"{name}{suffix}", f"{times * one:.1f}", unit
        elif name.endswith("_usd"):
            yield name, f"{value:.6f}", "USD"
        elif value is not None and (name != "labelled" or value):
            yield name, str(value), ""
