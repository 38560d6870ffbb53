"""How do commands speak? Exit codes, one-sentence errors, JSON, progress as a bar or in lines."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from flows.json_output import json_text
from schemas.counted import counted

if TYPE_CHECKING:
    from tasks.progress import Progress

DONE, FAILED, USAGE, PARKED = 0, 1, 2, 3
"""Exit codes of every command."""

_TO_STOP = (signal.SIGINT, signal.SIGTERM)
"""What tells a run to stop."""

_LAST_S = 5
"""Seconds after which a process is gone that was told twice to stop, whatever it still does."""

_STOPPING = (
    "docmill: stopping: nothing more is sent, and calls in flight are waited for, each to its "
    "deadline; Ctrl-C once more breaks them off\n"
)
_ENDING = "docmill: ending now: calls in flight are broken off and booked at what they may cost\n"
_LATE = (
    f"docmill: still not ended after {_LAST_S} s: left as a kill would; `docmill resume` goes on\n"
)

_REFRESH_S = 0.2
_LINE_EVERY_S = 10.0


def fail(message: object, code: int = USAGE) -> NoReturn:
    """Say in one sentence what is wrong and leave with an exit code."""
    print(f"docmill: {message}", file=sys.stderr)
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """Print one object on one line, the last line of stdout."""
    print(json_text(value))


def money(usd: float | None) -> str:
    """An amount of US dollars for people: small ones keep the digits that matter."""
    if usd is None:
        return "unknown"
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


def _stop(number: int, _frame: object) -> None:
    """Stop the runs of this process, as its handler of `_TO_STOP`."""
    from tasks.interruption import INTERRUPTION

    # Straight to the terminal: the interrupted code may be in the middle of a print.
    # And asked before it is told: whoever reads it may send the next signal at once.
    if not INTERRUPTION.is_asked:
        INTERRUPTION.ask()
        os.write(2, _STOPPING.encode())
    elif number != signal.SIGTERM and not INTERRUPTION.is_ending:  # supervisors repeat SIGTERM
        INTERRUPTION.ask()
        os.write(2, _ENDING.encode())
        if hasattr(signal, "SIGALRM"):
            signal.alarm(_LAST_S)


def _leave_at_once(_number: int, _frame: object) -> None:
    os.write(2, _LATE.encode())
    os._exit(PARKED)


@contextmanager
def interruptible(*, is_command: bool = False) -> Iterator[None]:
    """Let signals stop the runs of the body in order: they end parked, to be resumed.

    The first SIGINT or SIGTERM has nothing more sent, a SIGINT after it breaks off what is in
    flight. Elsewhere than in the main thread this does nothing. Inside of another such context it
    takes back what somebody has taken over meanwhile, as Prefect does with SIGTERM.

    Args:
        is_command: Nothing follows but the end of the process: once it has been told to stop, it
            is leaving, and no further signal is to spoil its last words and its exit code.
    """
    from tasks.interruption import INTERRUPTION

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    before = {
        name: signal.signal(name, _stop) for name in _TO_STOP if signal.getsignal(name) is not _stop
    }
    is_outermost = signal.SIGINT in before
    if is_outermost and hasattr(signal, "SIGALRM"):
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, _leave_at_once)
    try:
        yield
    finally:
        is_leaving = is_command and INTERRUPTION.is_asked
        for name, handler in before.items():
            signal.signal(name, signal.SIG_IGN if is_leaving and name in _TO_STOP else handler)
        if is_outermost:
            if hasattr(signal, "SIGALRM"):
                signal.alarm(0)
            INTERRUPTION.clear()


@contextmanager
def watching(run_id: str, *, quiet: bool) -> Iterator[None]:
    """Show the progress of a run on stderr while the body runs.

    A bar on a terminal; elsewhere a line when a stage is over and every ten seconds.
    """
    if quiet:
        yield
        return
    from tasks.progress import progress_of

    over = threading.Event()
    show = _show_bar if sys.stderr.isatty() else _show_lines
    watcher = threading.Thread(target=show, args=(progress_of(run_id), over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _show_lines(progress: "Progress", over: threading.Event) -> None:
    told, heard, last = 0, 0, time.monotonic()
    is_over = False
    while not is_over:
        is_over = over.wait(_REFRESH_S)
        while told < len(progress.closed):
            stage, done, failed = progress.closed[told]
            told, last = told + 1, time.monotonic()
            if done:
                print(f"{stage}: {counted(done, 'document')}, {failed:,} failed", file=sys.stderr)
        heard = _tell(progress, heard, lambda line: print(line, file=sys.stderr))
        if not is_over and time.monotonic() - last >= _LINE_EVERY_S:
            last = time.monotonic()
            print(f"{progress.stage} ... {_counts(progress)}", file=sys.stderr)


def _show_bar(progress: "Progress", over: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("start", total=None, counts="")
        stage, began, heard = "", time.monotonic(), 0
        while not over.wait(_REFRESH_S):
            heard = _tell(progress, heard, bar.console.print)
            if progress.stage != stage:
                stage, began = progress.stage, time.monotonic()
                bar.reset(task, total=progress.total)
            rate = progress.done / max(time.monotonic() - began, 0.001)
            counts = f"{_counts(progress)}, {rate:,.0f}/s" if progress.done else _counts(progress)
            bar.update(
                task,
                description=stage,
                total=progress.total,
                completed=progress.done,
                counts=counts,
            )


def _tell(progress: "Progress", heard: int, tell: Callable[[str], None]) -> int:
    """Tell what has been said since; returns how much has been heard then."""
    for sentence in progress.said[heard:]:
        tell(f"note: {sentence}")
        heard += 1
    return heard


def _counts(progress: "Progress") -> str:
    of = f" of {progress.total:,}" if progress.total is not None else ""
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    left = ""
    if progress.budget_usd is not None:
        left = f", {money(max(0.0, progress.budget_usd - progress.usd))} left"
    return f"{progress.done:,}{of} documents{failed}, spent {money(progress.usd)}{left}"
