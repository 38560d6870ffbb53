"""What waits for a batch is cut under every limit, in order, and nothing is lost on the way."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llms.batches.waiting import Item, Waiting
from llms.budget import Reservation

SIZES = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 60)), max_size=40)


def cuts(
    sizes: list[tuple[int, int]], *, requests: int, size: int, tokens: int | None
) -> list[list[Item]]:
    """The batches of requests of so many bytes and tokens, each ended before the next is cut."""

    async def cut() -> list[list[Item]]:
        loop = asyncio.get_running_loop()
        waiting = Waiting("m", most_requests=requests, most_bytes=size)
        waiting.most_enqueued = tokens
        for number, (length, count) in enumerate(sizes):
            money = Reservation(0.0, 0, "2026-07", f"{number}")
            waiting.add(Item(f"{number}", b"x" * length, count, money, loop.create_future()))
        found = []
        while batch := waiting.cut():
            found.append(batch)
        return found

    return asyncio.run(cut())


@given(SIZES, st.integers(1, 10), st.integers(300, 2000), st.none() | st.integers(20, 200))
def test_every_batch_is_under_the_limits_and_every_request_in_one(
    sizes: list[tuple[int, int]], requests: int, size: int, tokens: int | None
) -> None:
    found = cuts(sizes, requests=requests, size=size, tokens=tokens)

    assert [item.key for batch in found for item in batch] == [str(n) for n in range(len(sizes))]
    for batch in found:
        assert len(batch) <= requests
        # One that is too large by itself is tried alone: the provider says what becomes of it.
        assert len(batch) == 1 or sum(len(item.body) for item in batch) <= size
        assert len(batch) == 1 or tokens is None or sum(item.tokens for item in batch) <= tokens


@given(SIZES, st.integers(1, 10), st.integers(300, 2000))
def test_no_batch_is_smaller_than_it_must_be(
    sizes: list[tuple[int, int]], requests: int, size: int
) -> None:
    found = cuts(sizes, requests=requests, size=size, tokens=None)

    for batch, following in pairwise(found):
        bytes_with_next = sum(len(item.body) + 160 for item in [*batch, following[0]])
        assert len(batch) == requests or bytes_with_next > size
