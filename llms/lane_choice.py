"""Which stages of a run go into batches, so that it is ready in time and costs the least?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.providers import Lane

CANCELLING_S = 900.0
"""A cancelled batch that has not ended by then is left alone; the API says ten minutes."""

FLEX_WAIT = 4.0
"""How many times as long as in the standard lane a call takes in the flex lane. Assumed."""

MARGIN = 1.5
"""What is expected to take an hour online is given an hour and a half."""


@dataclass(frozen=True, slots=True)
class StageNeed:
    """A stage that calls models.

    Attributes:
        name: As the ledger calls it.
        usd: What it should cost in the standard lane.
        online_s: Seconds it should take there, beside nothing else.
        saves: What each lane that its provider offers takes off the price, as a share.
    """

    name: str
    usd: float
    online_s: float
    saves: Mapping[Lane, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """The lane of each stage, and when to give up on batches.

    Attributes:
        lanes: By name of the stage.
        reserve_s: Seconds before the run is to be ready at which batches are cancelled, so that
            everything can still be asked online; null where there is no such time.
        reason: One sentence.
    """

    lanes: dict[str, Lane]
    reserve_s: float | None
    reason: str


def choose_lanes(
    stages: Sequence[StageNeed],
    *,
    wanted: Mapping[str, Lane],
    left_s: float | None,
    batch_s: float,
) -> LaneChoice:
    """Choose a lane for each stage of a run.

    What is wanted is given. With a time to be ready, the other stages are put into batches as far
    as these fit one after the other, since a document's verification cannot be in the batch of its
    extraction: those first that save the most. What is left of the time must be enough to ask
    everything online, should no batch come back. Without room for any batch, the flex lane is
    taken if all of it fits there.

    Args:
        stages: The stages.
        wanted: Lanes that somebody has decided on, by stage.
        left_s: Seconds until the run is to be ready; null where it does not matter.
        batch_s: Seconds that a batch should take.
    """
    lanes = {stage.name: wanted.get(stage.name, Lane.STANDARD) for stage in stages}
    if left_s is None:
        return LaneChoice(lanes, None, "as the job says")
    online_s = sum(stage.online_s for stage in stages)
    reserve_s = CANCELLING_S + MARGIN * online_s
    rounds = math.floor((left_s - reserve_s) / batch_s)
    rounds -= sum(lane is Lane.BATCH for lane in lanes.values())
    free = [stage for stage in stages if stage.name not in wanted]
    batched = _most_saving(free, Lane.BATCH)[: max(rounds, 0)]
    for stage in batched:
        lanes[stage.name] = Lane.BATCH
    if batched:
        names = ", ".join(stage.name for stage in stages if stage in batched)
        return LaneChoice(lanes, reserve_s, f"there is time for batches of {names}")
    flexible = _most_saving(free, Lane.FLEX)
    slower_s = sum(stage.online_s for stage in flexible) * (FLEX_WAIT - 1)
    if flexible and MARGIN * (online_s + slower_s) <= left_s:
        for stage in flexible:
            lanes[stage.name] = Lane.FLEX
        return LaneChoice(lanes, reserve_s, "there is no time for batches, but for the flex lane")
    return LaneChoice(lanes, reserve_s, "there is time for no other lane")


def _most_saving(stages: Sequence[StageNeed], lane: Lane) -> list[StageNeed]:
    """The stages for which a lane saves anything, those first for which it saves the most."""
    saving = [stage for stage in stages if stage.usd * stage.saves.get(lane, 0.0) > 0]
    return sorted(saving, key=lambda stage: -stage.usd * stage.saves[lane])
