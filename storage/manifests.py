"""Where a run's manifest is kept, and which runs a lake has."""

import os
import socket
from collections.abc import Iterable

from pydantic import ValidationError

from schemas.manifest import Manifest, RunStatus
from storage.store import Lake, LakeError

MANIFEST = "manifest.json"

_CLOCK_SLACK_S = 2.0
"""The kernel tells the time of its start in whole seconds."""

INTERRUPTED = "interrupted"
"""Shown for a run whose process is gone before it came to an end."""


def write_manifest(lake: Lake, manifest: Manifest) -> str:
    """Write a run's manifest; returns its path in the lake."""
    path = lake.run(manifest.run_id, MANIFEST)
    lake.write_bytes(path, manifest.model_dump_json(indent=1).encode())
    return path


def read_manifest(lake: Lake, run_id: str) -> Manifest:
    """Read a run's manifest.

    Raises:
        LakeError: There is no such run in the lake, or its manifest is damaged.
    """
    path = lake.run(run_id, MANIFEST)
    if not lake.exists(path):
        raise LakeError(f"run {run_id!r} is not in the lake {lake.url}; `docmill runs` lists them")
    try:
        return Manifest.model_validate_json(lake.read_bytes(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LakeError(f"{lake.shown(path)} is damaged at {place}: {first['msg']}") from None


def list_runs(lake: Lake) -> list[Manifest]:
    """Every run of a lake, oldest first; folders without a manifest are left out."""
    names = [n for n in lake.folders("runs") if lake.exists(lake.run(n, MANIFEST))]
    return sorted((read_manifest(lake, n) for n in names), key=lambda manifest: manifest.started_at)


def newest_first(names: Iterable[str]) -> list[str]:
    """Ids of runs, the newest first: they begin with the time, those of a backfill with its own."""
    return sorted(names, key=lambda name: name.removeprefix("backfill-"), reverse=True)


def shown_status(lake: Lake, manifest: Manifest) -> str:
    """The status a person should read: a run whose process is gone was interrupted.

    So was one that is `done` but has no report yet: it ended between the two. A process of another
    host is taken to be alive.
    """
    is_open = manifest.status is RunStatus.RUNNING or (
        manifest.status is RunStatus.DONE and not manifest.outputs
    )
    if not is_open:
        return manifest.status.value
    if manifest.host == socket.gethostname() and not _is_alive(lake, manifest):
        return INTERRUPTED
    return RunStatus.RUNNING.value


def _is_alive(lake: Lake, manifest: Manifest) -> bool:
    """Whether the process that wrote the manifest lives: its id may belong to a newer one now."""
    if not manifest.pid:
        return False
    try:
        os.kill(manifest.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        written = os.stat(lake.full(lake.run(manifest.run_id, MANIFEST))).st_mtime
        return _began(manifest.pid) <= written + _CLOCK_SLACK_S
    except OSError:
        # No such file to look at (another system, an object store): the id alone must do.
        return True


def _began(pid: int) -> float:
    """When a process began, in seconds since the epoch, from Linux's /proc; see proc(5)."""
    with open("/proc/stat", encoding="ascii") as file:
        booted = next(float(line.split()[1]) for line in file if line.startswith("btime"))
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        # The name of the program, in parentheses, may hold blanks: count behind it.
        ticks = float(file.read().rpartition(")")[2].split()[19])
    return booted + ticks / os.sysconf("SC_CLK_TCK")
