"""Shards are submitted some ahead of the others, and none waits for more than it has to."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from flows.backend import results_of


def test_one_more_is_submitted_for_each_that_is_through_and_results_keep_their_order() -> None:
    shards: list[Future[str]] = []

    def submit(name: str) -> Future[str]:
        shards.append(Future())
        if name == "a":
            shards[-1].set_result("A")
        return shards[-1]

    results = results_of("abcde", submit, 3)

    def drained() -> tuple[str, int]:
        return next(results), len(shards)

    assert drained() == ("A", 3)
    # The third is through before the second.
    shards[2].set_result("C")
    shards[1].set_result("B")
    assert drained() == ("B", 4)
    assert drained() == ("C", 5)
    shards[3].set_result("D")
    shards[4].set_result("E")
    assert list(results) == ["D", "E"]


def test_a_failure_comes_behind_what_was_submitted_and_nothing_more_is() -> None:
    submitted: list[int] = []

    def submit(number: int) -> Future[int]:
        submitted.append(number)
        future: Future[int] = Future()
        if number == 1:
            future.set_exception(ValueError("stopped"))
        else:
            future.set_result(number)
        return future

    drained: list[int] = []

    def drain(results: Iterator[int]) -> None:
        for number in results:
            drained.append(number)  # noqa: PERF402 - `extend` keeps nothing of what fails

    with pytest.raises(ValueError, match="stopped"):
        drain(results_of(range(9), submit, 3))

    assert drained == [0, 2, 3]
    assert submitted == [0, 1, 2, 3]
