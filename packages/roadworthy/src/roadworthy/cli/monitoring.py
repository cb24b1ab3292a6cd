"""The commands `monitor`, with those who are told of alarms, and `simulate`."""

import functools
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..base.errors import InputError, ProjectError
from ..contract.schema import Contract
from ..project import Project
from . import serving
from .output import JSON, say, show_verdicts

if TYPE_CHECKING:
    import pandas as pd

    from ..base.databases import Postgres
    from ..base.settings import Settings
    from ..bundle.bundle import Bundle
    from ..monitoring.notifications import Exposition
    from ..monitoring.watch import Watched
    from ..serving import simulation
    from ..serving.simulation import Progress

WEEK = 7
HOUR = 3600.0
LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Notifications:
    """Who is told: a file and an address for Prometheus, every so many seconds, and the people in the settings."""

    metrics: Path | None
    serve: tuple[str, int] | None
    every: float
    notify: bool


class Address(click.ParamType):  # type: ignore[type-arg]  # older ones take no argument
    """[HOST:]PORT; without a host, this machine only."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The host and the port."""
        host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no port; write 9108, or 0.0.0.0:9108", param, ctx)
        return host.strip("[]") or LOCAL, int(port)


def notification_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say who is told; the command gets them together as `telling`."""
    options = (
        click.option("--metrics", type=click.Path(path_type=Path), help="Also write a file for node_exporter."),
        click.option("--serve", type=Address(), help="Stay, look again and again, and answer Prometheus at /metrics."),
        click.option(
            "--every",
            type=click.FloatRange(min=1),
            default=HOUR,
            show_default=True,
            help="Seconds between two looks, here or by the timer that starts this command.",
        ),
        click.option("--notify", is_flag=True, help="Tell the people of [monitoring] notify what begins and ends."),
    )

    def told(**given: Any) -> None:
        names = ("metrics", "serve", "every", "notify")
        command(**{k: v for k, v in given.items() if k not in names}, telling=Notifications(*(given[k] for k in names)))

    told.__name__, told.__doc__ = command.__name__, command.__doc__
    told.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(options):
        option(told)
    return told


def look_and_notify(
    watch: Callable[[], "Watched"], config: "Settings", wanted: Notifications, log: object
) -> "Watched":
    """Look once and tell; or, to be served, again and again until interrupted."""
    from ..monitoring.notifications import Exposition, memory_file, notify_people, people_reached

    exposition = Exposition(wanted.every)
    kept = memory_file(log, config.paths.reports / "monitoring")
    whom = people_reached(config.monitoring.notify.get_secret_value()) if wanted.notify else {}

    def once() -> "Watched":
        start = time.monotonic()
        watched = watch()
        exposition.show(watched.timeline, time.monotonic() - start)
        if wanted.metrics:
            exposition.write(wanted.metrics)
        for failure in notify_people(watched.timeline, whom, config.model.name, kept) if whom else ():
            say(f"warning: {failure}")
        return watched

    return once() if wanted.serve is None else _again(once, exposition, wanted.serve, wanted.every)


def _again(once: Callable[[], "Watched"], exposition: "Exposition", place: tuple[str, int], every: float) -> NoReturn:
    end = _serve(exposition, place)
    try:
        while True:
            start = time.monotonic()
            try:
                once()
            except ProjectError as error:
                exposition.fail()
                say(str(error))
            time.sleep(max(0.0, every - (time.monotonic() - start)))
    finally:
        end()


def _serve(exposition: "Exposition", place: tuple[str, int]) -> Callable[[], None]:
    from prometheus_client import start_http_server

    host, port = place
    try:
        server, thread = start_http_server(port, host, exposition.registry)
    except OSError as error:
        hint = "choose another port, or end what listens there"
        raise InputError(f"cannot listen: {error.strerror}", where=f"{host}:{port}", hint=hint) from error
    say(f"The monitors are at http://{host}:{server.server_port}/metrics; stop with Ctrl-C")

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


@click.command()
@click.option("--until", type=click.DateTime(), help="End of the last window (UTC); now, without it.")
@click.option("--log", metavar="FILE|URL", help="A prediction log; that of the service without it.")
@click.option("--against", metavar="SNAPSHOT", help="Compare what was logged with the features of this snapshot.")
@serving.SCORED
@serving.CLUSTER
@JSON
@notification_options
def monitor(  # noqa: PLR0917 - click hands them over by name
    until: datetime | None,
    log: str | None,
    against: str | None,
    scored: str,
    cluster: str,
    as_json: bool,  # noqa: FBT001
    telling: Notifications,
) -> None:
    """Watch the champion: volume, drift, skew, calibration, ranking; an alarm is exit code 1."""
    from ..base import errors
    from ..registry.registry import Registry

    project = Project.open()
    config = project.settings
    if scored and against:
        raise InputError("partitions are not compared with a snapshot", where="--against", hint="leave one of them out")
    place, page = _log(config, log), config.paths.reports / "monitoring" / "index.html"

    def look() -> "Watched":
        bundle = Registry(config.paths.registry).path()
        how = {"now": until.replace(tzinfo=UTC) if until else None, "report_path": page}
        return _look(project, bundle, place, scored=scored, cluster=cluster, against=against, how=how)

    beside = place if isinstance(place, Path) else page.with_name("predictions")
    watched = look_and_notify(look, config, telling, beside)
    _show(watched, as_json=as_json)
    click.echo(f"The report is {page}", err=True)
    red = [verdict for verdict in watched.verdicts if verdict.passed is False]
    if red:
        errors.require_green(red, where="monitor", hint="open the report and look at the features that changed most")


def _log(config: "Settings", given: str | None) -> "Path | Postgres":
    from ..base.databases import postgres_place

    log = postgres_place(given) if given else config.paths.predictions
    if given and isinstance(log, Path) and not log.is_file():
        raise InputError("no such file", where=log, hint="give a prediction log that is there")
    return log


def _look(
    project: Project,
    bundle: Path,
    log: "Path | Postgres",
    *,
    scored: str,
    cluster: str,
    against: str | None,
    how: dict[str, Any],
) -> "Watched":
    from ..bundle.bundle import Bundle
    from ..data import snapshots
    from ..monitoring import watch
    from ..monitoring.monitors import Thresholds
    from ..monitoring.scored import monitor_scored

    config = project.settings
    limits = Thresholds(max_psi=config.monitoring.max_psi, max_unseen=config.monitoring.max_unseen)
    if scored:
        return monitor_scored(bundle, scored, cluster=cluster, thresholds=limits, **how)
    batch = (
        watch.batch_columns(project.contract, Bundle.load(bundle).names, [snapshots.checked_features(project, against)])
        if against
        else None
    )
    return watch.monitor_log(bundle, log, thresholds=limits, batch=batch, monitors=project.monitors, **how)


def _show(watched: "Watched", *, as_json: bool) -> None:

    if not as_json:
        show_verdicts(watched.verdicts)
        return
    estimates = [
        {**vars(each), "realised": each.realised if each.holds is not None else None} for each in watched.estimates
    ]
    click.echo(json.dumps({"verdicts": [vars(verdict) for verdict in watched.verdicts], "estimates": estimates}))


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
    from ..base.progress import Display
    from ..data import snapshots
    from ..monitoring import watch
    from ..registry import releases
    from ..serving import simulation

    project = Project.open()
    config = project.settings
    happening = [simulation.Incident.parse(project, text) for text in incidents]
    names = {snapshot or config.data.snapshot, *config.data.snapshots}
    worlds = {name: snapshots.checked_features(project, name) for name in names}
    rows = simulation.apply_incidents(project.contract, worlds, snapshot or config.data.snapshot, happening)
    first, last = (datetime.combine(day, datetime.min.time()) for day in config.split.test)
    period = (start or first).replace(tzinfo=UTC), (end or last).replace(tzinfo=UTC)
    own = config.paths.predictions
    beside = own.parent if isinstance(own, Path) else config.paths.reports
    file, folder = log or beside / "simulated.db", releases.bundle_folder(project, version)
    path = (log or own) if url else file
    bundle, _ = watch.load_reference(folder)
    with Display("week", pace=True) as display:
        tell = functools.partial(display.tell, "months")
        if url:
            played = _ask(project.contract, rows, bundle, path, period, url=url, progress=tell)
        else:
            played = simulation.Played(
                *simulation.play_into_log(project.contract, rows, bundle, file, period, tell), Counter()
            )
    weeks = max((period[1] - period[0]).days // WEEK, 1)
    batch = watch.batch_columns(project.contract, bundle.names, worlds.values())
    watched = watch.monitor_log(
        folder, path, now=period[1], days=WEEK, windows=weeks, batch=batch, monitors=project.monitors
    )
    since = min((incident.start for incident in happening), default=period[0])
    alarms = simulation.begun_alarms(watched.timeline, WEEK, since)
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
) -> "simulation.Played":
    from ..serving import simulation
    from ..serving.client import Client

    with Client(url, os.environ.get("MLE_API_KEY", "")) as client:
        return simulation.play_live(contract, rows, bundle, client, log, period, progress=progress)
