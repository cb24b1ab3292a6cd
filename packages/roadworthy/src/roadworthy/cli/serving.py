"""The commands around the service and its answers: serve a version, make features, score, trace, make API keys."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..base.errors import InputError
from ..base.settings import load_settings
from ..project import Project
from .output import CLUSTER, JSON, SNAPSHOT, VERSION, say, show_table

SHOWN = 3  # raw rows of a table


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer at this address.")
@VERSION
def serve(host: str | None, port: int | None, workers: int | None, version: str) -> None:
    """Serve a version over HTTP until Ctrl-C; behind an alias, another one as soon as it is promoted."""
    from ..serving import server
    from ..serving.rollout import Rollout

    config = Project.open().settings
    service, most = config.service, config.limits.max_version_psi
    server.to_standard_error()
    server.serve_model(
        Rollout(config.paths.registry, version, shadow=service.shadow, canary_share=service.canary_share, max_psi=most),
        host=host or service.host,
        # Not `or`: 0 asks for a free port.
        port=service.port if port is None else port,
        workers=workers or service.workers,
        predictions=config.paths.predictions,
        limits=service,
        started=lambda address: say(f"Serving at {address}, its pages are {address}/docs; stop with Ctrl-C"),
    )


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@SNAPSHOT
@JSON
def features(*, source: Path, target: Path, snapshot: str, as_json: bool) -> None:
    """Make features from the raw tables in IN and write them into OUT (CSV or Parquet), ready for `score`.

    IN is a folder with a file (CSV or Parquet) for each table of the contract, or that file where there is one table.
    They are checked with the repairs and sources of the snapshot, bad rows go to quarantine. What is known only
    afterwards, such as the label, may be left out or empty, and a table may be small.
    """
    made = Project.open().features(source, target, snapshot, tell=say)
    if as_json:
        click.echo(json.dumps(made))
    say(f"The features are in {target}")


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@VERSION
@click.option("--threads", type=click.IntRange(1, 64), help="Threads; without it, as many as the machine has, up to 8.")
@CLUSTER
@click.option(
    "--for-monitoring", is_flag=True, help="Keep features, time and label in OUT, for `monitor --scored OUT`."
)
@click.option("--raw", is_flag=True, help="IN has raw tables, as for `features`; --snapshot says how they are read.")
@SNAPSHOT
@JSON
def score(
    *, source: str, target: str, version: str, cluster: str, raw: bool, snapshot: str, as_json: bool, **options: Any
) -> None:
    """Score the rows of IN (CSV or Parquet) into OUT, in constant memory; quarantine bad rows.

    A run that was stopped goes on where it was when the same command is given again. IN and OUT may be folders of such
    files or s3://BUCKET/PREFIX: then OUT gets a file for each one of IN, and a cluster may share the work. With --raw
    OUT is a file, made of the features that `features` makes; such a run begins anew, with the tables in memory.
    """
    from ..base.progress import Display
    from ..bundle.bundle import Bundle
    from ..data.partitions import is_partitioned
    from ..serving import batch
    from ..serving.batch_partitions import score_partitions

    project, made = Project.open(), {}
    folder, partitioned = project.registry.path(version), is_partitioned(source) and not raw
    if cluster and not partitioned:
        hint = "leave it out, or give a folder or s3://BUCKET/PREFIX of features"
        raise InputError("a cluster shares out the files of a folder", where="--cluster", hint=hint)
    # Workers of a cluster have one thread each, unless they are to have more.
    options["threads"] = options["threads"] or (1 if cluster else batch.threads_here())
    with tempfile.TemporaryDirectory() as scratch, Display("partition" if partitioned else "row", pace=True) as display:
        if raw:
            file = Path(scratch) / "features.parquet"
            made = {"raw": project.features(Path(source), Path(target), snapshot, tell=say, place=file)}
            source = str(file)
        options["progress"] = partial(display.tell, source if partitioned else Path(source).name)
        if partitioned:
            summary: Any = score_partitions(folder, source, target, cluster=cluster, **options)
        else:
            summary = batch.score_file(Bundle.load(folder), Path(source), Path(target), tell=say, **options)
    _show_scored(summary, target, made, as_json=as_json)


def _show_scored(summary: Any, target: str, made: dict[str, Any], *, as_json: bool) -> None:
    partitioned = hasattr(summary, "partitions")
    names = ("version", *(["partitions"] if partitioned else []), "rows", "scored", "quarantined")
    if as_json:
        counts = {name: getattr(summary, name) for name in names}
        click.echo(json.dumps({**counts, "reasons": dict(summary.reasons), **made}))
    if partitioned and summary.resumed:
        say(f"{summary.resumed} partitions were finished by an earlier run")
    place = f" in {summary.partitions} partitions" if partitioned else ""
    say(f"{summary.scored:,} of {summary.rows:,} rows{place} scored into {target} by version {summary.version}")
    if summary.quarantined:
        quarantine = f"{target}/_quarantine" if partitioned else summary.quarantine
        say(f"{summary.quarantined:,} rows are in {quarantine}, with their reasons")


@click.command()
@click.argument("key")
@VERSION
@SNAPSHOT
@JSON
def trace(key: str, version: str, snapshot: str, *, as_json: bool) -> None:
    """Explain the prediction for the row KEY: raw rows, features, what each step adds, sum, answer."""
    steps = Project.open().trace(key, version, snapshot)
    if as_json:
        click.echo(json.dumps(steps, indent=1))
    else:
        _show_steps(steps)


def _show_steps(steps: dict[str, Any]) -> None:
    import pandas as pd

    from ..bundle.signature import ANSWERS

    for name, rows in steps["raw"].items():
        more = f", the first {SHOWN}" if len(rows) > SHOWN else ""
        click.echo(f"\n{name}: {len(rows)} rows{more}")
        for row in rows[:SHOWN]:
            click.echo("  " + ", ".join(f"{column} {value}" for column, value in row.items() if value is not None))
    click.echo("\nfeatures, what the model sees (x), and how far each moved the sum")
    features = pd.DataFrame(steps["features"])
    plain = {"value": features["value"].map(lambda value: f"{value:g}" if isinstance(value, float) else value)}
    texts = {**plain, "x": features["x"].map("{:g}".format), "moved": features["moved"].map("{:+.3f}".format)}
    show_table(features.assign(**texts), as_json=False)
    most = "; ".join(f"{each['of']} {each['adds']:+.3f}" for each in steps["largest"])
    click.echo(f"\n{steps['count']} steps add {steps['sum'] - steps['base']:+.4f}; the most: {most}")
    moved = sum(each["moved"] for each in steps["features"])
    click.echo(f"sum: base {steps['base']:.4f} {steps['sum'] - steps['base']:+.4f} = {steps['sum']:.4f}")
    click.echo(f"     mean of the golden rows {steps['mean']:.4f}, features {moved:+.4f} = {steps['sum']:.4f}")
    name = next(each for each in ANSWERS.values() if each in steps)
    formula = f"{steps['formula']} = {steps[name]:.6f}"
    click.echo(f"{name}: {formula}; version {steps['version']} answers {steps['answer']:.6f}")


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
