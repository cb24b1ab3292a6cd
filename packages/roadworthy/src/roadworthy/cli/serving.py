"""The commands around the service and its answers: API keys, partitions, traces."""

import json
from pathlib import Path
from typing import Any

import click

from ..base.errors import InputError
from ..base.settings import load_settings
from ..project import Project
from .output import JSON, show_table

CLUSTER = click.option(
    "--cluster", default="", metavar="local:N|ADDRESS", help="N workers of this machine, or a Dask scheduler."
)
FOR_MONITORING = click.option(
    "--for-monitoring", is_flag=True, help="Keep features, time and label in OUT, for `monitor --scored OUT`."
)
SCORED = click.option("--scored", default="", metavar="PLACE", help="Watch what `score --for-monitoring` has written.")
SHOWN = 3  # raw rows of a table


@click.group()
def keys() -> None:
    """Make API keys for the service."""


@keys.command("new")
@click.argument("name")
@click.option("--file", type=click.Path(path_type=Path), help="The file of keys; that of config.toml without it.")
def keys_new(name: str, file: Path | None) -> None:
    """Make a key for NAME, show it once and append its SHA-256 sum to the file of keys."""
    from ..serving import access

    path = file or load_settings().service.keys_file
    if path is None:
        hint = 'set [service] keys_file = "keys.txt" in config.toml, or give --file'
        raise InputError("no file of keys is set", where="keys new", hint=hint)
    click.echo(access.add_key(path, name))
    click.echo(f"This is the only time that the key is shown; {path} holds its sum", err=True)


def score_partitioned(
    bundle_folder: Path,
    source: str,
    target: str,
    *,
    cluster: str,
    for_monitoring: bool,
    as_json: bool,
) -> None:
    """Score partitions and say what became of their rows."""
    from ..base.progress import Display
    from ..serving import batch_partitions

    with Display("partition", pace=True) as display:
        summary = batch_partitions.score_partitions(
            bundle_folder,
            source,
            target,
            cluster=cluster,
            for_monitoring=for_monitoring,
            progress=lambda at, of: display.tell(source, at, of),
        )
    told = {name: getattr(summary, name) for name in ("version", "partitions", "rows", "scored", "quarantined")}
    if as_json:
        click.echo(json.dumps({**told, "reasons": dict(summary.reasons)}))
    if summary.resumed:
        click.echo(f"{summary.resumed} partitions were finished by an earlier run", err=True)
    text = f"{summary.scored:,} of {summary.rows:,} rows in {summary.partitions} partitions scored into {target}"
    click.echo(f"{text} by version {summary.version}", err=True)
    if summary.quarantined:
        click.echo(f"{summary.quarantined:,} rows are in {target}/_quarantine, with their reasons", err=True)


@click.command()
@click.argument("key")
@click.option("--version", default="champion", show_default=True, help="A version's number or an alias.")
@click.option("--snapshot", default="", help="Which snapshot of config.toml; the default one without it.")
@JSON
def trace(key: str, version: str, snapshot: str, *, as_json: bool) -> None:
    """Explain the prediction for the row KEY: raw rows, features, what the trees add, sum, probability."""
    steps = Project.open().trace(key, version, snapshot)
    if as_json:
        click.echo(json.dumps(steps, indent=1))
    else:
        _tell(steps)


def _tell(steps: dict[str, Any]) -> None:
    import pandas as pd

    for name, rows in steps["raw"].items():
        more = f", the first {SHOWN}" if len(rows) > SHOWN else ""
        click.echo(f"\n{name}: {len(rows)} rows{more}")
        for row in rows[:SHOWN]:
            click.echo("  " + ", ".join(f"{column} {value}" for column, value in row.items() if value is not None))
    click.echo("\nfeatures, what the trees see (x), and how far each moved the sum (log-odds)")
    features = pd.DataFrame(steps["features"])
    show_table(
        features.assign(x=features["x"].map("{:g}".format), moved=features["moved"].map("{:+.3f}".format)), False
    )
    loudest = ", ".join(f"tree {each['tree']} {each['adds']:+.3f}" for each in steps["trees"])
    click.echo(f"\n{steps['count']} trees add {steps['sum'] - steps['base']:+.4f}; the most: {loudest}")
    moved = sum(each["moved"] for each in steps["features"])
    click.echo(f"sum: base {steps['base']:.4f} {steps['sum'] - steps['base']:+.4f} = {steps['sum']:.4f}")
    click.echo(f"     mean of the golden rows {steps['mean']:.4f}, features {moved:+.4f} = {steps['sum']:.4f}")
    told = f"probability: 1 / (1 + exp({-steps['sum']:.4f})) = {steps['probability']:.6f}"
    click.echo(f"{told}; version {steps['version']} answers {steps['answer']:.6f}")
