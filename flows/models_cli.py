"""The commands `docmill models ...`: which models play which role, and what is known of each.

What they print is made in the modules `flows.*_view`, imported when a command runs: help stays
instant.
"""

import os
from typing import Annotated

import typer

from flows.aa import Csv, Markdown, Sql, run_query, tell
from flows.console import FAILED
from flows.job_options import JsonOption, ModelOption, job_of
from flows.json_output import json_text
from flows.ping import ping
from flows.query_output import Form, errors_as_sentences, form_of

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than everything else here
    no_args_is_help=True,
    help="The models: who plays which role, and why.",
)
app.command()(ping)


@app.command()
def roles(
    json: JsonOption = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also every other model, and why not it.")
    ] = False,
    job: Annotated[
        str | None,
        typer.Option("--job", help="Rank for this job: its calls, its rules, its lake's ledger."),
    ] = None,
    model: ModelOption = None,
    profile: Annotated[
        str | None,
        typer.Option(help="Only models that this profile serves; else the one whose key is set."),
    ] = None,
    lane: Annotated[
        str, typer.Option(help="Lane to price calls in: standard, flex or batch.")
    ] = "standard",
) -> None:
    """Print the ranked models of each role, with the reasons."""
    if lane not in ("standard", "flex", "batch"):
        raise typer.BadParameter(f"{lane!r} is not standard, flex or batch", param_hint="--lane")
    asked = job_of(job, profile=profile, models=model)
    with errors_as_sentences():
        from flows.roles_view import ranked_roles, roles_object, roles_text
        from storage.store import Lake

        lake = Lake(asked.lake) if job is not None else None
        ranked = ranked_roles(asked, os.environ, lane=lane, lake=lake)
        typer.echo(
            json_text(roles_object(ranked, explain=explain))
            if json
            else roles_text(ranked, explain=explain)
        )
    if ranked.problem is not None:
        raise typer.Exit(FAILED)


Name = Annotated[str, typer.Argument(help="Slug, name or API id; an id shows all efforts.")]
SnapshotName = Annotated[
    str,
    typer.Argument(
        help="A snapshot of `docmill models history`, a day, embedded, latest, or the path of a "
        "CSV or Parquet file."
    ),
]


@app.command()
def show(name: Name, json: JsonOption = False) -> None:
    """Print a model: figures with sources, places in roles, history."""
    with errors_as_sentences():
        from flows.models_view import models_text, shown_models

        snapshot, found = shown_models(name, os.environ)
        tell(snapshot.notes)
        typer.echo(json_text({"models": found}) if json else models_text(snapshot, found))


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Two models or more: slugs, names, API ids.")],
    json: JsonOption = False,
) -> None:
    """Print models side by side, with what their calls would cost."""
    with errors_as_sentences():
        from flows.models_view import compared_models, comparison_text

        snapshot, found = compared_models(names, os.environ)
        tell(snapshot.notes)
        typer.echo(json_text({"models": found}) if json else comparison_text(snapshot, found))


@app.command()
def history(
    name: Annotated[
        str | None,
        typer.Argument(help="Slug, name or API id; without it the snapshots are listed."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also snapshots in which only speeds changed.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the figures of a model over all snapshots.

    Without a name, the snapshots that are kept.
    """
    with errors_as_sentences():
        from flows import models_changes as view
        from tasks.model_history import histories_of

        if name is None:
            found = view.snapshots_object(os.environ)
            typer.echo(json_text(found) if json else view.snapshots_text(found))
            return
        histories = histories_of(name, os.environ)
        tell(histories.notes)
        if json:
            typer.echo(json_text(view.history_object(histories, is_whole=every)))
        else:
            typer.echo(view.history_text(histories, is_whole=every))


@app.command()
def diff(before: SnapshotName, after: SnapshotName, json: JsonOption = False) -> None:
    """Print what changed between two snapshots, also for the roles."""
    with errors_as_sentences():
        from flows.models_changes import changes_object, changes_text, compared_snapshots

        found = compared_snapshots(before, after, os.environ)
        typer.echo(json_text(changes_object(*found)) if json else changes_text(*found))


@app.command("import")
def import_archive(
    file: Annotated[
        str,
        typer.Argument(help="Parquet or CSV: a row per model and day, with a column date."),
    ],
    json: JsonOption = False,
) -> None:
    """Keep the days of an archive as snapshots, to query only."""
    with errors_as_sentences():
        from flows.models_changes import imported, imported_text

        found = imported(file, os.environ)
        typer.echo(json_text(found) if json else imported_text(found))


@app.command()
def query(sql: Sql, json: JsonOption = False, csv: Csv = False, markdown: Markdown = False) -> None:
    """Print what a SELECT over the catalog finds, as `aa query` does."""
    form = form_of(as_json=json, as_csv=csv, as_markdown=markdown)
    run_query(sql, Form.OBJECT if form is Form.JSON else form)


@app.command()
def refresh(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="aa, openrouter, litellm, or the path of a CSV or Parquet file; repeatable. "
            "Without it all that need no key, and aa if AA_API_KEY is set."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Use a source even if much of the catalog would be lost."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Read what others publish of models and keep it as a snapshot.

    Runs choose from the newest snapshot.
    """
    with errors_as_sentences():
        from flows.models_refresh_view import refresh_object, refresh_text, refreshed

        report = refreshed(source or [], os.environ, is_forced=force)
    typer.echo(json_text(refresh_object(report)) if json else refresh_text(report))
    if report.refused is not None:
        raise typer.Exit(1)
