"""The command `trace`: one prediction from its raw rows to its probability."""

import json
from typing import Any

import click

from .project import Project

SHOWN = 3  # raw rows of a table


@click.command()
@click.argument("key")
@click.option("--version", default="champion", show_default=True, help="A version's number or an alias.")
@click.option("--snapshot", default="", help="Which snapshot of config.toml; the default one without it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def trace(key: str, version: str, snapshot: str, *, as_json: bool) -> None:
    """Explain the prediction for the row KEY: raw rows, features, what the trees add, sum, probability."""
    steps = Project.open().trace(key, version, snapshot)
    if as_json:
        click.echo(json.dumps(steps, indent=1))
    else:
        _tell(steps)


def _tell(steps: dict[str, Any]) -> None:
    import pandas as pd

    from .cli import show

    for name, rows in steps["raw"].items():
        more = f", the first {SHOWN}" if len(rows) > SHOWN else ""
        click.echo(f"\n{name}: {len(rows)} rows{more}")
        for row in rows[:SHOWN]:
            click.echo("  " + ", ".join(f"{column} {value}" for column, value in row.items() if value is not None))
    click.echo("\nfeatures, what the trees see (x), and how far each moved the sum (log-odds)")
    features = pd.DataFrame(steps["features"])
    show(features.assign(x=features["x"].map("{:g}".format), moved=features["moved"].map("{:+.3f}".format)), False)
    loudest = ", ".join(f"tree {each['tree']} {each['adds']:+.3f}" for each in steps["trees"])
    click.echo(f"\n{steps['count']} trees add {steps['sum'] - steps['base']:+.4f}; the most: {loudest}")
    moved = sum(each["moved"] for each in steps["features"])
    click.echo(f"sum: base {steps['base']:.4f} {steps['sum'] - steps['base']:+.4f} = {steps['sum']:.4f}")
    click.echo(f"     mean of the golden rows {steps['mean']:.4f}, features {moved:+.4f} = {steps['sum']:.4f}")
    told = f"probability: 1 / (1 + exp({-steps['sum']:.4f})) = {steps['probability']:.6f}"
    click.echo(f"{told}; version {steps['version']} answers {steps['answer']:.6f}")
