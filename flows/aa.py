"""The command `aa`: SELECTs over the model catalog."""

import sys
from typing import Annotated

import typer

from flows.query_output import Form, errors_as_sentences, form_of, print_rows
from llms.catalog import COLUMNS, load_catalog
from llms.sql_console import MAX_ROWS, Console

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
    typer.Argument(metavar="SQL", help="One SELECT over the table llms; - reads it from stdin."),
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
    rows = [("llms", column.name, column.type, column.meaning) for column in COLUMNS]
    with errors_as_sentences():
        catalog = load_catalog()
        print_rows(("table", "column", "type", "meaning"), rows, form)
    if form is Form.TABLE:
        typer.echo(f"\nllms: {len(catalog.models)} models. {catalog.attribution}")


def run_query(sql: str, form: Form) -> None:
    """Run a SELECT over the catalog and print its rows; `-` reads the SQL from stdin."""
    text = sys.stdin.read() if sql == "-" else sql
    with errors_as_sentences(), Console.over(load_catalog()) as console:
        answer = console.query(text)
        print_rows(answer.columns, answer.rows, form)
    if answer.is_cut:
        typer.echo(f"only the first {MAX_ROWS:,} rows; add a LIMIT or narrow it down", err=True)


def main() -> None:
    """Entry point of the console script."""
    app()
