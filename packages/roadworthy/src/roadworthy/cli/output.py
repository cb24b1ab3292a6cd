"""What all commands show: tables for people on standard output or one JSON document, and words on standard error."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..base.errors import Verdict

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
VERSION = click.option("--version", default="champion", show_default=True, help="A version's number or an alias.")
CLUSTER = click.option(
    "--cluster", default="", metavar="local:N|ADDRESS", help="N workers of this machine, or a Dask scheduler."
)
SNAPSHOT = click.option("--snapshot", default="", help="Which snapshot of config.toml; the default one without it.")
COLORS = {"green": "green", "waived": "yellow", "red": "red", "True": "green", "False": "red"}


def say(text: str) -> None:
    """Tell people how it goes; standard output stays clear for the result."""
    click.echo(text, err=True)


def show_table(table: Any, as_json: bool) -> None:  # noqa: FBT001
    """Print a table, for people or as JSON."""
    if as_json:
        click.echo(table.to_json(orient="records"))
    else:
        draw_rows(table.columns, table.itertuples(index=False))


def show_rows(rows: "Sequence[Mapping[str, object]]", *, document: object = None, as_json: bool = False) -> None:
    """Print rows for people, or the `document` (the rows, without one) as JSON."""
    if as_json:
        click.echo(json.dumps(rows if document is None else document, indent=1))
        return
    draw_rows(rows[0] if rows else (), [row.values() for row in rows])


def show_verdicts(verdicts: "Sequence[Verdict]", *, as_json: bool = False) -> None:
    """Print verdicts, for people or as JSON."""
    from ..base import errors

    if as_json:
        click.echo(errors.dump_verdicts(verdicts))
    else:
        show_table(errors.verdict_table(verdicts), as_json=False)


def draw_rows(columns: "Iterable[object]", rows: "Iterable[Iterable[object]]") -> None:
    """Draw a table on standard output: what is green or red in words is so in color, on a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(*map(str, columns), box=None, pad_edge=False)
    for row in rows:
        # Escaped, because rich takes an interval such as [.69, .72] for markup.
        drawn.add_row(*(f"[{COLORS[text]}]{text}[/]" if text in COLORS else escape(text) for text in map(str, row)))
    # In a pipe or a file rich takes 80 columns, and would cut the evidence.
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(drawn)
