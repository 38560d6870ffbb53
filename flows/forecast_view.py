"""How does a forecast look on a terminal? Tables first, what they rest on below."""

from collections.abc import Iterator, Sequence

from schemas.counted import counted
from schemas.roles import Role
from tasks.forecast_check import Coverage
from tasks.forecast_result import Forecast, Range, SourceForecast, StageForecast

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400

_LEAST_USD = 0.0001
"""Less than that is shown as such."""

_TIERS = {
    Role.FORMATTING_WORKER: "cheapest",
    Role.EXTRACTION_WORKER: "cheap",
    Role.REASONING_WORKER: "mid",
    Role.TOOL_WORKER: "mid",
    Role.ORCHESTRATOR: "strong",
}


def forecast_lines(said: Forecast) -> Iterator[str]:
    """A forecast for a person: documents, stages, totals, lanes, assumptions."""
    tokens = said.document_tokens
    yield (
        f"{said.job}: {_documents(said.source)}; about {tokens.expected:,.0f} tokens of text "
        f"({tokens.low:,.0f} to {tokens.high:,.0f})"
    )
    if not said.documents:
        yield "nothing to ask: the run would cost $0"
        return
    basis = (
        f"learned from {counted(said.runs, 'own run')}"
        if said.runs
        else "subjective: no own runs yet"
    )
    yield f"ranges hold with probability {said.probability:.0%} each ({basis})"
    yield ""
    yield from table_lines(_stage_rows(said.stages), numbers=range(3, 7))
    yield ""
    if said.projected_usd is not None:
        yield f"this run, profile {said.profile}: {dollars(said.usd.expected)}"
        yield f"on the models above: {dollars_range(said.projected_usd)}"
    else:
        yield f"this run, profile {said.profile}: {dollars_range(said.usd)}"
    if said.baseline_usd is None:
        yield "one strong model: none in the catalog has a known price"
    else:
        yield f"one strong model, {said.baseline_model}: {dollars_range(said.baseline_usd)}"
    if said.saving is not None:
        ratio = said.saving
        yield f"saving: {ratio.expected:.1f}x ({ratio.low:.1f}x to {ratio.high:.1f}x)"
    yield ""
    yield from table_lines(_lane_rows(said), numbers=())
    yield ""
    yield "Assumptions:"
    yield from (f"- {one}" for one in said.assumptions)
    yield f"Prices: catalog of {said.catalog_version}. Nothing was sent."


def coverage_lines(found: Coverage) -> Iterator[str]:
    """How often the range held on past runs, and which runs it missed."""
    if found.share is None:
        yield f"{found.job}: no finished run asked a model, so there is nothing to compare"
        return
    yield (
        f"{found.job}: the range held in {found.held} of {counted(found.checked, 'run')}, "
        f"{found.share:.0%} (95% confidence: {found.low:.0%} to {found.high:.0%}); "
        f"stated: {found.probability:.0%}"
    )
    if found.left_out:
        told = counted(found.left_out, "run asked no model and is", "runs asked no model and are")
        yield f"{told} left out"
    yield ""
    rows = [("run", "documents", "learned from", "forecast", "actual", "held")]
    rows += [
        (
            run.run_id,
            f"{run.documents:,}",
            counted(run.learned_from, "run"),
            dollars_range(run.usd),
            dollars(run.actual_usd),
            "yes" if run.held else "above" if run.actual_usd > run.usd.high else "below",
        )
        for run in found.runs
    ]
    yield from table_lines(rows, numbers=(1,))
    yield ""
    yield (
        "Each run is forecast anew from what was known before it: names and sizes, texts of a "
        "sample, earlier runs."
    )


def _documents(source: SourceForecast) -> str:
    parts = [counted(source.found, "document")]
    for count, what in (
        (source.done, "done already"),
        (source.duplicates, "duplicate" if source.duplicates == 1 else "duplicates"),
        (source.refused, "refused or unreadable"),
        (source.unreadable, "of the sample unreadable"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    if len(parts) > 1:
        parts.append(f"{source.asked:,} to ask about")
    return ", ".join(parts)


def _stage_rows(stages: Sequence[StageForecast]) -> list[tuple[str, ...]]:
    head = ("stage", "tier", "model", "price in/out", "calls", "prompt tokens", "billed tokens")
    rows: list[tuple[str, ...]] = [(*head, "cost (range)")]
    rows += [
        (
            stage.stage,
            _TIERS[stage.role],
            stage.model,
            f"${stage.input_price:g}/{stage.output_price:g}",
            _count(stage.calls.expected),
            _count(stage.prompt_tokens.expected),
            _count(stage.billed_tokens.expected),
            dollars_range(stage.usd),
        )
        for stage in stages
    ]
    return rows


def _lane_rows(said: Forecast) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("lane", "cost", "duration", "one strong model", "")]
    rows += [
        (
            f"{lane.lane}{' *' if lane.lane == said.lane else ''}",
            dollars_range(lane.usd),
            _duration_range(lane.seconds),
            "unknown" if lane.baseline_usd is None else dollars_range(lane.baseline_usd),
            lane.note,
        )
        for lane in said.lanes
    ]
    return rows


def table_lines(rows: Sequence[Sequence[str]], *, numbers: Sequence[int]) -> Iterator[str]:
    """Rows in columns, those of `numbers` to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()


def _count(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 10 or figure == 0 else f"{figure:.2g}"


def dollars_range(usd: Range) -> str:
    """A range of US dollars for a person."""
    return f"{dollars(usd.expected)} ({dollars(usd.low)} to {dollars(usd.high)})"


def dollars(usd: float) -> str:
    """US dollars for a person: cents from one dollar up, two significant digits below."""
    if usd == 0:
        return "$0"
    if usd < _LEAST_USD:
        return f"<${_LEAST_USD}"
    return f"${usd:,.2f}" if usd >= 1 else f"${float(f'{usd:.2g}'):.10f}".rstrip("0")


def _duration_range(seconds: Range) -> str:
    middle, low, high = map(duration, (seconds.expected, seconds.low, seconds.high))
    return f"{middle} ({low} to {high})"


def duration(seconds: float) -> str:
    """A span of time for a person, in the unit that suits it."""
    for size, unit in ((_DAY_S, "days"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
