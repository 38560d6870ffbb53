"""The command `docmill replay`: any policy on recorded answers, tuned and measured apart."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import fail, print_json
from flows.job_options import JsonOption
from schemas.counted import counted

if TYPE_CHECKING:
    from llms.policies.contest import Contest, Measured
    from llms.policies.families import Family
    from llms.policies.plays import Policy
    from llms.policies.recorded import Recorded
    from llms.policies.tuning import Goal

_THOUSAND = 1000


def replay(
    dataset: Annotated[
        str,
        typer.Argument(help="Parquet file with a row per query and model, see docs/policies.md."),
    ],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="cascade, agreement, router or learned; or one of your own: a model, "
            "'small@0.8 > large', 'one = other > large'. Repeatable; all kinds by default."
        ),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Reach this quality; default: the best single model's."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0, help="Spend at most this per 1,000 queries, in US dollars."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split into tuning and measuring.")] = 0,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL=USD", help="What a call of a model costs; repeatable."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="Leave a model out; repeatable.")
    ] = None,
    picture: Annotated[
        str | None, typer.Option(metavar="FILE.svg", help="Draw cost against quality.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Try cascades and routers on recorded answers; sends nothing.

    Policies are tuned on one half of the queries and measured on the other.
    """
    from llms.policies.contest import hold
    from llms.policies.recorded import ReplayError
    from tasks.replay import read_recorded, with_prices, without_models

    goal = _goal(quality, budget)
    if picture is not None and not picture.endswith(".svg"):
        fail(f"--picture {picture}: pictures are SVG; give a name that ends in .svg")
    try:
        recorded = without_models(read_recorded(dataset), without or [])
        recorded = with_prices(recorded, dict(_pair(text) for text in price or []))
        families, given = _policies(policy, recorded)
        contest = hold(recorded, families, given=given, goal=goal, seed=seed)
    except ReplayError as error:
        fail(error)
    if picture is not None:
        _draw(contest, picture)
    if as_json:
        print_json(_as_json(contest))
    else:
        _print(contest)


def _goal(quality: float | None, budget: float | None) -> "Goal | None":
    from llms.policies.tuning import Goal

    if quality is not None and budget is not None:
        fail("--quality and --budget are two goals; give one of them")
    if budget is not None:
        return Goal(price=budget / _THOUSAND)
    return None if quality is None else Goal(quality=quality)


def _pair(text: str) -> tuple[str, float]:
    model, _, number = text.rpartition("=")
    try:
        usd = float(number)
    except ValueError:
        usd = -1.0
    if not model or not 0 <= usd < float("inf"):
        fail(f"--price {text!r} is not MODEL=USD; write it like --price small=0.0002")
    return model, usd


def _policies(
    asked: list[str] | None, recorded: "Recorded"
) -> "tuple[list[Family], list[tuple[Family, Policy]]]":
    """The families to learn, and the policies that are given as they are."""
    from llms.policies.families import Family
    from llms.policies.specs import parse_policy

    if not asked:
        return list(Family), []
    names = {family.value for family in Family}
    families = [Family(text) for text in asked if text in names]
    return families, [parse_policy(text, recorded) for text in asked if text not in names]


def _draw(contest: "Contest", path: str) -> None:
    from pathlib import Path

    from tasks.replay_curve import draw_curve

    try:
        Path(path).write_text(draw_curve(contest), encoding="utf-8")
    except OSError as error:
        fail(f"cannot write the picture {path}: {error.strerror}")


def _print(contest: "Contest") -> None:
    from flows.query_output import Form, print_rows

    tuned, measured = contest.sizes
    print(
        f"{contest.dataset}: {counted(tuned + measured, 'query', 'queries')}, "
        f"{counted(len(contest.singles), 'model')}; "
        f"tuned on {tuned:,}, measured on {measured:,} (seed {contest.seed})"
    )
    print(f"goal: {_goal_words(contest)}\n")
    columns = ("", "policy", "quality", "95 %", "$ per 1,000", "lead", "95 % of lead", "calls")
    rows = [_row("single", one) for one in contest.singles]
    rows += [_row(f"best {family}", one) for family, one in contest.best.items()]
    rows += [_row("given", one) for one in contest.given]
    rows.append(_row("chosen", contest.chosen))
    if contest.nearly is not None:
        rows.append(_row("for 0.01 less", contest.nearly))
    print_rows(columns, rows, Form.TABLE)
    print("\nlead: quality over that of single models mixed at random to the same cost")
    for line in _notes(contest):
        print(line)


def _goal_words(contest: "Contest") -> str:
    if contest.goal.price is not None:
        return f"the best quality for ${_THOUSAND * contest.goal.price:,.6g} per 1,000 queries"
    return f"a quality of {contest.goal.quality:.4f} for the least money"


def _row(what: str, one: "Measured") -> tuple[Any, ...]:
    found = one.outcome
    calls = ", ".join(f"{model} {share:.2f}" for model, share in found.calls.items())
    return (
        what,
        found.name,
        round(found.quality, 4),
        f"{one.quality_range[0]:.3f} to {one.quality_range[1]:.3f}",
        float(f"{_THOUSAND * found.price:.4g}"),
        f"{one.lead:+.3f}",
        f"{one.lead_range[0]:+.3f} to {one.lead_range[1]:+.3f}",
        calls,
    )


def _notes(contest: "Contest") -> list[str]:
    notes = [
        f"mean quality from the cheapest to the best model's cost: {contest.area:.4f} by policies, "
        f"{contest.area_singles:.4f} by mixing single models"
    ]
    if not contest.reached:
        wish = "fits that budget" if contest.goal.quality is None else "promised that quality"
        notes.append(f"no policy {wish}; the best one at any cost is shown as chosen")
    elif contest.short:
        notes.append(f"promised less than the goal: {', '.join(contest.short)}")
    if contest.pruned:
        notes.append(f"dominated, so not built from: {', '.join(contest.pruned)}")
    notes += [f"no {family}: {why}" for family, why in contest.left_out.items()]
    return notes


def _as_json(contest: "Contest") -> dict[str, Any]:
    price = contest.goal.price
    return {
        "dataset": contest.dataset,
        "seed": contest.seed,
        "tuned_queries": contest.sizes[0],
        "measured_queries": contest.sizes[1],
        "quality": contest.goal.quality,
        "budget_usd_per_1000": None if price is None else _THOUSAND * price,
        "reached": contest.reached,
        "chosen": _measured(contest.chosen),
        "nearly": None if contest.nearly is None else _measured(contest.nearly),
        "best": {family.value: _measured(one) for family, one in contest.best.items()},
        "short": list(contest.short),
        "given": [_measured(one) for one in contest.given],
        "singles": [_measured(one) for one in contest.singles],
        "curve": [_measured(one) for one in contest.curve],
        "area": contest.area,
        "area_singles": contest.area_singles,
        "pruned": list(contest.pruned),
        "left_out": {family.value: why for family, why in contest.left_out.items()},
    }


def _measured(one: "Measured") -> dict[str, Any]:
    return {
        "policy": one.outcome.name,
        "family": one.family.value,
        "quality": one.outcome.quality,
        "quality_95": list(one.quality_range),
        "usd_per_1000": _THOUSAND * one.outcome.price,
        "lead": one.lead,
        "lead_95": list(one.lead_range),
        "calls": dict(one.outcome.calls),
    }
