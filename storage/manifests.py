"""Where a run's manifest is kept, and which runs a lake has."""

import os
import socket

from pydantic import ValidationError

from schemas.manifest import Manifest, RunStatus
from storage.store import Lake, LakeError

MANIFEST = "manifest.json"


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


def shown_status(manifest: Manifest) -> str:
    """The status a person should read: a run whose process is gone was interrupted."""
    if manifest.status is not RunStatus.RUNNING:
        return manifest.status.value
    if manifest.host == socket.gethostname() and manifest.pid and not _is_alive(manifest.pid):
        return "interrupted"
    return manifest.status.value


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
