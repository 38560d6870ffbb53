"""What do runs look like on a terminal? Plain text that a mail or a cron log shows as well."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flows.console import money, print_json
from schemas.counted import counted
from schemas.manifest import BackfillSummary, Books, Cost, Manifest, RunStatus, RunSummary
from schemas.roles import Role
from storage.manifests import shown_status
from storage.store import Lake
from tasks.counterfactual_figures import measured_words
from tasks.planning import PLAN_FILE
from tasks.verification import Verification

_MOST_LETTERS = 20
_MOST_DIFFERENCES = 50


def summary_lines(done: RunSummary) -> Iterator[str]:
    """A run's summary; what went wrong comes first."""
    if done.status is not RunStatus.DONE:
        yield f"{done.status.value}: {done.message}"
    if done.failed:
        yield (
            f"{counted(done.failed, 'dead letter')}: "
            f"`docmill show {done.run_id} --lake {done.lake}`"
        )
    reused = f"; {_known(done.reused)}" if done.reused else ""
    rest = done.documents - done.extracted - done.failed - done.skipped
    unreached = f" + {rest} not reached" if rest else ""
    yield (
        f"{counted(done.documents, 'document')} = {done.extracted} extracted "
        f"+ {done.failed} failed + {done.skipped} skipped{unreached}{reused}, "
        f"in {done.seconds:.1f} s"
    )
    yield f"{_spent(done)}; {_compared(done)}"
    if done.counterfactual is not None:
        yield f"measured  {measured_words(done.counterfactual)}"
    for note in done.notes:
        yield f"note      {note}"
    if done.report:
        yield f"report    {done.report}"
    yield f"manifest  {done.manifest}"
    # A run that failed goes on as well, once what it failed over is mended.
    what = "verify" if done.status is RunStatus.DONE else "resume"
    yield f"{what:10}docmill {what} {done.run_id} --lake {done.lake}"


def _spent(cost: Cost | RunSummary) -> str:
    return f"spent {money(cost.usd)} on {counted(cost.calls, 'call')}{unconfirmed(cost)}"


def unconfirmed(cost: Cost | RunSummary) -> str:
    """How much of what was spent is an upper bound, as words to follow it; may be empty."""
    if not cost.unconfirmed_usd:
        return ""
    return f" ({money(cost.unconfirmed_usd)} of it at most: calls whose bill is not known)"


def _known(documents: int) -> str:
    return f"{documents:,} {'was' if documents == 1 else 'were'} in the lake already"


def _compared(done: RunSummary) -> str:
    if done.baseline_usd is None:
        return "the price of one strong model for all of it is unknown"
    strong = (
        f"one strong model for all of it, {done.baseline_model}: "
        f"{money_range(done.baseline_plain_usd, done.baseline_usd)}"
    )
    saved = times_range(done.saving_low, done.saving)
    if done.projected_usd is not None:
        times = f", {saved} times cheaper" if saved else ""
        return (
            f"{strong}; these calls on the catalog's models for the roles: "
            f"{money(done.projected_usd)}{times} (computed, not measured: the offline engines "
            "are rules, not models)"
        )
    return f"{strong} ({saved} times)" if saved else strong


def money_range(low: float | None, high: float | None) -> str:
    """What a strong model costs without thinking and with its usual one."""
    if low is None or money(low) == money(high):
        return money(high)
    return f"{money(low)} without thinking to {money(high)} with its usual"


def times_range(low: float | None, high: float | None) -> str:
    """How many times cheaper, from the strong model without thinking to that with; may be empty."""
    if not high:
        return ""
    return f"{low:.1f} to {high:.1f}" if low and f"{low:.1f}" != f"{high:.1f}" else f"{high:.1f}"


def runs_table(manifests: Sequence[Manifest], lake: Lake, *, as_json: bool) -> None:
    """Print the runs of a lake, one a line."""
    rows = [
        {
            "run_id": m.run_id,
            "job": m.job.name,
            "status": shown_status(lake, m),
            "documents": m.ingest.inputs,
            "extracted": m.extract.done,
            "failed": sum(m.ingest.failed.values()) + sum(m.extract.failed.values()),
            "skipped": sum(m.ingest.skipped.values()) + sum(m.extract.skipped.values()),
            "usd": m.cost.usd,
            "seconds": m.seconds,
            "parent": m.parent,
        }
        for m in manifests
    ]
    if as_json:
        print_json({"lake": lake.url, "runs": rows})
        return
    if not rows:
        print(f"no runs in {lake.url}")
        return
    print(_aligned([list(rows[0]), *([_cell(v) for v in row.values()] for row in rows)]))


def show_run(manifest: Manifest, lake: Lake, *, as_json: bool) -> None:
    """Print one run: status, books, money, models and the first dead letters."""
    letters = list(_dead_letters(manifest, lake))
    status = shown_status(lake, manifest)
    if as_json:
        body = manifest.model_dump(mode="json", exclude={"job"})
        print_json({**body, "status": status, "job": manifest.job.name, "failures": letters})
        return
    print(f"run {manifest.run_id} of job {manifest.job.name}: {status}")
    if manifest.error:
        print(f"  {manifest.error}")
    if lake.exists(plan := lake.run(manifest.run_id, PLAN_FILE)):
        print(f"  plan     {lake.shown(plan)}")
    print(f"  ingest   {_books(manifest.ingest)}")
    print(f"  extract  {_books(manifest.extract)}")
    cost = manifest.cost
    print(f"  {_spent(cost)}; these records cost {money(cost.records_usd)}")
    strong = manifest.resolution.baseline
    if strong is not None and cost.baseline_usd is not None:
        saved = times_range(cost.saving_low, cost.saving)
        print(
            f"  one strong model, {strong.shown_name}: "
            f"{money_range(cost.baseline_plain_usd, cost.baseline_usd)}"
            + (f"; {saved} times as much" if saved else "")
        )
    for note in manifest.notes:
        print(f"  note: {note}")
    for role in Role:
        model = manifest.resolution.model(role)
        print(f"  {role.value:<18} {model.name} ({model.provider}, {model.kind})")
    if letters:
        print(f"dead letters ({len(letters)}):")
        for letter in letters[:_MOST_LETTERS]:
            print(f"  {letter['uri']}: {letter['stage']}/{letter['class']}: {letter['message']}")
        if len(letters) > _MOST_LETTERS:
            print(f"  ... {len(letters) - _MOST_LETTERS} more; --json lists them all")


def backfill_lines(done: BackfillSummary) -> Iterator[str]:
    """A backfill's partitions, one a line, and their sum."""
    if done.message:
        yield f"{done.status.value}: {done.message}"
    head = ["run", "status", "documents", "extracted", "failed", "skipped", "usd"]
    rows = [
        [
            one.run_id,
            one.status.value,
            str(one.documents),
            str(one.extracted),
            str(one.failed),
            str(one.skipped),
            money(one.usd),
        ]
        for one in done.runs
    ]
    yield _aligned([head, *rows])
    yield (
        f"{counted(done.documents, 'document')} in {counted(len(done.runs), 'run')} = "
        f"{done.extracted} extracted + {done.failed} failed + {done.skipped} skipped; "
        f"{_known(done.reused)}; spent {money(done.usd)} on {counted(done.calls, 'call')}"
    )
    yield f"resume    --id {done.backfill_id}"


def verification_lines(result: Verification) -> Iterator[str]:
    """What a verification checked and every difference it found."""
    for difference in result.differences[:_MOST_DIFFERENCES]:
        yield f"DIFFERS  {difference}"
    if len(result.differences) > _MOST_DIFFERENCES:
        yield f"... {counted(len(result.differences) - _MOST_DIFFERENCES, 'more difference')}"
    verdict = "every figure holds" if result.ok else counted(len(result.differences), "difference")
    yield (
        f"run {result.run_id}: {verdict}; checked {counted(result.figures, 'figure')}, "
        f"{counted(result.spans, 'evidence span')}, {counted(result.records, 'record')}"
    )


def _dead_letters(manifest: Manifest, lake: Lake) -> Iterator[dict[str, Any]]:
    for path in lake.find(f"failures/{manifest.run_id}", ".parquet"):
        table = lake.read_table(path, ["uri", "stage", "class", "message", "attempts", "usd"])
        yield from table.to_pylist()


def _books(books: Books) -> str:
    parts = [f"{counted(books.inputs, 'document')} = {books.done} done"]
    for word, counts in (("failed", books.failed), ("skipped", books.skipped)):
        why = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        parts.append(f"{sum(counts.values())} {word}" + (f" ({why})" if why else ""))
    return " + ".join(parts)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _aligned(rows: Iterable[Sequence[str]]) -> str:
    listed = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in listed) for i in range(len(listed[0]))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in listed)
    return "\n".join(line.rstrip() for line in lines)
