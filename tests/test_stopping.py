"""Stopping: what has not been sent is broken off at once, what has been is waited for."""

import asyncio

import pytest

from llms.failures import CallError, FailureClass
from llms.stopping import Stop


def test_who_waits_is_broken_off_and_who_does_not_goes_on() -> None:
    async def waiting(stop: Stop) -> None:
        with stop.waiting():
            await asyncio.Event().wait()

    async def sent(stop: Stop) -> str:
        with stop.waiting():
            pass
        await asyncio.sleep(0.001)
        return "answered"

    async def scenario() -> list[object]:
        stop = Stop()
        tasks = [asyncio.ensure_future(one(stop)) for one in (waiting, sent)]
        await asyncio.sleep(0)
        stop.ask()
        return await asyncio.gather(*tasks, return_exceptions=True)

    broken, answered = asyncio.run(scenario())

    assert isinstance(broken, CallError)
    assert broken.failure_class is FailureClass.INTERRUPTED
    assert answered == "answered"


def test_after_it_nothing_begins_to_wait() -> None:
    async def scenario() -> None:
        stop = Stop()
        stop.ask()
        with stop.waiting():
            raise AssertionError

    with pytest.raises(CallError, match="told to stop"):
        asyncio.run(scenario())


def test_a_task_that_is_cancelled_otherwise_is_cancelled() -> None:
    async def scenario() -> None:
        stop = Stop()

        async def wait() -> None:
            with stop.waiting():
                await asyncio.Event().wait()

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario())


def test_a_task_that_was_broken_off_can_be_waited_for_in_a_group() -> None:
    """A task that is left cancelled would cancel whatever it does next."""

    async def scenario() -> str:
        stop = Stop()

        async def wait() -> str:
            try:
                with stop.waiting():
                    await asyncio.Event().wait()
            except CallError:
                await asyncio.sleep(0)
                return "went on"
            raise AssertionError

        async with asyncio.TaskGroup() as group:
            task = group.create_task(wait())
            await asyncio.sleep(0)
            stop.ask()
        return task.result()

    assert asyncio.run(scenario()) == "went on"


def test_what_is_in_flight_is_waited_for_until_that_is_broken_off_too() -> None:
    async def scenario() -> list[object]:
        stop, answered = Stop(), asyncio.Event()

        async def sent() -> str:
            with stop.in_flight():
                await answered.wait()
            return "answered"

        async def never_answered() -> None:
            with stop.in_flight():
                await asyncio.gather(asyncio.Event().wait(), sent())

        async def waits() -> None:
            with stop.in_flight(), stop.waiting():
                await asyncio.Event().wait()

        tasks = [asyncio.ensure_future(one()) for one in (sent, never_answered, waits)]
        await asyncio.sleep(0)
        stop.ask()
        answered.set()
        await tasks[0]
        stop.break_off()
        with pytest.raises(CallError, match="told to stop"):
            await sent()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answer, *broken = asyncio.run(scenario())

    assert answer == "answered"
    assert [getattr(error, "failure_class", error) for error in broken] == [
        FailureClass.INTERRUPTED,
        FailureClass.INTERRUPTED,
    ]


def test_a_task_that_is_told_twice_at_once_is_broken_off_once() -> None:
    """A second cancellation would strike whatever the task does next."""

    async def scenario() -> str:
        stop = Stop()

        async def wait() -> str:
            try:
                with stop.in_flight(), stop.waiting():
                    await asyncio.Event().wait()
            except CallError:
                await asyncio.sleep(0)
                return "went on"
            raise AssertionError

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        stop.ask()
        stop.break_off()
        answer = await task
        assert task.cancelling() == 0
        return answer

    assert asyncio.run(scenario()) == "went on"
