"""Partitions of a backfill cover its span once, in order; the purse never overruns."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flows.partition_runs import Purse
from flows.partitions import partition_job, run_ids, spans
from schemas.job import Backfill, Job, Source

DAYS = st.dates(date(1990, 1, 1), date(2035, 1, 1))


def make_backfill(**changes: object) -> Backfill:
    usual = {"job": Job(), "since": date(2026, 1, 15), "until": date(2026, 4, 2)}
    return Backfill.model_validate({**usual, **changes})


def test_months_follow_the_calendar_and_are_cut_at_both_ends() -> None:
    names = [span.name for span in spans(make_backfill())]

    assert names == [
        "2026-01-15..2026-02-01",
        "2026-02-01..2026-03-01",
        "2026-03-01..2026-04-01",
        "2026-04-01..2026-04-02",
    ]


def test_newest_first_is_the_same_backwards() -> None:
    newest = spans(make_backfill(order="newest"))

    assert newest == spans(make_backfill())[::-1]


@given(DAYS, st.integers(1, 900), st.sampled_from(["day", "week", "month", "year"]))
def test_every_day_belongs_to_exactly_one_partition(
    since: date, length: int, partition: str
) -> None:
    until = since + timedelta(days=length)

    found = spans(make_backfill(since=since, until=until, partition=partition))

    assert found[0].since == since
    assert found[-1].until == until
    assert all(a.until == b.since for a, b in pairwise(found))
    assert all(span.since < span.until for span in found)


def test_a_partition_keeps_name_lake_and_types_so_that_keys_are_shared() -> None:
    backfill = make_backfill(job=Job(name="nightly", lake="x", source=Source(path="docs")))

    job = partition_job(backfill, spans(backfill)[0], 1.5)

    assert (job.name, job.lake, job.types) == ("nightly", "x", backfill.job.types)
    assert (job.source.since, job.source.until) == (date(2026, 1, 15), date(2026, 2, 1))


def test_run_ids_are_the_same_when_a_backfill_is_resumed() -> None:
    listed = spans(make_backfill())

    assert [i for _, i in run_ids("b", listed)] == [i for _, i in run_ids("b", listed[::-1])][::-1]


@given(
    st.floats(0, 100),
    st.integers(1, 8),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60),
)
def test_partitions_together_never_get_more_than_the_budget(
    budget: float, parallel: int, steps: list[tuple[bool, float]]
) -> None:
    purse = Purse(budget, parallel)
    out: list[float] = []
    spent = 0.0
    for begin, part in steps:
        if begin and len(out) < parallel:
            out.append(purse.take() or 0.0)
        elif out:
            taken = out.pop(0)
            spent += taken * part
            purse.give_back(taken, taken * part)
        assert spent + sum(out) <= budget + 1e-9
