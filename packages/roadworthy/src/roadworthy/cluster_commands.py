"""`score` and `monitor` over partitioned Parquet, in this process or on a cluster."""

import json
from pathlib import Path

import click

CLUSTER = click.option(
    "--cluster", default="", metavar="local:N|ADDRESS", help="N workers of this machine, or a Dask scheduler."
)
FOR_MONITORING = click.option(
    "--for-monitoring", is_flag=True, help="Keep features, time and label in OUT, for `monitor --scored OUT`."
)
SCORED = click.option("--scored", default="", metavar="PLACE", help="Watch what `score --for-monitoring` has written.")


def score(
    bundle_folder: Path,
    source: str,
    target: str,
    *,
    cluster: str,
    for_monitoring: bool,
    as_json: bool,
) -> None:
    """Score partitions and say what became of their rows."""
    from . import scoring_partitions
    from .display import Display

    with Display("partition", pace=True) as display:
        summary = scoring_partitions.score(
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
