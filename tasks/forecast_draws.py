"""How may a run turn out? One outcome per pick of every uncertain quantity."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from llms.pricing import CHARS_PER_TOKEN, lane_price, prices
from schemas.job import Job
from schemas.roles import Model, Role
from tasks.call_times import (
    BATCH_PROMISE_S,
    BATCH_ROUND,
    FLEX_WAIT,
    LANES,
    Asked,
    Pace,
    run_seconds,
)
from tasks.call_volumes import (
    DECIDE,
    ESCALATE,
    EXTRACT,
    INSIGHTS,
    RETRY,
    RETRY_UP,
    ROUTE,
    SHADOW,
    STAGES,
    VERIFY,
    Stage,
    Texts,
    Volume,
    baseline_volume,
    full_volumes,
)
from tasks.forecast_beliefs import Beliefs
from tasks.forecast_quantities import Factor, Rate, Share

USUAL_BATCH_DISCOUNT = 0.5
"""Taken off the strong model's price in a batch where no discount is known: errs against us."""

_MILLION = 1_000_000
_MANY = 1e9
"""So many documents that no chance of single ones is left."""

Plan = Sequence[tuple[Stage, Model]]
"""The stages of a run and who is asked in each, in order."""


class Picker:
    """Picks a value of each uncertain quantity: its middle, or one by chance."""

    def __init__(self, rng: random.Random | None = None) -> None:
        """Pick middles without `rng`; with it, draw the next run."""
        self._rng = rng
        self._shared: dict[str, float] = {}

    def part(self, belief: Share | Rate, documents: float) -> float:
        """A share of `documents`, or calls for each of them."""
        return belief.middle if self._rng is None else belief.draw(self._rng, documents)

    def factor(self, belief: Factor, kind: str, documents: float = _MANY) -> float:
        """A ratio, averaged over so many documents; those of a `kind` are correlated."""
        if self._rng is None:
            return belief.middle
        if kind not in self._shared:
            self._shared[kind] = self._rng.gauss(0, 1)
        return belief.draw(self._rng, documents, self._shared[kind])


@dataclass(frozen=True, slots=True)
class Load:
    """The text of a source, as it is or may be.

    Attributes:
        tokens: Of all the text.
        documents: Documents that hold it.
        whole: What `full_volumes` says of them.
        baseline: What one strong model would be asked.
    """

    tokens: float
    documents: float
    whole: Mapping[Stage, Volume]
    baseline: Volume

    @classmethod
    def of(
        cls, job: Job, texts: Sequence[Texts], chars_per_token: float = CHARS_PER_TOKEN
    ) -> "Load":
        """The load of some texts."""
        return cls(
            tokens=sum(t.chars * t.documents for t in texts) / chars_per_token,
            documents=sum(t.documents for t in texts),
            whole=full_volumes(job, texts, chars_per_token),
            baseline=baseline_volume(job, texts, chars_per_token),
        )


class Spent(NamedTuple):
    """What a stage takes: tokens of all its calls together, money in the lane asked for."""

    calls: float
    prompt_tokens: float
    answer_tokens: float
    billed_tokens: float
    usd: float


@dataclass(slots=True)
class Outcome:
    """One way a run may turn out; money and time per lane.

    `baseline_usd` is what the one strong model would have cost, 0 where there is none.
    """

    load: Load
    stages: dict[Stage, Spent] = field(default_factory=dict)
    usd: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LANES, 0.0))
    seconds: dict[str, float] = field(default_factory=dict)
    baseline_usd: dict[str, float] = field(default_factory=dict)


def planned(
    job: Job,
    loads: Sequence[Load],
    roles: Mapping[Role, Sequence[Model]],
    verifiers: Sequence[Model] = (),
) -> Plan:
    """The stages that may have something to do, and who would be asked.

    Args:
        job: The job.
        loads: Its documents, as they may be.
        roles: The models of each role, best first.
        verifiers: Who checks, best first, where that is decided.

    Raises:
        UnknownPriceError: One of the models has no published price.
    """
    found: list[tuple[Stage, Model]] = []
    for stage in STAGES:
        ranked = roles.get(stage.role)
        is_due = job.verify.share > 0 or stage not in (VERIFY, RETRY, RETRY_UP)
        if ranked and is_due and any(load.whole[stage].calls for load in loads):
            model = ranked[min(stage.place, len(ranked) - 1)]
            if stage is VERIFY and verifiers:
                model = verifiers[0]
            prices(model)
            found.append((stage, model))
    return found


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything that turns picked quantities into an outcome.

    Attributes:
        plan: Stages and models.
        beliefs: What is believed of the quantities.
        pace: Speeds and limits.
        verify_share: Share of the records that is verified.
        decide_share: Share of the documents that may be put to the orchestrator.
        shadow_share: Share of the documents that the strong model reads as well.
        lane: The lane whose prices the stages are given at.
        strong: The one strong model that the run is compared with.
    """

    plan: Plan
    beliefs: Beliefs
    pace: Pace
    verify_share: float
    decide_share: float
    shadow_share: float
    lane: str
    strong: Model | None

    def outcome(self, load: Load, pick: Picker) -> Outcome:
        """What comes of one pick of every quantity."""
        done = Outcome(load)
        thinking: dict[str, float] = {}
        # One reading of the documents, whoever does it: extraction or the strong model.
        reading = (
            pick.factor(self.beliefs.prompts_of(EXTRACT), "prompts", load.documents),
            pick.factor(self.beliefs.answers_of(EXTRACT), "answers", load.documents),
        )
        for stage, model in self.plan:
            full = load.whole[stage]
            if not full.calls:
                # Other texts than these would have it work: long documents may turn out short.
                done.stages[stage] = Spent(0, 0, 0, 0, 0)
                continue
            part = self._part(stage, load.documents, pick)
            about = load.documents if stage is INSIGHTS else part * load.documents
            calls = full.calls * part * pick.factor(self.beliefs.calls_of(stage), "calls", about)
            prompts, answers = reading
            if stage is not EXTRACT:
                prompts = pick.factor(self.beliefs.prompts_of(stage), "prompts", about)
                answers = pick.factor(self.beliefs.answers_of(stage), "answers", about)
            prompt = calls * full.prompt_tokens / full.calls * prompts
            answer = calls * full.answer_tokens / full.calls * answers
            billed = answer * self._thinking(model, thinking, pick)
            usd = _list_usd(model, prompt, billed)
            usd *= pick.factor(self.beliefs.billing_of(stage), "billing", about)
            here = usd * stage_price(stage, model, self.lane)
            done.stages[stage] = Spent(calls, prompt, answer, billed, here)
            for lane in LANES:
                done.usd[lane] += usd * stage_price(stage, model, lane)
        self._compare(done, reading, thinking, pick)
        self._time(done, pick)
        return done

    def _part(self, stage: Stage, documents: float, pick: Picker) -> float:
        """The share of the documents that a stage sees, or the calls it makes for each."""
        checked = self.verify_share
        if stage is ROUTE:
            return pick.part(self.beliefs.routed, documents)
        if stage is ESCALATE:
            return pick.part(self.beliefs.escalated, documents)
        if stage is RETRY:
            return checked * pick.part(self.beliefs.mended, checked * documents)
        if stage is RETRY_UP:
            return checked * pick.part(self.beliefs.mended_up, checked * documents)
        if stage is DECIDE:
            return min(self.decide_share, pick.part(self.beliefs.undecided, documents))
        if stage is SHADOW:
            return self.shadow_share
        return checked if stage is VERIFY else 1.0

    def _thinking(self, model: Model, known: dict[str, float], pick: Picker) -> float:
        """Tokens billed per token of answer: one habit per model, in all its stages."""
        if model.slug not in known:
            # Nothing is billed below the answer itself, however heavy the tail of a belief.
            drawn = pick.factor(self.beliefs.thinking_of(model), "thinking")
            known[model.slug] = max(1.0, drawn)
        return known[model.slug]

    def _compare(
        self,
        done: Outcome,
        reading: tuple[float, float],
        thinking: dict[str, float],
        pick: Picker,
    ) -> None:
        """Add what the one strong model would cost."""
        strong = self.strong
        if strong is None:
            done.baseline_usd = dict.fromkeys(LANES, 0.0)
            return
        volume = done.load.baseline
        billed = volume.answer_tokens * reading[1] * self._thinking(strong, thinking, pick)
        usd = _list_usd(strong, volume.prompt_tokens * reading[0], billed)
        discount = strong.batch_discount
        off = USUAL_BATCH_DISCOUNT if discount is None else discount
        done.baseline_usd = {lane: usd * lane_price(strong, lane) for lane in LANES}
        done.baseline_usd["batch"] = usd * (1 - off)

    def _time(self, done: Outcome, pick: Picker) -> None:
        asked = [
            Asked(model, spent.calls, spent.prompt_tokens, spent.billed_tokens)
            for (_, model), spent in zip(self.plan, done.stages.values(), strict=True)
        ]
        pace = pick.factor(self.beliefs.pace, "pace")
        wait = max(1.0, pick.factor(FLEX_WAIT, "flex"))
        documents = done.load.documents
        done.seconds["standard"] = pace * run_seconds(asked, documents, self.pace)
        done.seconds["flex"] = pace * run_seconds(asked, documents, self.pace, wait=wait)
        # One round per stage: the next one's questions are the last one's answers.
        done.seconds["batch"] = sum(
            min(BATCH_PROMISE_S, pick.factor(BATCH_ROUND, "batch"))
            for _ in range(batch_rounds(self.plan))
        )


def batch_rounds(plan: Plan) -> int:
    """How many batches wait for each other: the findings of a report are asked for online."""
    return sum(stage is not INSIGHTS for stage, _ in plan)


def stage_price(stage: Stage, model: Model, lane: str) -> float:
    """What a stage's model costs when a run is in a lane, as a share of its list price."""
    return 1.0 if stage is INSIGHTS else lane_price(model, lane)


def _list_usd(model: Model, prompt_tokens: float, billed_tokens: float) -> float:
    input_price, _, output_price = prices(model)
    return (prompt_tokens * input_price + billed_tokens * output_price) / _MILLION
