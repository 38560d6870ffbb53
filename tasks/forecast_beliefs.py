"""What does a forecast believe of a job before a run, and what does it learn from one?

Every prior stands here. They are judgement, not measurement, but for the text ratios of
`tasks.text_size`; own runs outweigh them quickly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from schemas.roles import Model
from tasks.call_volumes import (
    DECIDE,
    ESCALATE,
    INSIGHTS,
    RETRY,
    RETRY_UP,
    ROUTE,
    SHADOW,
    VERIFY,
    Stage,
    Volume,
)
from tasks.forecast_quantities import Factor, Rate, Share

LEAST_THINKING, MOST_THINKING = 0.25, 1.5
"""Thinking per token of answer, as a share of what the catalog measured on its harder questions."""

_ROUTED, _ESCALATED = Share.about(0.25, weight=2), Share.about(0.35, weight=1.4)
_OPEN = Share.about(0.05, weight=2)
_MENDED, _MENDED_UP = Rate(0.2, 2), Rate(0.1, 2)
_PACE = Factor.about(1.0, spread=3)


@dataclass(frozen=True, slots=True)
class StageSeen:
    """What a run asked in one stage.

    Attributes:
        calls: Calls that brought an answer with token counts.
        documents: Documents they were about.
        prompt_tokens: Tokens of their prompts.
        answer_tokens: Tokens of their answers without thinking.
        list_usd: Their tokens at full list price.
        usd: What was booked for the stage, answers that nobody got included.
    """

    calls: int
    documents: int
    prompt_tokens: int
    answer_tokens: int
    list_usd: float
    usd: float


@dataclass(frozen=True, slots=True)
class RunSeen:
    """What a run showed of the quantities that a forecast is uncertain of.

    Attributes:
        documents: Documents that models were asked about.
        whole: What `full_volumes` says of these documents.
        stages: What was asked, by stage.
        billed: Per model, its answer tokens without and with thinking.
        verify_share: Share of the records that was to be verified.
        pace: Seconds it took over those computed; null where unknown.
    """

    documents: int
    whole: Mapping[Stage, Volume]
    stages: Mapping[Stage, StageSeen]
    billed: Mapping[str, tuple[int, int]]
    verify_share: float
    pace: float | None = None


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is believed of the next run of a job.

    Attributes:
        routed: Share of the documents whose type neither a glob nor their words settle.
        escalated: Share of the documents with fields that the first tier cannot settle.
        mended: Calls per verified document that mend a bad field, in the tier that answered.
        mended_up: The same one tier up.
        undecided: Share of the documents that the tiers leave open.
        calls: Per stage, calls over those computed: repetitions, halves, second opinions.
        prompts: Per stage, prompt tokens of a call over those computed.
        answers: Per stage, answer tokens of a call over those computed, thinking left out.
        billing: Per stage, what was booked over the list price of the tokens: caches lower it,
            answers that nobody got raise it.
        thinking: Per model, tokens billed per token of answer, where own runs showed it.
        pace: Seconds of a run over those computed.
        runs: Own runs behind all this.
    """

    routed: Share = _ROUTED
    escalated: Share = _ESCALATED
    mended: Rate = _MENDED
    mended_up: Rate = _MENDED_UP
    undecided: Share = _OPEN
    calls: Mapping[Stage, Factor] = field(default_factory=dict)
    prompts: Mapping[Stage, Factor] = field(default_factory=dict)
    answers: Mapping[Stage, Factor] = field(default_factory=dict)
    billing: Mapping[Stage, Factor] = field(default_factory=dict)
    thinking: Mapping[str, Factor] = field(default_factory=dict)
    pace: Factor = _PACE
    runs: int = 0

    def calls_of(self, stage: Stage) -> Factor:
        """Calls of a stage over those computed."""
        if stage in self.calls:
            return self.calls[stage]
        # Fields that another tier answered are checked in a call of their own.
        return Factor.about(1.3, 1.6) if stage is VERIFY else Factor.about(1.0, 1.1)

    def prompts_of(self, stage: Stage) -> Factor:
        """Prompt tokens per call over those computed."""
        spread = 2.5 if stage is INSIGHTS else 1.6 if stage in (ESCALATE, VERIFY) else 1.3
        return self.prompts.get(stage) or Factor.about(1.0, spread)

    def answers_of(self, stage: Stage) -> Factor:
        """Answer tokens per call over those computed."""
        return self.answers.get(stage) or Factor.about(1.0, 1.3 if stage is ROUTE else 2.0)

    def billing_of(self, stage: Stage) -> Factor:
        """What is booked over the list price of the tokens."""
        return self.billing.get(stage) or Factor.about(1.0, 1.1)

    def thinking_of(self, model: Model) -> Factor:
        """Tokens that a model bills per token of answer."""
        if model.slug in self.thinking:
            return self.thinking[model.slug]
        if model.own_factor is not None:
            return Factor.about(model.own_factor, 1.3)
        extra = model.thinking_factor - 1
        return Factor.between(1 + LEAST_THINKING * extra, 1 + MOST_THINKING * extra)

    def after(self, seen: RunSeen, models: Mapping[str, Model]) -> "Beliefs":
        """What is believed after a run.

        Args:
            seen: The run.
            models: The models that answered, by slug.
        """
        calls, prompts = dict(self.calls), dict(self.prompts)
        answers, billing = dict(self.answers), dict(self.billing)
        thinking = dict(self.thinking)
        documents = seen.documents
        due = {
            VERIFY: seen.verify_share,
            ROUTE: _share(seen, ROUTE, documents),
            ESCALATE: _share(seen, ESCALATE, documents),
            DECIDE: _share(seen, DECIDE, documents),
            SHADOW: _share(seen, SHADOW, documents),
        }
        for stage, was in seen.stages.items():
            # The one call about the figures is about no document, and as telling as any average.
            whole, about = seen.whole[stage], was.documents or documents
            if not was.calls or not whole.calls:
                continue
            if stage not in (RETRY, RETRY_UP):
                expected = whole.calls * due.get(stage, 1.0)
                calls[stage] = self.calls_of(stage).after(was.calls / expected, about)
            prompt = was.prompt_tokens / was.calls * whole.calls / whole.prompt_tokens
            prompts[stage] = self.prompts_of(stage).after(prompt, about)
            answer = was.answer_tokens / was.calls * whole.calls / whole.answer_tokens
            answers[stage] = self.answers_of(stage).after(answer, about)
            if was.list_usd:
                paid = was.usd / was.list_usd
                billing[stage] = self.billing_of(stage).after(paid, about)
        for slug, (bare, billed) in seen.billed.items():
            if bare and slug in models:
                factor = self.thinking_of(models[slug])
                thinking[slug] = factor.after(billed / bare, documents)
        routed = self.routed
        if seen.whole[ROUTE].calls:
            routed = routed.after(_documents(seen, ROUTE), documents)
        verified = _documents(seen, VERIFY)
        return replace(
            self,
            routed=routed,
            escalated=self.escalated.after(_documents(seen, ESCALATE), documents),
            mended=self.mended.after(_calls(seen, RETRY), verified),
            mended_up=self.mended_up.after(_calls(seen, RETRY_UP), verified),
            undecided=self.undecided.after(_documents(seen, DECIDE), documents),
            calls=calls,
            prompts=prompts,
            answers=answers,
            billing=billing,
            thinking=thinking,
            pace=self.pace.after(seen.pace or 0.0, documents),
            runs=self.runs + 1,
        )


def _documents(seen: RunSeen, stage: Stage) -> int:
    was = seen.stages.get(stage)
    return was.documents if was else 0


def _calls(seen: RunSeen, stage: Stage) -> int:
    was = seen.stages.get(stage)
    return was.calls if was else 0


def _share(seen: RunSeen, stage: Stage, documents: int) -> float:
    return _documents(seen, stage) / documents if documents else 0.0
