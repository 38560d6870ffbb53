"""Which runs may still need answers of the response store? Those that have not ended."""

from dataclasses import dataclass
from pathlib import Path

from llms.response_upkeep import run_uses
from llms.responses import ResponseStore
from schemas.manifest import RunStatus
from storage.manifests import MANIFEST, list_runs, read_manifest
from storage.store import Lake, LakeError


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that may go on; `since` is when it began, in seconds since the epoch."""

    run_id: str
    lake: str
    since: float


def open_runs(store: ResponseStore, lake: Lake) -> list[OpenRun]:
    """The runs that may go on and ask again what they have asked, oldest first.

    A run is over when it is done, with its report, or when its folder was taken out of its lake. A
    run of a lake that cannot be looked at from here is taken to be open.

    Args:
        store: The response store; it knows of the runs of every lake that uses it.
        lake: A lake at hand; its runs count even if they are older than what the store knows.
    """
    found = {
        manifest.run_id: OpenRun(manifest.run_id, lake.url, manifest.started_at.timestamp())
        for manifest in list_runs(lake)
        if not _is_over(manifest.status, has_report=bool(manifest.outputs))
    }
    for run in run_uses(store):
        if (
            run.ended_at is None
            and run.run_id not in found
            and not _is_over_in(run.lake, run.run_id)
        ):
            found[run.run_id] = OpenRun(run.run_id, run.lake, run.started_at)
    return sorted(found.values(), key=lambda run: (run.since, run.run_id))


def _is_over(status: RunStatus, *, has_report: bool) -> bool:
    return status is RunStatus.DONE and has_report


def _is_over_in(lake_url: str, run_id: str) -> bool:
    try:
        lake = Lake(lake_url)
        if lake.is_local and not Path(lake.root).is_dir():
            return False
        if not lake.exists(lake.run(run_id, MANIFEST)):
            return True
        manifest = read_manifest(lake, run_id)
    except (LakeError, OSError):
        return False
    return _is_over(manifest.status, has_report=bool(manifest.outputs))
