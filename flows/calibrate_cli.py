"""`docmill calibrate`: what may be promised about a cascade, by labelled documents."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from flows.console import FAILED, PARKED, fail, interruptible, money, print_json, watching
from flows.job_options import JsonOption, ProfileOption
from schemas.counted import counted

if TYPE_CHECKING:
    from flows.calibrate import Calibrated, CalibratedType, Unit
    from flows.calibrate_batch import JudgedBatch
    from flows.calibration_runs import Watch
    from schemas.calibration import Guarantee
    from tasks.calibration_fit import Promise

_PROMISES: "Mapping[str, Promise]" = {"accepted": "accepted", "all": "long_run"}
_UNITS: "Mapping[str, Unit]" = {"field": "field", "record": "record"}


class _Telling(TypedDict):
    say: Callable[[str], None]
    watch: "Watch"


def calibrate(
    path: Annotated[
        str,
        typer.Argument(
            help="A gold folder (documents/, labels.jsonl, fields.json); with --judge, what to run."
        ),
    ],
    judge: Annotated[
        str | None,
        typer.Option(
            help="Run PATH as one batch, labelled by this model (or role) on a sample of it."
        ),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", help="The docmill.yaml that will use it; default: the folder's."),
    ] = None,
    target: Annotated[float, typer.Option(help="Share of right answers to promise.")] = 0.95,
    delta: Annotated[float, typer.Option(help="Probability that a promise may fail.")] = 0.1,
    promise: Annotated[
        str | None,
        typer.Option(help="About `accepted` answers or `all`; default: by the number of labels."),
    ] = None,
    unit: Annotated[str, typer.Option(help="Promise per `field` or per `record`.")] = "field",
    out: Annotated[
        str | None, typer.Option("--out", "--lake", help="The lake; default: the job's.")
    ] = None,
    profile: ProfileOption = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0, help="Never spend more than this in all its runs, in US dollars."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Certify on labelled documents what may be promised of answers.

    Confidences are fitted on some of them; on the others it is tested from which one on an answer
    is kept. With --judge a strong model takes the place of the labels.
    """
    for name, value in (("--target", target), ("--delta", delta)):
        if not 0 < value < 1:
            fail(f"{name} is {value:g}; it must lie between 0 and 1, without either")
    if promise is not None and promise not in _PROMISES:
        fail(f"--promise: {promise!r} is neither accepted nor all")
    if unit not in _UNITS:
        fail(f"--unit: {unit!r} is neither field nor record")
    with _errors_as_sentences(), interruptible(is_command=True):
        if judge is not None:
            _judge(path, judge, target, delta, out, profile, budget, as_json=as_json)
            return
        from flows.calibrate import calibrate as run_calibration

        done = run_calibration(
            path,
            job_file=job,
            target=target,
            delta=delta,
            out=out,
            profile=profile,
            promise=None if promise is None else _PROMISES[promise],
            unit=_UNITS[unit],
            budget_usd=budget,
            **_telling(quiet=as_json),
        )
    if as_json:
        print_json(as_object(done))
    else:
        print("\n".join(lines(done)))


@contextmanager
def _errors_as_sentences() -> "Iterator[None]":
    from flows.calibration_runs import CalibrationParkedError, CalibrationRefusedError
    from tasks.gold import GoldError
    from tasks.user_errors import USER_ERRORS

    try:
        yield
    except CalibrationRefusedError as error:
        fail(error, FAILED)
    except CalibrationParkedError as error:
        fail(error, PARKED)
    except (*USER_ERRORS, GoldError) as error:
        fail(error)


def _telling(*, quiet: bool) -> "_Telling":
    """How a calibration tells what it does, and how far its runs are."""
    say = (lambda _: None) if quiet else typer.echo
    return {"say": say, "watch": lambda run_id: watching(run_id, quiet=quiet)}


def _judge(
    path: str,
    judge: str,
    target: float,
    delta: float,
    out: str | None,
    profile: str | None,
    budget: float | None,
    *,
    as_json: bool,
) -> None:
    from flows.calibrate_batch import judge_batch
    from flows.job_options import job_of

    job = job_of(path, out=out, profile=profile, budget=budget)
    done = judge_batch(job, judge, target=target, delta=delta, **_telling(quiet=as_json))
    if as_json:
        print_json(batch_object(done))
    else:
        print("\n".join(batch_lines(done)))


def batch_object(done: "JudgedBatch") -> dict[str, Any]:
    """A judged batch as one JSON object."""
    return {
        "judge": done.judge,
        "run": done.runs[-1].model_dump(mode="json"),
        "usd": sum(run.usd for run in done.runs),
        "types": {
            name: {
                "documents": len(done.samples[name].documents),
                "judged": len(done.samples[name].drawn),
                "kept": done.kept[name],
                "guarantees": {
                    field: {**g.model_dump(mode="json"), "words": g.words()}
                    for field, g in one.guarantees.items()
                },
            }
            for name, one in done.calibrations.items()
        },
    }


def batch_lines(done: "JudgedBatch") -> Iterator[str]:
    """A judged batch as text: per field how many cheap answers stay, and what is promised."""
    for name, one in done.calibrations.items():
        yield ""
        yield f"{name}, judged by {done.judge}"
        yield f"{'field':<22} {'cheap stay':>10} {'judged':>7} {'of these':>9} {'disagree':>9}"
        for field, promise in one.guarantees.items():
            yield (
                f"{field:<22} {done.kept[name][field]:>10.1%} {promise.labelled:>7} "
                f"{promise.accepted:>9} {promise.errors:>9}"
            )
    last = done.runs[-1]
    yield ""
    yield from last.notes
    spent = sum(run.usd for run in done.runs)
    yield f"spent {money(spent)} on {counted(sum(run.calls for run in done.runs), 'call')}"
    yield f"run {last.run_id}: {last.report}"


def as_object(done: "Calibrated") -> dict[str, Any]:
    """A finished calibration as one JSON object."""
    return {
        "gold": done.gold,
        "lake": done.lake,
        "target": done.target,
        "delta": done.delta,
        "usd": done.usd,
        "calls": sum(run.calls for run in done.runs),
        "runs": [run.run_id for run in done.runs],
        "certified": sum(
            g.threshold is not None for t in done.types for g in t.calibration.guarantees.values()
        ),
        "types": {t.name: _type_object(t) for t in done.types},
        "words": done.words,
    }


def _type_object(one: "CalibratedType") -> dict[str, Any]:
    return {
        "calibration": one.path,
        "identity": one.calibration.identity,
        "picture": one.picture,
        "guarantees": {
            name or "record": {**g.model_dump(mode="json"), "words": g.words()}
            for name, g in one.calibration.guarantees.items()
        },
        "escalate_below": one.calibration.escalate_below,
        "escalated": dict(one.escalated),
        "start": {
            **(rule.model_dump(mode="json") if (rule := one.calibration.start) else {}),
            "documents_higher": len(one.higher),
            "documents_certifying": one.certifying,
        },
        "confidences": {
            name: {slug: m.model_dump(mode="json") for slug, m in models.items()}
            for name, models in one.calibration.confidences.items()
        },
        "curve": [
            {"below": p.level, "escalated": p.escalated, "right": p.right, "usd": p.usd}
            for p in one.points
        ],
    }


def lines(done: "Calibrated") -> Iterator[str]:
    """A finished calibration as text: a table per type, the promises, where it all lies."""
    from tasks.calibration_start import start_words

    for one in done.types:
        yield ""
        yield f"{one.name}: {one.calibration.scope.task}"
        yield (
            f"{'field':<22} {'goes up':>8} {'kept from':>9} {'judged':>7} {'kept':>6} "
            f"{'wrong':>6}  signals in use"
        )
        for name in one.calibration.confidences:
            yield _field_line(one, name)
        if "" in one.calibration.guarantees:
            record = one.calibration.guarantees[""]
            yield f"{'whole records':<22} {'':>8} {_figures(record)}"
        if one.calibration.start:
            yield from start_words(one.calibration.start, len(one.higher), one.certifying)
        ends = (one.points[0], one.points[-1]) if one.points else ()
        if ends:
            yield (
                f"always cheap: {ends[0].right:.3f} right; always strong: {ends[1].right:.3f} right"
            )
        if one.picture:
            yield f"curve: {done.lake}/{one.picture}"
        yield f"calibration: {done.lake}/{one.path}"
    yield ""
    yield from done.words
    yield f"spent {money(done.usd)} on {counted(sum(run.calls for run in done.runs), 'call')}"


def _field_line(one: "CalibratedType", name: str) -> str:
    promise = one.calibration.guarantees.get(name)
    figures = _figures(promise) if promise else f"{'-':>9} {'-':>7} {'-':>6} {'-':>6}"
    models = one.calibration.confidences[name].values()
    used = sorted({w.signal.value for model in models for w in model.weights})
    return f"{name:<22} {one.escalated.get(name, 0):>8.1%} {figures}  {', '.join(used) or 'none'}"


def _figures(promise: "Guarantee") -> str:
    level = "refused" if promise.threshold is None else f"{promise.threshold:.3f}"
    return f"{level:>9} {promise.labelled:>7} {promise.accepted:>6} {promise.errors:>6}"
