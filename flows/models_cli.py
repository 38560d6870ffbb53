"""The commands `docmill models ...`: which models play which role, and what is known of each.

What they print is made in `flows.models_view`, imported when a command runs: help stays instant.
"""

import os
from typing import Annotated

import typer

from flows.aa import Csv, Json, Markdown, Sql, run_query
from flows.query_output import errors_as_sentences, form_of, json_text

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than everything else here
    no_args_is_help=True,
    help="The models: who plays which role, and why.",
)


@app.command()
def roles(
    json: Json = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also every other model, and why not it.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(help="Only models that this profile serves; else the one whose key is set."),
    ] = None,
) -> None:
    """Print for each role the ranked models, with the figures that put them in their place."""
    with errors_as_sentences():
        from flows.models_view import ranked_roles, roles_object, roles_text

        ranked = ranked_roles(profile, os.environ)
        typer.echo(
            json_text(roles_object(ranked, explain=explain))
            if json
            else roles_text(ranked, explain=explain)
        )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Slug, name or API id; an id shows all efforts.")],
    json: Json = False,
) -> None:
    """Print what the catalog knows of a model, and its place in each role."""
    with errors_as_sentences():
        from flows.models_view import model_objects, models_text

        found = model_objects(name)
        typer.echo(json_text(found) if json else models_text(found))


@app.command()
def query(sql: Sql, json: Json = False, csv: Csv = False, markdown: Markdown = False) -> None:
    """Print what a SELECT over the catalog finds; the same as `aa query`."""
    run_query(sql, form_of(as_json=json, as_csv=csv, as_markdown=markdown))
