"""How sure is an answer, and is that enough? By the calibration that applies, else by defaults."""

from dataclasses import dataclass, replace

from llms.calibration.fitting import confidence
from llms.calibration.traits import starts_higher
from llms.judgement import Candidate, Problem, weigh
from schemas.calibration import Calibration, Signal
from schemas.job import Cascade

_TOKEN_SIGNALS = frozenset({Signal.MIN_TOKEN, Signal.MEAN_TOKEN})

_OUT_OF_REACH = 2.0
"""A threshold that no confidence reaches: everything goes to the next tier."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The rules by which the answers of one document type are accepted.

    Attributes:
        policy: The job's own thresholds, for what is not calibrated.
        calibration: The one that applies to the type; null: there is none.
        is_suspended: Its audit has raised an alarm: all answers go to the next tier.
    """

    policy: Cascade
    calibration: Calibration | None = None
    is_suspended: bool = False

    @property
    def wants_token_probabilities(self) -> bool:
        """Whether they are worth asking for: the job says so, or the calibration uses them."""
        used = self.calibration.signals if self.calibration else frozenset()
        return self.policy.token_probabilities or bool(used & _TOKEN_SIGNALS)

    @property
    def asks_everything(self) -> bool:
        """Whether every tier is asked about all fields of whole documents, not of excerpts.

        To measure the tiers; and where a promise says what the strong model would have said: it was
        made by what it said when asked so.
        """
        is_judged = self.calibration is not None and self.calibration.scope.strong is not None
        return self.policy.every_tier or is_judged

    def starts_higher(self, doc_id: str, text: str) -> bool:
        """Whether a document goes to the second tier at once.

        For its length; as a sample; or because the calibration expects a gain of it, unless the
        tiers are to be compared.
        """
        if len(text) > self.policy.long_document_chars:
            return True
        if self.calibration is None:
            return False
        rule = self.calibration.start
        is_expected = rule is not None and not self.policy.every_tier and starts_higher(rule, text)
        return is_expected or doc_id in self.calibration.strong_documents

    def weighed(self, name: str, candidate: Candidate, *, is_last: bool) -> Candidate:
        """An answer with its confidence, and the problem `unsure` where that is too little.

        Under a calibration the confidence is computed from the signals; in a tier that has another
        above it, it must reach the field's own threshold, in the last one what was certified. An
        answer of a model that the calibration does not know is outside of its scope: it goes to the
        next tier, and in the last one the job's thresholds count.

        Args:
            name: The field.
            candidate: The answer, weighed before or not.
            is_last: Nobody is asked after this tier.
        """
        if self.calibration is None:
            return weigh(candidate, self._default(is_last=is_last))
        by_model = self.calibration.confidences.get(name)
        if by_model is None:  # nobody has labelled this field
            return weigh(candidate, self._default(is_last=is_last))
        fitted = by_model.get(candidate.model)
        if candidate.model == self.calibration.scope.strong:
            return candidate.without(Problem.UNSURE)  # it is what the others are judged by
        if fitted is None:
            settled = weigh(candidate, self._default(is_last=is_last))
            if is_last:
                return settled
            return settled.without(Problem.UNSURE).against(
                Problem.UNSURE, f"the calibration does not know {candidate.model}"
            )
        # Disagreement has become part of the confidence; counted twice it would only cost calls.
        heard = candidate.without(Problem.DISPUTED)
        sure = replace(heard, confidence=confidence(fitted, candidate.signals))
        if is_last:
            return self._kept(name, sure)
        if self.is_suspended:
            return weigh(sure, _OUT_OF_REACH)
        return weigh(sure, self.calibration.escalate_below.get(name, self.policy.min_confidence))

    def final(self, name: str, candidate: Candidate) -> Candidate:
        """A settled answer once more: what was certified holds in whichever tier it was given."""
        if self.calibration is None or self.calibration.accept_from(name) is None:
            return candidate
        if candidate.model not in self.calibration.confidences.get(name, {}):
            return candidate
        return self._kept(name, candidate)

    def _kept(self, name: str, candidate: Candidate) -> Candidate:
        certified = self.calibration.accept_from(name) if self.calibration else None
        if certified is not None:
            return weigh(candidate, certified)
        if self.calibration is not None and self.calibration.scope.strong is not None:
            # Nothing vouches for a cheap answer, and the strong model has given no usable one.
            return weigh(candidate, _OUT_OF_REACH)
        return weigh(candidate, self.policy.min_confidence_last)

    def _default(self, *, is_last: bool) -> float:
        return self.policy.min_confidence_last if is_last else self.policy.min_confidence
