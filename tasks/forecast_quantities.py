"""What is believed of an uncertain quantity, and what do own runs make of that belief?

Three kinds, each with a prior, a conjugate update per run and a draw for the next run:

* `Share`: a share of the documents (Beta);
* `Rate`: calls per document, which may pass one (Gamma);
* `Factor`: something measured over something computed (log-normal with unknown mean and unknown
  scatter from run to run, so a Student t in logarithms).

Documents of a run resemble each other: thousands of them say less than as many independent ones.
`RUN_DOCUMENTS` and `HALF_WEIGHT_DOCUMENTS` bound what one run may teach and what it averages out.
"""

import math
import random
from dataclasses import dataclass, replace

RUN_DOCUMENTS = 40
"""Independent documents that one run is worth at most, as evidence and as an average. Chosen."""

HALF_WEIGHT_DOCUMENTS = 20
"""A run of so many documents counts half of a large one where averages are concerned. Chosen."""

_PRIOR_RUNS = 0.25
"""Runs that the prior middle of a factor is worth: one own run outweighs it four to one."""

_PRIOR_SHAPE = 3.0
"""Half the degrees of freedom of a prior's scatter."""

_T_95 = 1.943
"""95th percentile of Student's t with 2 * `_PRIOR_SHAPE` degrees of freedom."""

_LARGEST_LOG = 7.0
"""Factors beyond a thousand are slips of a heavy tail, not forecasts."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of documents: `hits` of `trials` independent ones, prior included."""

    hits: float
    trials: float

    @classmethod
    def about(cls, mean: float, weight: float) -> "Share":
        """A prior share worth `weight` documents."""
        return cls(mean * weight, weight)

    @property
    def middle(self) -> float:
        """The expected share."""
        return self.hits / self.trials

    def after(self, hits: int, documents: int) -> "Share":
        """The belief after a run in which `hits` of `documents` were concerned."""
        if not documents:
            return self
        weight = min(documents, RUN_DOCUMENTS) / documents
        return Share(self.hits + hits * weight, self.trials + documents * weight)

    def draw(self, rng: random.Random, documents: float) -> float:
        """A share that the next run of so many documents may show."""
        share = _beta(rng, self.middle, self.trials)
        return _beta(rng, share, min(max(documents, 1.0), RUN_DOCUMENTS))


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls per document: `calls` over `documents`, prior included."""

    calls: float
    documents: float

    @property
    def middle(self) -> float:
        """The expected calls per document."""
        return self.calls / self.documents

    def after(self, calls: int, documents: int) -> "Rate":
        """The belief after a run with `calls` for `documents`."""
        if not documents:
            return self
        weight = min(documents, RUN_DOCUMENTS) / documents
        return Rate(self.calls + calls * weight, self.documents + documents * weight)

    def draw(self, rng: random.Random, documents: float) -> float:
        """Calls per document that the next run of so many documents may show."""
        rate = _gamma(rng, self.calls, self.documents)
        exposure = min(max(documents, 1.0), RUN_DOCUMENTS)
        return _gamma(rng, rate * exposure, exposure)


@dataclass(frozen=True, slots=True)
class Factor:
    """A positive ratio; its logarithm is normal with a normal-inverse-gamma belief about it.

    Attributes:
        log_middle: Logarithm of the middle.
        runs: What the middle is worth, in large runs.
        shape: Half the degrees of freedom.
        scatter: Half the sum of squares of the scatter from run to run.
    """

    log_middle: float
    runs: float
    shape: float
    scatter: float

    @classmethod
    def about(cls, middle: float, spread: float) -> "Factor":
        """A prior: with 90 % probability between `middle / spread` and `middle * spread`.

        Args:
            middle: The ratio that is as likely passed as not, above 0.
            spread: 1 for no doubt at all, 2 for half to double, and so on.
        """
        scale = math.log(spread) / _T_95
        variance = scale * scale / (1 + 1 / _PRIOR_RUNS)
        return cls(math.log(middle), _PRIOR_RUNS, _PRIOR_SHAPE, variance * _PRIOR_SHAPE)

    @classmethod
    def between(cls, low: float, high: float) -> "Factor":
        """A prior: with 90 % probability between `low` and `high`, the middle in proportion."""
        return cls.about(math.sqrt(low * high), math.sqrt(high / low))

    @property
    def middle(self) -> float:
        """The ratio that is as likely passed as not."""
        return math.exp(self.log_middle)

    @property
    def is_certain(self) -> bool:
        """Whether there is nothing to doubt: every draw is the middle."""
        return self.scatter == 0

    def moved(self, by: float) -> "Factor":
        """The same doubt about a middle `by` times as large."""
        return replace(self, log_middle=self.log_middle + math.log(by))

    def after(self, ratio: float, documents: int) -> "Factor":
        """The belief after a run of `documents` that showed `ratio`; none for a ratio of 0."""
        if ratio <= 0 or not documents or self.is_certain:
            return self
        weight, seen = _weight(documents), math.log(ratio)
        runs = self.runs + weight
        off = seen - self.log_middle
        return Factor(
            log_middle=self.log_middle + weight / runs * off,
            runs=runs,
            shape=self.shape + 0.5,
            scatter=self.scatter + 0.5 * self.runs * weight / runs * off * off,
        )

    def draw(self, rng: random.Random, documents: float, shared: float = 0.0) -> float:
        """A ratio that the next run of so many documents may show.

        Args:
            rng: Where chance comes from.
            documents: Documents that the next run averages over.
            shared: A standard normal number that factors of one kind share: they are taken to
                be correlated by one half, because one cause (a verbose model, dense text) moves
                all of them.
        """
        if self.is_certain:
            return self.middle
        normal = math.sqrt(0.5) * (shared + rng.gauss(0, 1))
        student = normal / math.sqrt(rng.gammavariate(self.shape, 1 / self.shape))
        variance = self.scatter / self.shape * (1 / _weight(max(documents, 1.0)) + 1 / self.runs)
        off = student * math.sqrt(variance)
        return math.exp(self.log_middle + max(-_LARGEST_LOG, min(_LARGEST_LOG, off)))


def _weight(documents: float) -> float:
    return documents / (documents + HALF_WEIGHT_DOCUMENTS)


def _beta(rng: random.Random, mean: float, weight: float) -> float:
    if mean <= 0 or mean >= 1:
        return mean
    return rng.betavariate(mean * weight, (1 - mean) * weight)


def _gamma(rng: random.Random, shape: float, rate: float) -> float:
    return rng.gammavariate(shape, 1 / rate) if shape > 0 else 0.0
