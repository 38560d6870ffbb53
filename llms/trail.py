"""What has a call been through, and whom is it still worth asking?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from llms.calls import Call
from llms.classification import Failure
from llms.failures import OUTAGES, FailureClass
from llms.patience import Patience
from schemas.roles import Model, Role

PROBE = "probe"
"""Stage of the questions that only ask whether a provider answers."""

_MOST_MODELS = 3
"""Models that one call asks in vain at one provider: what three do not answer, none will."""


@dataclass(slots=True)
class Trail:
    """What a call has been through: requests sent, money, and what of it no answer carries yet."""

    patience: Patience
    sent: int = 0
    usd: float = 0.0
    lost_usd: float = 0.0
    unanswered: dict[str, float] = field(default_factory=dict)

    def has_waited(self, provider: str, sent_at: float) -> None:
        """Note a request that a provider did not answer."""
        self.unanswered.setdefault(provider, sent_at)


def is_worth_asking(model: Model, given_up: Sequence[tuple[Model, Failure]]) -> bool:
    """Whether a model may answer a call for which others have been given up."""
    if any(_shares_fate(model, *failed) for failed in given_up):
        return False
    silent = [
        failed
        for failed, failure in given_up
        if failure.failure_class in OUTAGES and failed.provider == model.provider
    ]
    return len(silent) < _MOST_MODELS


def _shares_fate(model: Model, failed: Model, failure: Failure) -> bool:
    """Whether a model would fail as `failed` did: a quota is an account's, not a model's."""
    return (
        failure.failure_class is FailureClass.QUOTA_EXHAUSTED and model.provider == failed.provider
    )


def probe_of(nonce: str) -> Call:
    """A question that costs next to nothing, and that nobody has asked before."""
    return Call(
        role=Role.FORMATTING_WORKER,
        stage=PROBE,
        system="Answer with one JSON object.",
        user=f"Is seven more than five? (question {nonce})",
        schema_name=PROBE,
        schema={
            "type": "object",
            "properties": {"yes": {"type": "boolean"}},
            "required": ["yes"],
            "additionalProperties": False,
        },
        max_output_tokens=50,
    )
