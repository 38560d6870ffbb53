"""What is given up when a run's money runs short? A cheaper lane, then checks, then documents.

The rest of a run is forecast as the documents left times what a document has cost so far. As soon
as that is more than the caps leave, the rest is sent to the cheapest lane that can still be waited
for. What is short after that is taken from verifications. And a call that cannot be paid for even
then parks its document, as ever (`llms.budget`). Each step is told once.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from schemas.counted import counted
from schemas.manifest import ShardResult
from schemas.providers import Lane
from tasks.lanes import Cheaper

FEWEST_DOCUMENTS = 10
"""Documents that must have been worked on before their mean says anything of the rest."""

CHECKING = frozenset({"verify", "retry"})
"""Stages, as the ledger calls them, that a record can do without."""


def given_up(shards: Iterable[ShardResult]) -> list[str]:
    """What a run has given up for want of money, by all its shards, each once."""
    notes: dict[str, None] = {}
    unverified = 0
    for shard in shards:
        notes |= dict.fromkeys(shard.notes)
        unverified += shard.unverified
    left_out = f"for want of money, {unverified:,} verifications that were due were left out"
    return [*notes, *([left_out] if unverified else [])]


def told_else(notes: Iterable[str], given_up: Collection[str]) -> tuple[str, ...]:
    """The notes of a run but for those that say what it has given up."""
    return tuple(note for note in notes if note not in given_up)


def with_earlier(shard: ShardResult, before: Iterable[ShardResult]) -> ShardResult:
    """A shard with the verifications that earlier passes over its run have left out of it.

    Records that such a pass has accepted stay as they are, whatever money there is now.
    """
    if not shard.reused:
        return shard
    left_out = sum(old.unverified for old in before if old.shard == shard.shard)
    return shard.model_copy(update={"unverified": shard.unverified + left_out})


class Purse(Protocol):
    """What the ladder asks of `llms.budget.Budget`."""

    @property
    def unspent_usd(self) -> float | None:
        """What is left of the caps but for the worst case of a call; null without any."""
        ...


class Ladder:
    """The steps of one run in one process; used on its event loop only.

    Attributes:
        notes: What was given up, one sentence per step.

    Args:
        purse: The run's money.
        documents: Documents of the run.
        share: Share of the accepted records that is verified, as the job says.
        sharers: Processes that work on the run; each looks at its part of documents and money.
        cheaper: Given the documents left, the cheapest lane that can be waited for, if any.
        shift: Sends what follows of some stages out in another lane.
        tell: Tells whoever watches.
    """

    def __init__(
        self,
        purse: Purse,
        documents: int,
        share: float,
        *,
        sharers: int = 1,
        cheaper: Callable[[float], Cheaper | None],
        shift: Callable[[Collection[str], Lane], None],
        tell: Callable[[str], None],
    ) -> None:
        self.notes: list[str] = []
        self._purse = purse
        self._sharers = sharers
        self._documents = documents / sharers
        self._share = share
        self._cheaper = cheaper
        self._shift = shift
        self._tell = tell
        self._seen = self._missing = 0
        self._works = self._checks = self._drawn = 0
        self._work_usd = self._check_usd = 0.0
        self._is_short = self._is_sparing = False

    @property
    def is_watching(self) -> bool:
        """Whether there is a cap that may come near."""
        return self._purse.unspent_usd is not None

    def begin_shard(self, documents: int, missing: int) -> None:
        """Note that a shard is begun, and how many of its documents are to be worked on."""
        self._seen += documents
        self._missing += missing

    def worked(self, usd: float) -> None:
        """Note what a document has cost that is through but for its verification."""
        self._works += 1
        self._work_usd += usd
        unspent = self._unspent_usd
        if unspent is None or self._is_short or self._works < FEWEST_DOCUMENTS:
            return
        if unspent < self._rest_usd:
            self._is_short = True
            self._step_down(unspent)

    def checked(self, usd: float) -> None:
        """Note what a verification has cost."""
        self._checks += 1
        self._check_usd += usd

    def share(self, accepted: int) -> float:
        """The share of a shard's accepted records that is to be verified.

        Args:
            accepted: How many there are.
        """
        self._drawn += accepted
        unspent = self._unspent_usd
        if unspent is None or self._works < FEWEST_DOCUMENTS:
            return self._share
        due = self._share * (accepted + self._left + max(0, self._works - self._drawn))
        cost, over = due * self._check_price, max(0.0, unspent - self._rest_usd)
        if cost <= over:
            return self._share
        if not self._is_sparing:
            self._is_sparing = True
            self.say(
                f"${unspent:.4g} are left and the {counted(round(due), 'verification')} to come "
                f"should cost ${cost:.4g} beside all else: there are fewer of them"
            )
        return self._share * over / cost

    @property
    def _unspent_usd(self) -> float | None:
        unspent = self._purse.unspent_usd
        return None if unspent is None else unspent / self._sharers

    @property
    def _left(self) -> float:
        """Documents to be worked on: those of the shards begun that are not through, and of the
        other shards as many as these had to be worked on, on average.
        """
        share = self._missing / self._seen if self._seen else 1.0
        return max(0, self._missing - self._works) + max(0, self._documents - self._seen) * share

    @property
    def _rest_usd(self) -> float:
        return self._left * self._work_usd / self._works

    @property
    def _check_price(self) -> float:
        """What a verification costs; until one has been seen, as much as a document."""
        if self._checks:
            return self._check_usd / self._checks
        return self._work_usd / self._works

    def _step_down(self, unspent: float) -> None:
        short = (
            f"${unspent:.4g} are left and the {counted(round(self._left), 'document')} to come "
            f"should cost ${self._rest_usd:.4g}"
        )
        found = self._cheaper(self._left)
        if found is None:
            none = "no lane that can be waited for is known to be cheaper"
            self.say(f"{short}: {none}, and the run may be parked")
            return
        self._shift(found.stages, found.lane)
        # As if all had been sent there: what follows is measured.
        self._work_usd *= found.factor
        self.say(f"{short}: the rest is sent in the {found.lane.value} lane")

    def say(self, note: str) -> None:
        """Tell what was given up, now and in the notes of the run."""
        self.notes.append(note)
        self._tell(note)
