"""What would a job cost, before anything is sent? Dollars per stage as a range, from sizes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from llms.pricing import CHARS_PER_TOKEN, expected_call_usd
from schemas.job import Job
from schemas.roles import Model, Resolution, Role
from tasks.call_volumes import (
    ESCALATED_FIELDS,
    ESCALATED_SHARE,
    EXPECTED,
    ROUTE,
    ROUTED_SHARE,
    SCENARIOS,
    STAGES,
    Stage,
    Texts,
    Volume,
    baseline_volume,
    call_volumes,
)
from tasks.jobs import expand
from tasks.text_size import DocumentSize, Guess, chars_per_byte, kind_of

THINKING = Guess(0.25, 1.0, 1.5)
"""Thinking per token of answer, as a share of what the catalog measured on its harder questions."""


class Range(BaseModel):
    """A figure and the range it may lie in: the ends of all assumptions, not a probability."""

    model_config = ConfigDict(frozen=True)

    low: float
    expected: float
    high: float


class StageForecast(BaseModel):
    """What one stage of the pipeline would cost; tokens are those of all its calls together."""

    model_config = ConfigDict(frozen=True)

    stage: str
    role: Role
    model: str = Field(description="Slug of the model that would be asked.")
    calls: Range
    prompt_tokens: Range
    answer_tokens: Range = Field(description="Without thinking.")
    usd: Range


class Forecast(BaseModel):
    """What a job would cost on its profile, on the catalog's models and on one strong model.

    Attributes:
        documents: Documents that would be read.
        too_large: Documents over the size limit, which would not.
        stages: On the models of the profile.
        projected_stages: On the catalog's models for the roles, where the profile itself is free.
        baseline_usd: All documents, one call each that asks for everything, on `baseline_model`.
        saving: `baseline_usd` over `usd`, or over `projected_usd` where the profile is free; its
            low end may be a strong model that answers without thinking. Null when either is
            unknown or nothing.
        assumptions: What the figures rest on, in sentences.
    """

    model_config = ConfigDict(frozen=True)

    job: str
    profile: str
    catalog_version: str
    documents: int
    too_large: int
    document_tokens: Range
    stages: tuple[StageForecast, ...]
    usd: Range
    projected_stages: tuple[StageForecast, ...] = ()
    projected_usd: Range | None = None
    baseline_model: str | None = None
    baseline_usd: Range | None = None
    saving: Range | None = None
    assumptions: tuple[str, ...] = ()


def forecast(job: Job, documents: Iterable[DocumentSize], resolution: Resolution) -> Forecast:
    """Say what a run of `job` over `documents` would cost. Sends nothing, writes nothing.

    Args:
        job: The job; types need not be spelled out.
        documents: The documents of the source, in its order. The text of those that nobody
            parsed is estimated from their size.
        resolution: The models of the job (`llms.providers.resolve`).

    Raises:
        JobError: The job names a document type that does not exist.
        UnknownPriceError: A model without a published price would be asked.
    """
    job = expand(job)
    taken = list(islice(documents, job.source.limit))
    sizes = [one for one in taken if one.bytes <= job.source.max_bytes]
    texts = _texts(job, sizes)
    volumes = [call_volumes(job, texts[scenario], scenario) for scenario in SCENARIOS]
    by_stage = {
        stage: [found[stage] for found in volumes]
        for stage in STAGES
        if any(found[stage].calls for found in volumes)
    }
    stages = _priced(by_stage, resolution.roles)
    projected = _priced(by_stage, {role: (m,) for role, m in resolution.projected.items()})
    usd = _total(stages)
    projected_usd = _total(projected) if projected else None
    whole = [baseline_volume(job, texts[scenario], scenario) for scenario in SCENARIOS]
    strong = resolution.baseline
    compared = usd if usd.expected else projected_usd
    return Forecast(
        job=job.name,
        profile=resolution.profile,
        catalog_version=resolution.catalog_version,
        documents=len(sizes),
        too_large=len(taken) - len(sizes),
        document_tokens=_range(
            [sum(t.chars * t.documents for t in texts[s]) / CHARS_PER_TOKEN for s in SCENARIOS]
        ),
        stages=stages,
        usd=usd,
        projected_stages=projected,
        projected_usd=projected_usd,
        baseline_model=strong.slug if strong else None,
        baseline_usd=_range(_costs(strong, whole)) if strong else None,
        saving=_saving(strong, whole, compared) if strong and compared else None,
        assumptions=_assumptions(job, sizes, is_routed=ROUTE in by_stage),
    )


def _texts(job: Job, sizes: Sequence[DocumentSize]) -> list[list[Texts]]:
    """Per scenario, how many documents have how much text."""
    ratios = chars_per_byte(sizes)
    counted = Counter((kind_of(one.hint), one.bytes) for one in sizes)
    return [
        [
            Texts(min(size * ratios[kind][scenario], job.parsing.max_chars), count)
            for (kind, size), count in counted.items()
        ]
        for scenario in SCENARIOS
    ]


def _priced(
    by_stage: Mapping[Stage, Sequence[Volume]], roles: Mapping[Role, Sequence[Model]]
) -> tuple[StageForecast, ...]:
    found: list[StageForecast] = []
    for stage, volumes in by_stage.items():
        ranked = roles.get(stage.role)
        if not ranked:
            continue
        model = ranked[min(stage.place, len(ranked) - 1)]
        found.append(
            StageForecast(
                stage=stage.name,
                role=stage.role,
                model=model.slug,
                calls=_range([volume.calls for volume in volumes]),
                prompt_tokens=_range([volume.prompt_tokens for volume in volumes]),
                answer_tokens=_range([volume.answer_tokens for volume in volumes]),
                usd=_range(_costs(model, volumes)),
            )
        )
    return tuple(found)


def _costs(model: Model, volumes: Sequence[Volume]) -> list[float]:
    return [
        expected_call_usd(model, volume.prompt_tokens, volume.answer_tokens, thinking=thinking)
        for volume, thinking in zip(volumes, THINKING, strict=True)
    ]


def _saving(strong: Model, volumes: Sequence[Volume], own: Range) -> Range | None:
    if not (own.low and own.expected and own.high):
        return None
    low, expected, high = _costs(strong, volumes)
    usual = volumes[EXPECTED]
    unthinking = expected_call_usd(strong, usual.prompt_tokens, usual.answer_tokens, thinking=0)
    ratios = [low / own.low, expected / own.expected, high / own.high, unthinking / own.expected]
    return Range(low=min(ratios), expected=expected / own.expected, high=max(ratios))


def _range(values: Sequence[float]) -> Range:
    # A document that is long only in the high scenario leaves the first tier, whose high figure
    # may then lie below its expected one: a range has to hold all three.
    return Range(low=min(values), expected=values[EXPECTED], high=max(values))


def _total(stages: Sequence[StageForecast]) -> Range:
    return Range(
        low=sum(stage.usd.low for stage in stages),
        expected=sum(stage.usd.expected for stage in stages),
        high=sum(stage.usd.high for stage in stages),
    )


def _assumptions(job: Job, sizes: Sequence[DocumentSize], *, is_routed: bool) -> tuple[str, ...]:
    parsed = sum(one.text_chars is not None for one in sizes)
    source = (
        f"how much text a file holds is taken from {parsed:,} parsed documents"
        if parsed
        else "how much text a file holds is guessed from its size and kind; nothing was parsed"
    )
    routed = f"{_percent(ROUTED_SHARE)} of the documents need a model to find their type"
    return (
        f"{source}; {CHARS_PER_TOKEN} characters to a token",
        "every document is new: what a lake already holds costs nothing and is not subtracted",
        "no prompt is answered from a provider's cache, no call is repeated after a failure",
        "models think as much per token of answer as the catalog measured on its harder "
        f"questions (range {THINKING.low:g} to {THINKING.high:g} times as much)",
        *((routed,) if is_routed else ()),
        f"{_percent(ESCALATED_SHARE)} of the documents have {ESCALATED_FIELDS.expected:g} fields "
        f"(range {ESCALATED_FIELDS.low:g} to {ESCALATED_FIELDS.high:g}) for the second tier",
        f"{job.verify.share:.0%} of the records are verified; mending the bad ones is left out",
        "the one strong model reads each document once and is asked for everything; the low end "
        "of the saving allows that it answers without thinking",
    )


def _percent(share: Guess) -> str:
    return f"{share.expected:.0%} (range {share.low:.0%} to {share.high:.0%})"


def forecast_text(found: Forecast) -> str:
    """A forecast as lines for a person: the table of stages, the totals, the assumptions."""
    tokens = found.document_tokens
    skipped = f" ({found.too_large:,} more are too large)" if found.too_large else ""
    lines = [
        f"{found.job}: {found.documents:,} documents{skipped}, about "
        f"{tokens.expected:,.0f} tokens of text ({tokens.low:,.0f} to {tokens.high:,.0f})",
        "",
        *_stage_lines(found.projected_stages or found.stages),
        "",
    ]
    if found.projected_usd is None:
        lines.append(f"this run, profile {found.profile}: {_dollars_range(found.usd)}")
    else:
        lines.append(f"this run, profile {found.profile}: {dollars(found.usd.expected)}")
        lines.append(f"on the models above: {_dollars_range(found.projected_usd)}")
    if found.baseline_usd is None:
        lines.append("one strong model: none in the catalog has a known price")
    else:
        usd = _dollars_range(found.baseline_usd)
        lines.append(f"one strong model, {found.baseline_model}: {usd}")
    if found.saving is not None:
        ratio = found.saving
        lines.append(f"saving: {ratio.expected:.1f}x ({ratio.low:.1f}x to {ratio.high:.1f}x)")
    lines += ["", "Assumptions:", *(f"- {one}" for one in found.assumptions)]
    return "\n".join([*lines, f"Prices: catalog of {found.catalog_version}. Nothing was sent."])


def _stage_lines(stages: Sequence[StageForecast]) -> list[str]:
    cells = [("stage", "model", "calls", "prompt tokens", "answer tokens", "cost (range)")]
    cells += [
        (
            stage.stage,
            stage.model,
            f"{stage.calls.expected:,.0f}",
            f"{stage.prompt_tokens.expected:,.0f}",
            f"{stage.answer_tokens.expected:,.0f}",
            _dollars_range(stage.usd),
        )
        for stage in stages
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(
            cell.rjust(width) if 2 <= i <= 4 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _dollars_range(usd: Range) -> str:
    return f"{dollars(usd.expected)} ({dollars(usd.low)} to {dollars(usd.high)})"


def dollars(usd: float) -> str:
    """US dollars for a person: cents from one dollar up, two significant digits below."""
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${float(f'{usd:.2g}'):.10f}".rstrip("0")
