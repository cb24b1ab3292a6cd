"""The command `simulate`."""

import functools
import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .project import Project
from .schema import Contract

if TYPE_CHECKING:
    import pandas as pd

    from . import live
    from .bundle import Bundle
    from .postgres import Postgres
    from .simulation import Progress

WEEK = 7


@click.command()
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="First day (UTC); that of the test period.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="The day after the last; that of the test period.")
@click.option("--snapshot", help="The rows that are played; those of config.toml without it.")
@click.option(
    "--incident", "incidents", multiple=True, metavar="NAME@DATE", help="What happens, from when on; repeat it."
)
@click.option("--log", type=click.Path(path_type=Path), help="A new file; simulated.db beside the service's log.")
@click.option("--url", help="Ask the running service there instead of the bundle; MLE_API_KEY holds its key, if any.")
@click.option("--version", default="champion", show_default=True, help="A version's number or an alias.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def simulate(  # noqa: PLR0917 - click hands them over by name
    start: datetime | None,
    end: datetime | None,
    snapshot: str | None,
    incidents: tuple[str, ...],
    log: Path | None,
    url: str | None,
    version: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Play past months again, and show which alarm would have rung in which week.

    The log stays, for `monitor --log LOG --until DAY`. With --url it is the service's own, which must be empty, and the
    service needs MLE_SERVICE__GIVEN_TIMES=true, so that its log has the times of the rows.
    """
    from . import live, simulation, steps
    from .display import Display
    from .monitoring import watch

    project = Project.open()
    config = project.settings
    happening = [simulation.Incident.parse(project, text) for text in incidents]
    names = {snapshot or config.data.snapshot, *config.data.snapshots}
    worlds = {name: steps.features(project, name) for name in names}
    rows = simulation.happen(project.contract, worlds, snapshot or config.data.snapshot, happening)
    first, last = (datetime.combine(day, datetime.min.time()) for day in config.split.test)
    period = (start or first).replace(tzinfo=UTC), (end or last).replace(tzinfo=UTC)
    own = config.paths.predictions
    beside = own.parent if isinstance(own, Path) else config.paths.reports
    file, folder = log or beside / "simulated.db", steps.bundle_folder(project, version)
    path = (log or own) if url else file
    bundle, _ = watch.load(folder)
    with Display("week", pace=True) as display:
        tell = functools.partial(display.tell, "months")
        if url:
            played = _ask(project.contract, rows, bundle, path, period, url=url, progress=tell)
        else:
            played = live.Played(*simulation.play(project.contract, rows, bundle, file, period, tell), Counter())
    weeks = max((period[1] - period[0]).days // WEEK, 1)
    batch = steps.batch(project.contract, bundle.names, worlds.values())
    watched = watch.monitor(
        folder, path, now=period[1], days=WEEK, windows=weeks, batch=batch, monitors=project.monitors
    )
    since = min((incident.start for incident in happening), default=period[0])
    alarms = simulation.rung(watched.timeline, WEEK, since)
    if as_json:
        counts = {"predictions": played.predictions, "labels": played.labels, "refused": dict(played.refused)}
        told = {**counts, "since": since.isoformat(), "log": str(path)}
        click.echo(json.dumps({**told, "alarms": [vars(alarm) for alarm in alarms]}))
        return
    click.echo(f"{played.predictions:,} predictions and {played.labels:,} labels are in {path}")
    for field, count in played.refused.most_common():
        click.echo(f"{count:,} rows were refused for {field}")
    for alarm in alarms:
        what = f"{alarm.monitor} of {alarm.subject}" if alarm.subject else alarm.monitor
        click.echo(f"week of {alarm.window}: {what} rings, {alarm.days} days after {since:%Y-%m-%d}")
    if not alarms:
        click.echo("No alarm rings")


def _ask(
    contract: "Contract",
    rows: "pd.DataFrame",
    bundle: "Bundle",
    log: "Path | Postgres",
    period: tuple[datetime, datetime],
    *,
    url: str,
    progress: "Progress",
) -> "live.Played":
    from . import live
    from .client import Client

    with Client(url, os.environ.get("MLE_API_KEY", "")) as client:
        return live.play(contract, rows, bundle, client, log, period, progress=progress)
