"""What did a command take? Wall time, CPU and peak memory of its process and of all it started."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took.

    Attributes:
        seconds: Wall time from its start to its end.
        cpu_s: CPU seconds of the process and of every process that it has waited for.
        main_mb: Largest resident memory of the process itself, in MB.
        tree_mb: Largest sum over the process and its descendants, shared pages counted once (PSS),
            in MB; looked at four times a second, so that shorter peaks are missed. Zero unless it
            was asked for.
        last_line: The last line that it printed.
    """

    seconds: float
    cpu_s: float
    main_mb: float
    tree_mb: float
    last_line: str


def measured(
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    with_tree: bool = False,
) -> Taken:
    """Run a command to its end; exits with its error output when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )
    over = threading.Event()
    peaks = [0.0, 0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, over, peaks, with_tree))
    watcher.start()
    said: list[str] = []
    errors = threading.Thread(target=lambda: said.append(process.stderr.read()))
    errors.start()
    out = process.stdout.read() if process.stdout else ""
    # Not `wait`: only this call tells what the process and those it waited for have used.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    over.set()
    watcher.join()
    errors.join()
    lines = out.splitlines()
    if process.returncode != 0:
        why = said[0][-2000:] or "".join(lines[-1:])
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {why}")
    return Taken(
        seconds,
        usage.ru_utime + usage.ru_stime,
        peaks[0],
        peaks[1],
        lines[-1] if lines else "",
    )


def docmill(*arguments: str) -> list[str]:
    """The command line of `docmill` with these arguments, from this source tree."""
    return [sys.executable, "-m", "flows.cli", *arguments]


def cpu_seconds(process_id: int) -> float:
    """CPU time that a running process has used so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asking_seconds(lake: Path) -> tuple[float, float]:
    """From the first request of a lake's only run to its last answer for a document, in seconds;
    and how long all its answers took together.
    """
    begun, ended = [], []
    for path in lake.glob("attempts/*/*.parquet"):
        columns = ["stage", "started_at", "latency_ms"]
        for row in pq.read_table(path, columns=columns).to_pylist():
            # The analysis asks once, after everything else.
            if row["stage"] != "insights":
                begun.append(row["started_at"].timestamp())
                ended.append(begun[-1] + row["latency_ms"] / 1000)
    waited_s = sum(end - begin for begin, end in zip(begun, ended, strict=True))
    return max(ended) - min(begun), waited_s


def _watch(process_id: int, over: threading.Event, peaks: list[float], with_tree: bool) -> None:
    while not over.wait(_LOOK_S):
        # The kernel keeps the peak of a process itself; of a tree, nobody does.
        peaks[0] = max(peaks[0], _field_mb(process_id, "status", "VmHWM:"))
        if with_tree:
            tree = sum(_field_mb(one, "smaps_rollup", "Pss:") for one in _family(process_id))
            peaks[1] = max(peaks[1], tree)


def _family(process_id: int) -> list[int]:
    """A process and all its descendants."""
    found, at = [process_id], 0
    while at < len(found):
        for children in Path(f"/proc/{found[at]}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue  # the thread has ended meanwhile
        at += 1
    return found


def _field_mb(process_id: int, file: str, name: str) -> float:
    try:
        text = Path(f"/proc/{process_id}/{file}").read_text()
    except OSError:
        return 0.0  # it has ended meanwhile
    line = next((one for one in text.splitlines() if one.startswith(name)), "x 0")
    return int(line.split()[1]) / 1024
