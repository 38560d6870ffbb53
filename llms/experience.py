"""What do own calls teach about a model in a role, and how much does it weigh against the catalog?

The catalog measured every model on questions harder than documents are; the own ledger measures
the calls that matter, but only of models that were asked, and at first only a few. Both are
weighed by shrinkage: the posterior mean of a figure whose prior is worth so many calls. A handful
of calls hardly moves it, a night's worth replaces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.roles import Role

FACTOR_PRIOR_CALLS = 30
"""Calls that the catalog's thinking factor is worth. Thinking per call is long-tailed, its standard
deviation about its mean, so that 30 calls know it to a fifth: less than what the catalog's harder
questions may be wrong by. Three calls of a trial weigh a tenth, a shard of 128 four fifths."""

TROUBLE_PRIOR_CALLS = 50
EXPECTED_TROUBLE = 0.02
"""Prior of both rates, failed and invalid: Beta(1, 49), one call in fifty. One bad answer out of
one is then taken for 4 %, and 0 out of 1,000 for 0.1 %."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What the ledger says of a model in a role; answers from the response store do not count.

    Attributes:
        calls: Attempts that the model can be judged by: answered, or failed by its own doing.
        failed: Those without a usable answer for another reason than its form: overloaded, timed
            out, broken off, refused, filtered, cut off.
        invalid: Answers that did not fit the schema.
        output_tokens: Tokens billed for all its answers together, thinking included.
        reasoning_tokens: Those of them that the provider reported as thinking.
        latency_s: Mean seconds of an answered attempt; null without one.
    """

    calls: int = 0
    failed: int = 0
    invalid: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    latency_s: float | None = None

    @property
    def answered(self) -> int:
        """Attempts that brought an answer, valid or not."""
        return self.calls - self.failed

    @property
    def failure_rate(self) -> float:
        """Share of calls that should fail, between `EXPECTED_TROUBLE` and what was seen."""
        return _shrunk(self.failed, self.calls, EXPECTED_TROUBLE, TROUBLE_PRIOR_CALLS)

    @property
    def invalid_rate(self) -> float:
        """Share of answers that should be invalid, between `EXPECTED_TROUBLE` and what was seen."""
        return _shrunk(self.invalid, self.answered, EXPECTED_TROUBLE, TROUBLE_PRIOR_CALLS)

    def seen_factor(self, effort: str | None) -> float | None:
        """Output tokens billed per answer token in own calls, 1 at least; null if unknown.

        Args:
            effort: The model's reasoning effort. One that thinks and of which no thinking is
                reported has a provider that does not tell it apart: nothing is learned from that.
        """
        answer_tokens = self.output_tokens - self.reasoning_tokens
        is_told = self.reasoning_tokens > 0 or effort == "none"
        return self.output_tokens / answer_tokens if answer_tokens > 0 and is_told else None

    def factor(self, prior: float, effort: str | None) -> float | None:
        """Output tokens to expect per answer token, between `prior` and `seen_factor`.

        Args:
            prior: The factor that the catalog suggests.
            effort: The model's reasoning effort.

        Returns:
            The posterior mean; null when own calls tell nothing of it.
        """
        seen = self.seen_factor(effort)
        if seen is None:
            return None
        return round(_shrunk(seen * self.answered, self.answered, prior, FACTOR_PRIOR_CALLS), 2)


NOTHING_KNOWN = Experience()

Ledger = Mapping[tuple[Role, str], Experience]
"""Experience by role and slug of the model."""


def _shrunk(total: float, count: int, prior: float, prior_count: int) -> float:
    return (prior * prior_count + total) / (prior_count + count)
