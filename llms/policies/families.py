"""Which policies are there to choose from? Built from recorded answers, family by family."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from llms.policies.asking import fit_asking, narrowed
from llms.policies.fixed import Agreement, Single
from llms.policies.frontier import worthwhile
from llms.policies.plays import Policy
from llms.policies.recorded import Recorded, ReplayError
from llms.policies.text_router import fit_routers
from llms.policies.thresholds import cascades


class Family(StrEnum):
    """Kinds of policies."""

    SINGLE = "single"
    CASCADE = "cascade"
    AGREEMENT = "agreement"
    ROUTER = "router"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class Candidates:
    """What can be chosen from.

    Attributes:
        pruned: The models that nothing was built from, since another one is as good for less.
        policies: Per family; every model alone is always among them.
        left_out: Why a family has no policy.
    """

    pruned: tuple[str, ...]
    policies: dict[Family, list[Policy]]
    left_out: dict[Family, str]


def build(recorded: Recorded, families: Iterable[Family]) -> Candidates:
    """Learn the policies of some families from recorded answers.

    Raises:
        ReplayError: A model's cost is unknown.
    """
    for model in recorded.models:
        if not recorded.has_costs(model):
            raise ReplayError(
                f"{recorded.dataset} records no cost of {model}; give one per call with "
                f"--price {model}=USD, or leave it out with --without {model}"
            )
    models = worthwhile(recorded)
    singles: list[Policy] = [Single(model) for model in recorded.models]
    found = Candidates(
        tuple(model for model in recorded.models if model not in models),
        {Family.SINGLE: singles},
        {},
    )
    for family in families:
        if family is Family.SINGLE:
            continue
        if len(models) == 1:
            found.left_out[family] = f"no model is better than {models[0]}, which costs least"
            continue
        try:
            found.policies[family] = _MAKERS[family](recorded, models)
        except ReplayError as error:
            found.left_out[family] = str(error)
    return found


def _cascades(recorded: Recorded, models: Sequence[str]) -> list[Policy]:
    _check_confidence(recorded, models)
    return list(cascades(recorded, models))


def _agreements(recorded: Recorded, models: Sequence[str]) -> list[Policy]:
    if not all(any(recorded.answer.get(model, ())) for model in models):
        raise ReplayError(f"{recorded.dataset} has no answers that could agree")
    # The two that answer may be dominated: to differ in their mistakes is worth something too.
    return [
        Agreement(first, second, judge)
        for judge in models[1:]
        for first, second in combinations(recorded.models[: recorded.models.index(judge)], 2)
    ]


def _routers(recorded: Recorded, models: Sequence[str]) -> list[Policy]:
    return list(fit_routers(recorded, narrowed(recorded, models)))


def _learned(recorded: Recorded, models: Sequence[str]) -> list[Policy]:
    _check_confidence(recorded, models)
    return list(fit_asking(recorded, narrowed(recorded, models)))


def _check_confidence(recorded: Recorded, models: Sequence[str]) -> None:
    if not any(recorded.has_confidence(model) for model in models[:-1]):
        raise ReplayError(
            f"{recorded.dataset} has no confidence of {', '.join(models[:-1])}; "
            "a cascade has nothing to go by"
        )


_MAKERS: dict[Family, Callable[[Recorded, Sequence[str]], list[Policy]]] = {
    Family.CASCADE: _cascades,
    Family.AGREEMENT: _agreements,
    Family.ROUTER: _routers,
    Family.LEARNED: _learned,
}
