"""Which documents had better start in the second tier, by labelled answers of both tiers?

The gain of the second tier is predicted from the traits of a text by ridge regression. The
candidates are to start there never, always, or above a cut of the predicted gain; each is played
with predictions that have not seen the document. One is taken where it makes more fields right
beyond noise, or costs less beyond noise with no fewer of them right; else none is.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev, stdev
from typing import NamedTuple

from llms.calibration.fitting import FOLDS, part_of
from llms.calibration.traits import predicted_gain, standing
from llms.policies.least_squares import System
from schemas.start_rule import StartRule, Trait, TraitWeight

FEWEST_DOCUMENTS = 20
"""With fewer, nothing that is seen on them is beyond noise."""

_BEYOND_NOISE = 3.3
"""Standard errors: by chance one in two thousand gets that far, and ten candidates are tried."""

_DAMPING = 0.5
"""Of the traits beside the mean: halved, they are trusted as under a fourfold penalty."""

_SHARES = 10
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tiers said of a labelled document.

    Attributes:
        document: Its id.
        traits: Of its text.
        gain: Share of its fields that the second tier gets right and the first does not, less the
            other way round: what is predicted.
    """

    document: str
    traits: dict[Trait, float]
    gain: float


class Played(NamedTuple):
    """What the cascade made of a document: the share of its fields right, and what it cost."""

    right: float
    cost: float


Play = Callable[[frozenset[str]], Sequence[Played]]
"""What the cascade makes of each document, in order, when these start in the second tier."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A rule with what it changes per document."""

    cut: float | None
    better: list[float]
    dearer: list[float]

    @property
    def is_worth_it(self) -> bool:
        cheaper = [-one for one in self.dearer]
        is_as_good = math.fsum(self.better) >= -_ROUNDING
        return (is_as_good and _is_beyond_noise(cheaper)) or _is_beyond_noise(self.better)


def fit_start(outcomes: Sequence[Outcome], play: Play) -> StartRule:
    """The rule by which documents of a type start in the second tier.

    The same outcomes in the same order give the same rule.

    Args:
        outcomes: Of documents that no promise is certified on.
        play: The cascade, to be tried with every candidate.
    """
    never = StartRule(kind="never", documents=len(outcomes))
    if len(outcomes) < FEWEST_DOCUMENTS:
        return never
    plain = play(frozenset())
    chosen = _chosen(_candidates(outcomes, _held_out(outcomes), play, plain))
    if chosen is None:
        return never
    fitted = _fitted(outcomes)
    final = [predicted_gain(fitted, one.traits) for one in outcomes]
    # Five regressions chose the cut, and one will be used: it must be worth it with that one, too.
    if not _candidate(chosen.cut, outcomes, final, play, plain).is_worth_it:
        return never
    before = math.fsum(one.cost for one in plain)
    rule = StartRule(kind="always", documents=len(outcomes))
    if chosen.cut is not None:
        rule = fitted.model_copy(update={"kind": "above", "cut": chosen.cut})
    cost = math.fsum(chosen.dearer) / before if before else None
    return rule.model_copy(update={"gain": fmean(chosen.better), "cost": cost})


def _held_out(outcomes: Sequence[Outcome]) -> list[float]:
    """Per document, the gain predicted by a regression that has not seen it."""
    folds = [part_of(one.document, FOLDS, "start") for one in outcomes]
    found = [0.0] * len(outcomes)
    for fold in sorted(set(folds)):
        rest = [one for one, other in zip(outcomes, folds, strict=True) if other != fold]
        rule = _fitted(rest or outcomes)
        for n, one in enumerate(outcomes):
            if folds[n] == fold:
                found[n] = predicted_gain(rule, one.traits)
    return found


def _fitted(outcomes: Sequence[Outcome]) -> StartRule:
    """The regression alone; it sends nobody anywhere yet."""
    scales = list(_scales(outcomes))
    rows = [[1.0, *(_DAMPING * standing(s, o.traits[s.trait]) for s in scales)] for o in outcomes]
    base, *weights = System(rows).solve([one.gain for one in outcomes])
    return StartRule(
        kind="never",
        base=base,
        weights=tuple(
            scale.model_copy(update={"weight": _DAMPING * weight})
            for scale, weight in zip(scales, weights, strict=True)
        ),
        documents=len(outcomes),
    )


def _scales(outcomes: Sequence[Outcome]) -> Iterator[TraitWeight]:
    """Mean and spread of each trait that is not the same everywhere."""
    for trait in Trait:
        values = [one.traits[trait] for one in outcomes]
        centre, spread = fmean(values), pstdev(values)
        if spread > _ROUNDING:
            yield TraitWeight(trait=trait, centre=centre, spread=spread, weight=0.0)


def _candidates(
    outcomes: Sequence[Outcome], predicted: Sequence[float], play: Play, plain: Sequence[Played]
) -> Iterator[_Candidate]:
    """Cuts that let in a tenth, two tenths and so on of the documents; and all of them."""
    ordered = sorted(predicted)
    places = (round(len(ordered) * k / _SHARES) - 1 for k in range(1, _SHARES))
    cuts = sorted({ordered[place] for place in places}, reverse=True)
    for cut in (*cuts, None):
        yield _candidate(cut, outcomes, predicted, play, plain)


def _candidate(
    cut: float | None,
    outcomes: Sequence[Outcome],
    predicted: Sequence[float],
    play: Play,
    plain: Sequence[Played],
) -> _Candidate:
    higher = frozenset(
        one.document
        for one, gain in zip(outcomes, predicted, strict=True)
        if cut is None or gain > cut
    )
    pairs = list(zip(play(higher), plain, strict=True))
    return _Candidate(
        cut,
        [new.right - old.right for new, old in pairs],
        [new.cost - old.cost for new, old in pairs],
    )


def _chosen(candidates: Iterable[_Candidate]) -> _Candidate | None:
    """The cheapest of those that are not worse than the best beyond one standard error."""
    worth_it = [one for one in candidates if one.is_worth_it]
    if not worth_it:
        return None
    best = max(worth_it, key=lambda one: (math.fsum(one.better), -math.fsum(one.dearer)))

    def is_as_good(one: _Candidate) -> bool:
        short = [b - mine for b, mine in zip(best.better, one.better, strict=True)]
        return fmean(short) <= stdev(short) / math.sqrt(len(short))

    return min(filter(is_as_good, worth_it), key=lambda one: math.fsum(one.dearer))


def _is_beyond_noise(changes: Sequence[float]) -> bool:
    mean = fmean(changes)
    return mean > 0 and mean >= _BEYOND_NOISE * stdev(changes) / math.sqrt(len(changes))
