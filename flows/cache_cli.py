"""The commands `docmill cache ...`: what the response store holds, and what of it may go."""

import os
import re
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import fail, money, print_json
from flows.job_options import JsonOption
from schemas.counted import counted

if TYPE_CHECKING:
    from llms.response_upkeep import Kept, RunUse, Selection
    from llms.responses import ResponseStore
    from storage.store import Lake
    from tasks.store_runs import OpenRun

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than everything else here
    no_args_is_help=True,
    help="The response store: every answer that was paid for.",
)

LakeOption = Annotated[
    str,
    typer.Option("--lake", "--out", help="Lake whose response store it is."),
]

_MOST_RUNS = 20
_DAY_S = 86_400.0


@app.command()
def stats(lake: LakeOption = "lake", as_json: JsonOption = False) -> None:
    """Say what the store holds, what it saved, and which runs use it."""
    from llms import response_upkeep as upkeep
    from llms.failures import LlmError
    from storage.store import LakeError
    from tasks.store_runs import open_runs

    try:
        there = _lake(lake)
        with _store(there) as store:
            everything, size = upkeep.kept(store), upkeep.stored_bytes(store)
            kinds = {
                "models": upkeep.kept_by_model(store),
                "jobs": upkeep.kept_by_job(store),
                "ages": upkeep.kept_by_age(store, time.time()),
            }
            runs, still_open = upkeep.run_uses(store), open_runs(store, there)
            name = store.name
    except (LlmError, LakeError) as error:
        fail(error)
    if as_json:
        print_json(
            {
                "store": name,
                "stored_bytes": size,
                **_object(everything),
                **{
                    kind: {which: _object(one) for which, one in found.items()}
                    for kind, found in kinds.items()
                },
                "runs": [_run_object(run) for run in runs],
                "open_runs": [run.run_id for run in still_open],
            }
        )
        return
    print(f"{name}, {_size(size)}")
    for kind, found in kinds.items():
        print(kind)
        for which, one in found.items():
            print(f"  {which}: {_figures(one)}")
    print(f"all: {_figures(everything)}")
    if runs:
        print(
            f"runs  {len(runs)} use it" + (f", the newest {_MOST_RUNS}:" * bool(runs[_MOST_RUNS:]))
        )
    for run in runs[:_MOST_RUNS]:
        print(
            f"  {run.run_id} of {run.job}: {counted(run.answers, 'answer')} of its own, "
            f"paid {money(run.usd)}"
        )
    if still_open:
        print(_kept_for(still_open))


@app.command()
def prune(
    lake: LakeOption = "lake",
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Answers stored longer ago than so many days."),
    ] = None,
    unused: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Answers that no run has used for so many days."),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Answers beyond this size, 500MB or 2GB; those used last are kept.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Answers of this model.")] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN", help="A run that will not go on: its answers need not stay; repeatable."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete answers that meet every condition given.

    Asked again, they are paid for again. What an unfinished run has stored or used stays, whatever
    the conditions.
    """
    from llms import response_upkeep as upkeep
    from llms.failures import LlmError
    from storage.store import LakeError
    from tasks.store_runs import open_runs

    now = time.time()
    selection = _selection(now, older_than, unused, max_size, model)
    forgotten = forget or []
    is_smaller = True
    try:
        there = _lake(lake)
        with _store(there) as store:
            still_open = open_runs(store, there)
            known = [run.run_id for run in still_open]
            for run_id in forgotten:
                if run_id not in known:
                    names = ", ".join(known) or "none"
                    fail(f"--forget {run_id}: no unfinished run of that id; there are {names}")
            still_open = [run for run in still_open if run.run_id not in forgotten]
            # What a run uses that begins in this moment stays as well.
            needed_since = min([run.since for run in still_open], default=now)
            everything = upkeep.prunable(store, selection, None)
            if dry_run:
                gone = upkeep.prunable(store, selection, needed_since)
            else:
                upkeep.forget_runs(store, forgotten)
                gone = upkeep.prune(store, selection, needed_since)
                is_smaller = upkeep.shrink(store) if gone.answers else True
    except (LlmError, LakeError) as error:
        fail(error)
    spared = everything.answers - gone.answers
    if as_json:
        print_json(
            {
                "pruned": not dry_run,
                **_object(gone),
                "spared": spared,
                "open_runs": [run.run_id for run in still_open],
                "shrunk": is_smaller,
            }
        )
        return
    print(f"{'would delete' if dry_run else 'deleted'}: {_figures(gone)}")
    if spared and still_open:
        print(f"{spared:,} more stay: {_kept_for(still_open)}")
    if not is_smaller:
        print(
            "its file keeps its size for now (another process uses it, or its disk is full), and "
            "what is stored next goes into the room that was freed"
        )


def _lake(url: str) -> "Lake":
    from storage.store import Lake

    return Lake(url)


def _store(lake: "Lake") -> "ResponseStore":
    from llms.database import Database
    from llms.responses import ResponseStore
    from tasks.runtime import responses_url

    url = responses_url(lake)
    database = Database(url)
    # Opening a store makes it: looking at one that is not there should not.
    if database.is_sqlite and not os.path.exists(database.name):
        fail(f"there is no response store {database.name}; name its lake with --lake")
    return ResponseStore(url)


def _selection(
    now: float,
    older_than: float | None,
    unused: float | None,
    max_size: str | None,
    model: str | None,
) -> "Selection":
    from llms.response_upkeep import Selection

    selection = Selection(
        stored_before=None if older_than is None else now - older_than * _DAY_S,
        unused_since=None if unused is None else now - unused * _DAY_S,
        model=model,
        beyond_bytes=None if max_size is None else _bytes_of(max_size),
    )
    if selection.is_everything:
        fail(
            "say which answers may go: --older-than DAYS, --unused DAYS, --max-size SIZE, --model "
            "M, or several of them (--older-than 0 means all)"
        )
    return selection


def _bytes_of(size: str) -> int:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMG]?)i?B?\s*", size, re.IGNORECASE)
    if found is None:
        fail(f"--max-size {size} is no size; write it like 500MB or 2GB")
    return int(float(found[1]) * 1000 ** " KMG".index(found[2].upper() or " "))


def _run_object(run: "RunUse") -> dict[str, Any]:
    return {**asdict(run), "started_at": _iso(run.started_at), "ended_at": _iso(run.ended_at)}


def _object(held: "Kept") -> dict[str, Any]:
    return {
        **asdict(held),
        "oldest_at": _iso(held.oldest_at),
        "newest_at": _iso(held.newest_at),
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _figures(held: "Kept") -> str:
    if held.oldest_at is None or held.newest_at is None:
        return "no answers"
    span = f"{datetime.fromtimestamp(held.oldest_at, UTC):%Y-%m-%d}"
    newest = f"{datetime.fromtimestamp(held.newest_at, UTC):%Y-%m-%d}"
    span += f" to {newest}" if newest != span else ""
    told = [counted(held.answers, "answer"), _size(held.bytes), f"paid {money(held.usd)}", span]
    if held.uses:
        told += [f"used again {counted(held.uses, 'time')}", f"saving {money(held.saved_usd)}"]
    return ", ".join(told)


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _kept_for(still_open: "list[OpenRun]") -> str:
    oldest = still_open[0]
    others = f" and {len(still_open) - 1} more" if still_open[1:] else ""
    return (
        f"run {oldest.run_id}{others} may go on; what was stored or used since "
        f"{_iso(oldest.since)} is kept (--forget RUN lets go of a run that will not)"
    )
