"""Few labels: which threshold keeps the errors low on average, if not with high probability?

Conformal risk control (Angelopoulos, Bates, Fisch, Lei, Schuster, 2022). The loss of a document is
a share between 0 and 1 that only grows as the threshold falls: whether a wrong answer was accepted,
or which share of its fields is accepted and wrong. If the labelled documents and the next one are
exchangeable, the *expected* loss of the next one is 1 - target at most. That is weaker than what
`learn_then_test` promises, since one set of labels in two may do worse than the target, and takes
fewer labels.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from llms.calibration.learn_then_test import Labelled, Threshold, threshold_at


def smallest_n(target: float) -> int:
    """How many labelled documents can keep the expected loss at 1 - target: without any error."""
    if not 0 < target < 1:
        raise ValueError(f"target is {target}; it must lie between 0 and 1, without either")
    return math.ceil(1 / (1 - Fraction(repr(target)))) - 1


def control(documents: Sequence[Sequence[Labelled]], target: float) -> Threshold:
    """The lowest threshold whose expected loss on the next document is 1 - target at most.

    Args:
        documents: Per labelled document its answers; its loss is the share of them that is
            accepted and wrong. A document of one answer loses 0 or 1.
        target: One less the expected loss allowed.
    """
    budget = _budget(len(documents), target)
    answers = [(one, len(document)) for document in documents for one in document]
    answers.sort(key=lambda answer: -answer[0].confidence)
    if any(not 0 <= one.confidence <= 1 for one, _ in answers):
        raise ValueError("a confidence does not lie between 0 and 1")
    return threshold_at([one for one, _ in answers], _lowest(answers, budget))


def _budget(documents: int, target: float) -> Fraction:
    """The sum of losses that may be seen: with one full loss more, their mean is still allowed.

    A fraction, since the comparison with it decides what is accepted.
    """
    return (1 - Fraction(repr(target))) * (documents + 1) - 1


def _lowest(answers: Sequence[tuple[Labelled, int]], budget: Fraction) -> float | None:
    if budget < 0:
        return None
    lost = Fraction(0)
    for one, siblings in answers:
        lost += Fraction(int(one.is_wrong), siblings)
        if lost > budget:
            return math.nextafter(one.confidence, 2.0)
    return 0.0
