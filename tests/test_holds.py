"""Money held for requests in batches: whatever is killed, it is counted once and under the cap."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from llms import holds, spend
from llms.holds import Hold, Settlement
from llms.response_tables import METADATA
from llms.spend import Draw, Grant

RUN, MONTH = "run 1", "month 2026-07 job"


@contextmanager
def opened() -> Iterator[sa.Connection]:
    """An empty book in memory."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        yield connection
    engine.dispose()


def hold(
    connection: sa.Connection,
    units: dict[str, int],
    *,
    owner: str = "p1",
    run: str = RUN,
    cap: int | None = None,
) -> tuple[list[Hold], Grant]:
    """What could be held for requests, by key."""
    draw = Draw(f"{owner}:m", owner, owner, {run: cap, MONTH: None}, 0, 0)
    wanted = [Hold(key, run, MONTH, amount) for key, amount in units.items()]
    return spend.hold(connection, draw, wanted, now=0.0, dead_after_s=60.0)


def held(connection: sa.Connection) -> dict[str, int]:
    """What is held for the run, in units by key."""
    return {key: one.units for key, one in holds.held(connection, RUN).items()}


def settle(connection: sa.Connection, key: str, spent: int, **more: Any) -> None:
    """Settle a request."""
    done = Settlement(key, more.get("run", RUN), spent, more.get("lease"))
    spend.apply(connection, [done], [], now=0.0, dead_after_s=60.0)


def test_what_is_held_counts_as_spent_until_it_is_known_what_it_cost() -> None:
    with opened() as book:
        hold(book, {"a": 10, "b": 20})
        before = spend.taken(book, RUN), spend.taken(book, MONTH)
        settle(book, "a", 4, lease="p1:m")

        assert before == (30, 30)
        assert (spend.taken(book, RUN), spend.taken(book, MONTH)) == (24, 24)
        assert held(book) == {"b": 20}


def test_what_does_not_fit_under_the_cap_is_not_held() -> None:
    with opened() as book:
        booked, grant = hold(book, {"a": 60, "b": 60, "c": 40}, cap=100)

        assert [one.key for one in booked] == ["a", "c"]
        assert spend.taken(book, RUN) == 100
        assert grant.taken[RUN] == 0  # what is its own is not what others have taken


def test_a_process_that_goes_on_settles_what_another_one_held() -> None:
    with opened() as book:
        hold(book, {"a": 10}, owner="killed")
        settle(book, "a", 4)

        assert spend.taken(book, RUN) == 4
        assert held(book) == {}


def test_a_request_is_settled_once() -> None:
    with opened() as book:
        hold(book, {"a": 10})
        settle(book, "a", 4)
        settle(book, "a", 7)

        assert spend.taken(book, RUN) == 4


def test_a_request_that_two_runs_asked_is_paid_by_the_one_that_got_the_answer() -> None:
    with opened() as book:
        hold(book, {"a": 10}, run="run 1")
        hold(book, {"a": 10}, run="run 2", owner="p2")
        settle(book, "a", 4, run="run 2")

        assert spend.taken(book, "run 1") == 0
        assert spend.taken(book, "run 2") == 4
        assert spend.taken(book, MONTH) == 4


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "settle", "draw"]),
        st.sampled_from(["p1", "p2"]),
        st.sampled_from("abcde"),
        st.integers(0, 60),
    ),
    max_size=40,
)


@given(_STEPS, st.integers(0, 150))
def test_no_order_of_events_overruns_the_cap_or_loses_money(
    steps: list[tuple[str, str, str, int]], cap: int
) -> None:
    paid = 0
    with opened() as book:
        for event, owner, key, units in steps:
            known = held(book)
            if event == "hold" and key not in known:
                hold(book, {key: units}, owner=owner, cap=cap)
            elif event == "settle" and key in known:
                spent = min(units, known[key])  # no call costs more than its worst case
                settle(book, key, spent)
                paid += spent
            elif event == "draw":
                draw = Draw(f"{owner}:m", owner, owner, {RUN: cap, MONTH: None}, 1, units)
                spend.apply(book, [], [draw], now=0.0, dead_after_s=60.0)

            assert spend.taken(book, RUN) <= cap
            leases = book.execute(sa.text("SELECT sum(units) FROM leases")).scalar() or 0
            open_holds = sum(held(book).values())
            assert spend.taken(book, RUN) == paid + open_holds + leases
