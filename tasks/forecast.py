"""What would a job cost and how long would it take? Ranges with a stated probability.

Every uncertain quantity has a belief (`tasks.forecast_beliefs`). The figure of a range is what
comes of the middle of each belief; its ends are quantiles of seeded draws from all of them.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from llms.pricing import CHARS_PER_TOKEN, prices
from schemas.job import Job
from schemas.roles import Model, Resolution, Role
from tasks.call_times import LANES, Pace
from tasks.call_volumes import INSIGHTS, Stage
from tasks.forecast_beliefs import Beliefs
from tasks.forecast_draws import (
    Load,
    Outcome,
    Picker,
    Plan,
    Simulation,
    batch_rounds,
    planned,
    stage_price,
)
from tasks.forecast_result import Forecast, LaneForecast, Range, StageForecast
from tasks.forecast_words import assumptions
from tasks.jobs import expand
from tasks.source_survey import Survey, TextEstimate

DRAWS = 1500
_TEXT_DRAWS = 100
"""Draws of the text volume; each is used with several draws of everything else."""

Ranged = Callable[[Callable[[Outcome], float]], Range]
"""Makes a range of a figure of an outcome."""


def forecast(
    job: Job,
    survey: Survey,
    resolution: Resolution,
    *,
    beliefs: Beliefs | None = None,
    pace: Pace | None = None,
    lane: str = "standard",
    probability: float = 0.9,
) -> Forecast:
    """Say what a run of `job` would cost and take. Sends nothing, writes nothing.

    Args:
        job: The job; types need not be spelled out.
        survey: What is known of its documents.
        resolution: The models of the job (`llms.resolution.resolve`).
        beliefs: What own runs taught; null for the priors alone.
        pace: Speeds and limits; null knows none.
        lane: One of `LANES`; totals are given for the others as well.
        probability: That a run's figure lies in its range, between 0 and 1.

    Raises:
        JobError: The job names a document type that does not exist.
        UnknownPriceError: A model without a published price would be asked.
    """
    job = expand(job)
    beliefs = beliefs or Beliefs()
    roles, is_projected = asked_models(resolution)
    if is_projected:
        # How fast the rules were says nothing of the models they stand in for.
        beliefs = replace(beliefs, pace=Beliefs().pace)
    # Seeded by the job alone: the same question gets the same answer.
    rng = random.Random(f"forecast:{job.seed}")  # noqa: S311 - draws, no secrets
    # What own runs learned was measured against the usual characters per token.
    chars_per_token = CHARS_PER_TOKEN / (1.0 if beliefs.runs else survey.text_factor)
    estimate = TextEstimate.of(survey, job.parsing.max_chars)
    middle = Load.of(job, estimate.texts(), chars_per_token)
    loads = [Load.of(job, estimate.texts(rng), chars_per_token) for _ in range(_TEXT_DRAWS)]
    verifiers = () if is_projected else resolution.verifiers
    plan = planned(job, [middle, *loads], roles, verifiers)
    strong = resolution.baseline
    run = Simulation(
        plan,
        beliefs,
        pace or Pace(concurrency=job.concurrency),
        verify_share=job.verify.share,
        decide_share=job.orchestrator.share,
        shadow_share=job.shadow.share,
        lane=lane,
        strong=strong,
    )
    expected = run.outcome(middle, Picker())
    outcomes = [run.outcome(loads[i % _TEXT_DRAWS], Picker(rng)) for i in range(DRAWS)]

    def ranged(figure: Callable[[Outcome], float]) -> Range:
        return range_of(figure(expected), [figure(one) for one in outcomes], probability)

    usd = ranged(lambda one: one.usd[lane])
    is_compared = strong is not None and usd.low > 0
    return Forecast(
        job=job.name,
        profile=resolution.profile,
        lane=lane,
        probability=probability,
        runs=beliefs.runs,
        catalog_version=resolution.catalog_version,
        documents=survey.source.asked,
        source=survey.source,
        document_tokens=ranged(lambda one: one.load.tokens),
        stages=tuple(_stage(stage, model, ranged) for stage, model in plan),
        is_projected=is_projected,
        usd=Range(low=0, expected=0, high=0) if is_projected else usd,
        projected_usd=usd if is_projected else None,
        seconds=ranged(lambda one: one.seconds[lane]),
        baseline_model=strong.slug if strong else None,
        baseline_usd=ranged(lambda one: one.baseline_usd[lane]) if strong else None,
        saving=ranged(lambda one: one.baseline_usd[lane] / one.usd[lane]) if is_compared else None,
        lanes=tuple(_lane(name, plan, ranged, strong) for name in LANES),
        assumptions=assumptions(
            job,
            survey,
            beliefs,
            [stage for stage, _ in plan],
            strong=strong,
            is_projected=is_projected,
        ),
    )


def asked_models(resolution: Resolution) -> tuple[Mapping[Role, Sequence[Model]], bool]:
    """Whose prices count: the profile's models, or what the catalog has for a free profile.

    Returns:
        The models by role, best first, and whether they are the catalog's (the second case).

    Raises:
        UnknownPriceError: A model of the profile has no published price.
    """
    if not resolution.projected or any(
        sum(prices(model)) > 0 for ranked in resolution.roles.values() for model in ranked
    ):
        return resolution.roles, False
    return {role: (model,) for role, model in resolution.projected.items()}, True


def range_of(expected: float, values: Sequence[float], probability: float) -> Range:
    """The range that leaves out as many values below as above.

    It always holds the expected figure, which a very narrow one might not.
    """
    ranked = sorted(values)
    tail = round((1 - probability) / 2 * (len(ranked) - 1))
    low, high = ranked[tail], ranked[len(ranked) - 1 - tail]
    return Range(low=min(low, expected), expected=expected, high=max(high, expected))


def _stage(stage: Stage, model: Model, ranged: Ranged) -> StageForecast:
    input_price, _, output_price = prices(model)
    return StageForecast(
        stage=stage.name,
        role=stage.role,
        model=model.slug,
        input_price=input_price,
        output_price=output_price,
        calls=ranged(lambda one: one.stages[stage].calls),
        prompt_tokens=ranged(lambda one: one.stages[stage].prompt_tokens),
        answer_tokens=ranged(lambda one: one.stages[stage].answer_tokens),
        billed_tokens=ranged(lambda one: one.stages[stage].billed_tokens),
        usd=ranged(lambda one: one.stages[stage].usd),
    )


def _lane(lane: str, plan: Plan, ranged: Ranged, strong: Model | None) -> LaneForecast:
    return LaneForecast(
        lane=lane,
        usd=ranged(lambda one: one.usd[lane]),
        seconds=ranged(lambda one: one.seconds[lane]),
        baseline_usd=ranged(lambda one: one.baseline_usd[lane]) if strong else None,
        note=_lane_note(lane, plan),
    )


def _lane_note(lane: str, plan: Plan) -> str:
    if lane == "standard":
        return ""
    said = (
        f"{batch_rounds(plan)} rounds, each promised within 24 h"
        if lane == "batch"
        else "each call takes 1 to 10 times as long (assumed)"
    )
    models = {model.slug for stage, model in plan if stage is not INSIGHTS}
    undiscounted = sorted(
        {m.slug for stage, m in plan if stage is not INSIGHTS and stage_price(stage, m, lane) == 1}
    )
    if not undiscounted:
        return said
    which = "these models" if len(undiscounted) == len(models) else ", ".join(undiscounted)
    return f"{said}; no discount is known for {which}"
