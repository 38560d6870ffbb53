"""Into which spans of time does a backfill fall, and what does each of them run?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import assert_never

from schemas.job import Backfill, Job, Partition


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `since` on, before `until`."""

    since: date
    until: date

    @property
    def name(self) -> str:
        """The span as people and run ids write it: 2026-03-01..2026-04-01."""
        return f"{self.since}..{self.until}"


def spans(backfill: Backfill) -> list[Span]:
    """The partitions of a backfill in the order they run.

    They follow the calendar (a month is a month), cover every day from `since` to `until` once,
    and are cut at both ends.
    """
    found: list[Span] = []
    start = backfill.since
    while start < backfill.until:
        end = min(_next(start, backfill.partition), backfill.until)
        found.append(Span(start, end))
        start = end
    return found if backfill.order == "oldest" else found[::-1]


def _next(day: date, partition: Partition) -> date:
    match partition:
        case "day":
            return day + timedelta(days=1)
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case "month":
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "year":
            return date(day.year + 1, 1, 1)
        case _:
            assert_never(partition)


def partition_job(backfill: Backfill, span: Span, budget_usd: float | None) -> Job:
    """The job of one partition: the nightly job over the documents of a span.

    Name, lake, types and models stay, so that records and keys are those of the nightly run and
    nothing that a night has done is done again.
    """
    source = backfill.job.source.model_copy(
        update={"since": span.since, "until": span.until, "by": backfill.by}
    )
    return backfill.job.model_copy(update={"source": source, "budget_usd": budget_usd})


def run_ids(parent: str, listed: list[Span]) -> Iterator[tuple[Span, str]]:
    """Each span with the id of its run, which is the same whenever the backfill is resumed."""
    for span in listed:
        yield span, f"{parent}-{span.since:%Y%m%d}"
