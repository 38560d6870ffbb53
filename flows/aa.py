"""The command `aa`: SELECTs over the model catalog, its history and where its figures come from."""

import os
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from flows.query_output import Form, errors_as_sentences, form_of, print_rows
from llms.sql_console import MAX_ROWS, Console, QueryError, Table
from schemas.counted import counted

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than everything else here
    no_args_is_help=True,
    help="Ask the catalog of models in SQL.",
)

Json = Annotated[bool, typer.Option("--json", help="Print a list of objects.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")]
Sql = Annotated[
    str,
    typer.Argument(
        metavar="SQL",
        help="One SELECT over llms, history and provenance (aa tables); - reads it from stdin.",
    ),
]


@app.command()
def query(sql: Sql, json: Json = False, csv: Csv = False, markdown: Markdown = False) -> None:
    """Print what a SELECT over the catalog finds.

    Any SELECT of DuckDB's dialect; read only, without files, network or extensions. An error is
    one sentence, exit code 2.
    """
    run_query(sql, form_of(as_json=json, as_csv=csv, as_markdown=markdown))


@app.command()
def tables(json: Json = False, csv: Csv = False, markdown: Markdown = False) -> None:
    """Print the tables and their columns, with meaning and unit."""
    form = form_of(as_json=json, as_csv=csv, as_markdown=markdown)
    with errors_as_sentences():
        from tasks.catalog_sql import TABLES
        from tasks.catalogs import EMBEDDED, catalog_folder, current_snapshot, snapshot_files

        folder = catalog_folder(os.environ)
        current = current_snapshot(folder)
        rows = [
            (table, column.name, column.type, column.meaning)
            for table, columns in TABLES.items()
            for column in columns
        ]
        print_rows(("table", "column", "type", "meaning"), rows, form)
        tell(current.notes)
    if form is Form.TABLE:
        count, kept = len(current.catalog.models), len(snapshot_files(folder))
        in_force = "" if current.info.name == EMBEDDED else f" of snapshot {current.info.name}"
        typer.echo(
            f"\nllms: {counted(count, 'model')}{in_force}. history: the embedded catalog and "
            f"{counted(kept, 'snapshot')} in {folder}.\n{current.catalog.attribution}"
        )


def run_query(sql: str, form: Form) -> None:
    """Run a SELECT over the catalog and print its rows; `-` reads the SQL from stdin."""
    notes: list[str] = []

    def tables() -> list[Table]:
        # Imported here: while the console's process starts.
        from tasks.catalog_sql import tables_for

        filled, remarks = tables_for(text, os.environ)
        notes.extend(remarks)
        return filled

    with errors_as_sentences():
        text = _stdin() if sql == "-" else sql
        with Console(tables) as console:
            answer = console.query(text)
        print_rows(answer.columns, answer.rows, form)
    tell(notes)
    if answer.is_cut:
        typer.echo(f"only the first {MAX_ROWS:,} rows; add a LIMIT or narrow it down", err=True)


def tell(notes: Iterable[str]) -> None:
    """Say on stderr what a reader of the output should know."""
    for note in notes:
        typer.echo(f"docmill: {note}", err=True)


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise QueryError("SQL: what stands on standard input is not text in UTF-8") from None


def main() -> None:
    """Entry point of the console script."""
    app()
