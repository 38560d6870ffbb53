"""Who may answer a call, in which order? The role's models, or somebody for a second opinion."""

from llms.calls import Call
from llms.failures import CallError, FailureClass
from llms.families import kinship
from schemas.roles import Model, Resolution, Role

_LADDER = (
    Role.FORMATTING_WORKER,
    Role.EXTRACTION_WORKER,
    Role.TOOL_WORKER,
    Role.REASONING_WORKER,
    Role.ORCHESTRATOR,
)
"""Roles by what their models must be capable of, least first."""


class Candidates:
    """The models of a run, ranked for calls.

    Args:
        resolution: Which models play which role; in the list of a role, the same model at another
            provider follows right behind it, and so is the first to be failed over to.
    """

    def __init__(self, resolution: Resolution) -> None:
        self._resolution = resolution
        self._found: dict[tuple[Role, frozenset[str]], list[Model]] = {}

    def of(self, call: Call) -> list[Model]:
        """Who may answer, in order: the role's models, but for those that the call avoids.

        A second opinion comes from another family than the one that answered, if need be from a
        stronger role; else from another model of the family, else from the same model at another
        effort, which is hardly an opinion of its own; else from a weaker role.

        Raises:
            CallError: Class `REFUSED`: nobody is left who may answer.
        """
        key = call.role, call.avoid
        if key not in self._found:
            ranked = self._resolution.roles.get(call.role, ())
            self._found[key] = self._second_opinion(*key) if call.avoid else list(ranked)
        found = self._found[key]
        if not found:
            # Not BAD_REQUEST, which stops the run: with a single model, every check would.
            avoided = ", ".join(sorted(call.avoid)) or "none"
            raise CallError.of(
                FailureClass.REFUSED,
                f"nobody may answer for the role {call.role.value}: the run has no model but "
                f"{avoided}; name another under `models` in the job",
            )
        return found

    def _second_opinion(self, role: Role, avoid: frozenset[str]) -> list[Model]:
        at = _LADDER.index(role)
        able = [self._others(one, avoid) for one in _LADDER[at:]]
        for nearest in range(3):
            for others in able:
                if found := [model for kin, model in others if kin <= nearest]:
                    # Should all of these be down, kin of the role are better than nobody.
                    return found + [model for _, model in able[0] if model not in found]
        weaker = (self._others(one, avoid) for one in reversed(_LADDER[:at]))
        return [model for _, model in next((others for others in weaker if others), [])]

    def _others(self, role: Role, avoid: frozenset[str]) -> list[tuple[int, Model]]:
        """The models of a role but for those to avoid, the least akin to these first."""
        verifiers = self._resolution.verifiers if role is Role.EXTRACTION_WORKER else ()
        ranked = (*verifiers, *self._resolution.roles.get(role, ()))
        answered = [model for model in self._resolution.everybody if model.slug in avoid]
        left = [model for model in dict.fromkeys(ranked) if model.slug not in avoid]
        found = [(max((kinship(a, m) for a in answered), default=0), m) for m in left]
        return sorted(found, key=lambda pair: pair[0])
