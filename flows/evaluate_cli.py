"""`docmill eval`: how right is the pipeline on labelled documents, and what each part does."""

from typing import Annotated

import typer

from flows.console import DONE, FAILED, PARKED, fail, interruptible, print_json
from flows.job_options import JsonOption, ProfileOption


def evaluate(
    path: Annotated[
        str, typer.Argument(help="A gold folder: documents/, labels.jsonl, fields.json.")
    ],
    out: Annotated[
        str | None, typer.Option("--out", "--lake", help="Keep the run in this lake.")
    ] = None,
    profile: ProfileOption = None,
    models: Annotated[
        str | None,
        typer.Option(help="Compare with these models, each alone (comma-separated)."),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="Compare with a run of the lake by its id, or with another lake."),
    ] = None,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="List every mistake.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Score the pipeline on labels: precision, recall, F1 per field."""
    from flows.evaluate import run_evaluation
    from flows.evaluate_view import evaluation_lines
    from tasks.gold import GoldError
    from tasks.user_errors import USER_ERRORS

    try:
        with interruptible(is_command=True):
            done = run_evaluation(
                path,
                out=out,
                profile=profile,
                models=[name.strip() for name in (models or "").split(",") if name.strip()],
                compare=compare,
            )
    except (*USER_ERRORS, GoldError) as error:
        fail(error)
    if as_json:
        print_json(done.as_json())
    else:
        print("\n".join(evaluation_lines(done, all_mistakes=mistakes)))
    raise typer.Exit({"done": DONE, "parked": PARKED}.get(done.run.status.value, FAILED))
