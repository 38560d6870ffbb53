"""Which policies need nothing learned? One model; a cascade with thresholds; two that agree."""

import json
from dataclasses import dataclass

from llms.policies.plays import Play
from llms.policies.recorded import Recorded, ReplayError
from llms.repair import repair_json


@dataclass(frozen=True, slots=True)
class Single:
    """One model answers every query."""

    model: str

    @property
    def name(self) -> str:
        """The model."""
        return self.model

    def play(self, recorded: Recorded) -> list[Play]:
        """One call per query."""
        return [Play((self.model,), 0, self.model)] * len(recorded)


@dataclass(frozen=True, slots=True)
class Cascade:
    """Models in order; the first that is sure enough answers, the last one in any case.

    Attributes:
        models: Two or more models in the order in which they are asked.
        thresholds: For each but the last: it answers when its confidence is at least this.
    """

    models: tuple[str, ...]
    thresholds: tuple[float, ...]

    @property
    def name(self) -> str:
        """The stages, as `docmill replay --policy` takes them."""
        stages = zip(self.models, self.thresholds, strict=False)
        return " > ".join([*(f"{model}@{least:.6g}" for model, least in stages), self.models[-1]])

    def play(self, recorded: Recorded) -> list[Play]:
        """Calls up to the first stage that is sure enough."""
        stages = [
            (recorded.confidence[model], least)
            for model, least in zip(self.models, self.thresholds, strict=False)
        ]
        ends = [
            Play(self.models[: place + 1], place + (place < len(stages)), model)
            for place, model in enumerate(self.models)
        ]
        plays = []
        for i in range(len(recorded)):
            for place, (confidence, least) in enumerate(stages):
                sure = confidence[i]
                # Unknown is not sure: the next stage is asked.
                if sure is not None and sure >= least:
                    plays.append(ends[place])
                    break
            else:
                plays.append(ends[-1])
        return plays


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two models answer; where they say the same, that is the answer, else a third decides."""

    first: str
    second: str
    judge: str

    @property
    def name(self) -> str:
        """The three models, as `docmill replay --policy` takes them."""
        return f"{self.first} = {self.second} > {self.judge}"

    def play(self, recorded: Recorded) -> list[Play]:
        """Two calls where they agree, three elsewhere."""
        both = (self.first, self.second)
        if not any(recorded.answer.get(self.first, ())):
            raise ReplayError(f"{recorded.dataset} records no answers that could agree")
        agreed, decided = Play(both, 0, self.second), Play((*both, self.judge), 0, self.judge)
        pairs = zip(recorded.answer[self.first], recorded.answer[self.second], strict=True)
        return [agreed if say_the_same(one, other) else decided for one, other in pairs]


def say_the_same(one: str | None, other: str | None) -> bool:
    """Whether two answers mean the same: the same JSON object, or the same words in any case.

    No answer agrees with nothing, not even with another one that is missing.
    """
    if not one or not other:
        return False
    return _meaning(one) == _meaning(other)


def _meaning(answer: str) -> str:
    value = repair_json(answer) if "{" in answer else None
    if value is None:
        return " ".join(answer.casefold().split())
    return json.dumps(value, sort_keys=True, default=str).casefold()
