"""The commands `monitor`, which watches the champion and notifies people, and `simulate`, which plays past months."""

import functools
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..base.errors import InputError, ProjectError
from ..contract.schema import Contract
from ..project import Project
from .output import CLUSTER, JSON, VERSION, say, show_verdicts

if TYPE_CHECKING:
    import pandas as pd

    from ..base.databases import Postgres
    from ..base.settings import Settings
    from ..bundle.bundle import Bundle
    from ..monitoring.notifications import Exposition
    from ..monitoring.watch import Watched
    from ..serving.simulation import Alarm, Played

WEEK = 7  # days of a window in which an alarm may ring
HOUR = 3600.0  # seconds
LOCAL = "127.0.0.1"


class Address(click.ParamType):  # type: ignore[type-arg]  # older ones take no argument
    """[HOST:]PORT; without a host, this machine only."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The host and the port."""
        host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no port; write 9108, or 0.0.0.0:9108", param, ctx)
        return host.strip("[]") or LOCAL, int(port)


@click.command()
@click.option("--until", type=click.DateTime(), help="End of the last window (UTC); now, without it.")
@click.option("--log", metavar="FILE|URL", help="A prediction log; that of the service without it.")
@click.option("--against", metavar="SNAPSHOT", help="Compare what was logged with the features of this snapshot.")
@click.option("--scored", default="", metavar="OUT", help="Watch OUT of `score --for-monitoring`.")
@CLUSTER
@JSON
@click.option("--metrics", type=click.Path(path_type=Path), help="Also write a file for node_exporter.")
@click.option("--serve", type=Address(), help="Stay, look again and again, and answer Prometheus at /metrics.")
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    default=HOUR,
    show_default=True,
    help="Seconds between two looks, here or by the timer that starts this command.",
)
@click.option("--notify", is_flag=True, help="Tell the people of [monitoring] notify what begins and ends.")
def monitor(
    *,
    until: datetime | None,
    log: str | None,
    against: str | None,
    scored: str,
    cluster: str,
    as_json: bool,
    **notification: Any,
) -> None:
    """Watch the champion: volume, drift, skew, calibration, ranking; an alarm is exit code 1."""
    from ..base import errors
    from ..bundle.bundle import require_same_problem
    from ..registry.registry import Registry

    project = Project.open()
    config = project.settings
    if scored and against:
        raise InputError(
            "scored rows are not compared with a snapshot", where="--against", hint="leave one of them out"
        )
    place, page = _log_place(config, log), config.paths.reports / "monitoring" / "index.html"

    def watch() -> "Watched":
        bundle = Registry(config.paths.registry).path()
        require_same_problem(project.contract, bundle)
        options = {"now": until.replace(tzinfo=UTC) if until else None, "report_path": page}
        return _watch(project, bundle, place, scored=scored, cluster=cluster, against=against, options=options)

    beside = place if isinstance(place, Path) else page.with_name("predictions")
    watched = _watch_and_notify(watch, config, beside, **notification)
    _show_watched(watched, as_json=as_json)
    click.echo(f"The report is {page}", err=True)
    # What cannot be judged is no alarm while the monitor `judged` is quiet: a log that has just begun has no labels.
    red = [verdict for verdict in watched.verdicts if verdict.passed is False]
    if red:
        errors.require_green(red, where="monitor", hint="open the report and look at the features that changed most")


def _log_place(config: "Settings", log: str | None) -> "Path | Postgres":
    from ..base.databases import postgres_place

    place = postgres_place(log) if log else config.paths.predictions
    if log and isinstance(place, Path) and not place.is_file():
        raise InputError("no such file", where=place, hint="give a prediction log that is there")
    return place


def _watch(
    project: Project,
    bundle: Path,
    log: "Path | Postgres",
    *,
    scored: str,
    cluster: str,
    against: str | None,
    options: dict[str, Any],
) -> "Watched":
    from ..bundle.bundle import Bundle
    from ..data import snapshots
    from ..monitoring import watch
    from ..monitoring.monitors import Thresholds
    from ..monitoring.scored import monitor_scored

    config = project.settings
    limits = Thresholds.of(config.monitoring)
    if scored:
        return monitor_scored(bundle, scored, cluster=cluster, thresholds=limits, **options)
    batch = None
    if against:
        features = [snapshots.checked_features(project, against)]
        batch = watch.batch_columns(project.contract, Bundle.load(bundle).names, features)
    return watch.monitor_log(bundle, log, thresholds=limits, batch=batch, monitors=project.monitors, **options)


def _show_watched(watched: "Watched", *, as_json: bool) -> None:
    if not as_json:
        show_verdicts(watched.verdicts)
        return
    verdicts = [verdict.to_dict() for verdict in watched.verdicts]
    estimates = [{**vars(e), "realised": e.realised if e.holds is not None else None} for e in watched.estimates]
    click.echo(json.dumps({"verdicts": verdicts, "estimates": estimates}))


def _watch_and_notify(
    watch: Callable[[], "Watched"],
    config: "Settings",
    log: object,
    *,
    metrics: Path | None,
    serve: tuple[str, int] | None,
    every: float,
    notify: bool,
) -> "Watched":
    """Watch once and notify; or, to be served to Prometheus, again and again until interrupted."""
    from ..monitoring.notifications import Exposition, memory_file, notify_people, people_reached

    exposition = Exposition(every)
    memory = memory_file(log, config.paths.reports / "monitoring")
    people = people_reached(config.monitoring.notify.get_secret_value()) if notify else {}

    def once() -> "Watched":
        start = time.monotonic()
        watched = watch()
        exposition.show(watched.timeline, time.monotonic() - start)
        if metrics:
            exposition.write(metrics)
        for failure in notify_people(watched.timeline, people, config.model.name, memory) if people else ():
            say(f"warning: {failure}")
        return watched

    return once() if serve is None else _repeat(once, exposition, serve, every)


def _repeat(
    once: Callable[[], "Watched"], exposition: "Exposition", address: tuple[str, int], every: float
) -> NoReturn:
    with _served(exposition, address):
        while True:
            start = time.monotonic()
            try:
                once()
            except ProjectError as error:
                # The exposition stays: that its last good run becomes old is what rings then.
                exposition.fail()
                say(str(error))
            time.sleep(max(0.0, every - (time.monotonic() - start)))


@contextmanager
def _served(exposition: "Exposition", address: tuple[str, int]) -> Iterator[None]:
    from prometheus_client import start_http_server

    host, port = address
    try:
        server, thread = start_http_server(port, host, exposition.registry)
    except OSError as error:
        hint = "choose another port, or end what listens there"
        raise InputError(f"cannot listen: {error.strerror}", where=f"{host}:{port}", hint=hint) from error
    say(f"The monitors are at http://{host}:{server.server_port}/metrics; stop with Ctrl-C")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@click.command()
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="First day (UTC); that of the test period.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="The day after the last; that of the test period.")
@click.option("--snapshot", help="The rows that are played; those of config.toml without it.")
@click.option(
    "--incident", "incidents", multiple=True, metavar="NAME@DATE", help="What happens, from when on; repeat it."
)
@click.option("--log", type=click.Path(path_type=Path), help="A new file; simulated.db beside the service's log.")
@click.option("--url", help="Ask the running service there instead of the bundle; MLE_API_KEY holds its key, if any.")
@VERSION
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def simulate(
    *,
    start: datetime | None,
    end: datetime | None,
    snapshot: str | None,
    incidents: tuple[str, ...],
    log: Path | None,
    url: str | None,
    version: str,
    as_json: bool,
) -> None:
    """Play past months again, and show which alarm would have rung in which week.

    The log stays, for `monitor --log LOG --until DAY`. With --url it is the service's own, which must be empty, and the
    service needs MLE_SERVICE__GIVEN_TIMES=true, so that its log has the times of the rows.
    """
    from ..data import snapshots
    from ..monitoring import watch
    from ..monitoring.monitors import Thresholds
    from ..registry import releases
    from ..serving import simulation

    project = Project.open()
    config, own_log = project.settings, project.settings.paths.predictions
    happening = [simulation.Incident.parse(project, text) for text in incidents]
    played_snapshot = snapshot or config.data.snapshot
    # All snapshots, because an incident may bring the rows of another one.
    worlds = {name: snapshots.checked_features(project, name) for name in {played_snapshot, *config.data.snapshots}}
    rows = simulation.apply_incidents(project.contract, worlds, played_snapshot, happening)
    first, last = (datetime.combine(day, datetime.min.time()) for day in config.split.test)
    period = (start or first).replace(tzinfo=UTC), (end or last).replace(tzinfo=UTC)
    beside = own_log.parent if isinstance(own_log, Path) else config.paths.reports
    path = log or (own_log if url else beside / "simulated.db")
    folder = releases.bundle_folder(project, version)
    bundle, _ = watch.load_reference(folder)
    played = _play(project.contract, rows, bundle, path, period, url)
    batch = watch.batch_columns(project.contract, bundle.names, worlds.values())
    weeks = max((period[1] - period[0]).days // WEEK, 1)
    watched = watch.monitor_log(
        folder,
        path,
        now=period[1],
        days=WEEK,
        windows=weeks,
        thresholds=Thresholds.of(config.monitoring),
        batch=batch,
        monitors=project.monitors,
    )
    since = min((incident.start for incident in happening), default=period[0])
    alarms = simulation.begun_alarms(watched.timeline, WEEK, since)
    _show_simulated(played, path, since, alarms, as_json=as_json)


def _play(
    contract: Contract,
    rows: "pd.DataFrame",
    bundle: "Bundle",
    log: Any,
    period: tuple[datetime, datetime],
    url: str | None,
) -> "Played":
    from ..base.progress import Display
    from ..serving import simulation
    from ..serving.client import Client

    with Display("week", pace=True) as display:
        progress = functools.partial(display.tell, "months")
        if not url:
            counts = simulation.play_into_log(contract, rows, bundle, log, period, progress)
            return simulation.Played(*counts, Counter())
        with Client(url, os.environ.get("MLE_API_KEY", "")) as client:
            return simulation.play_live(contract, rows, bundle, client, log, period, progress=progress)


def _show_simulated(
    played: "Played", log: "Path | Postgres", since: datetime, alarms: "Sequence[Alarm]", *, as_json: bool
) -> None:
    if as_json:
        counts = {"predictions": played.predictions, "labels": played.labels, "refused": dict(played.refused)}
        document = {**counts, "since": since.isoformat(), "log": str(log), "alarms": [vars(alarm) for alarm in alarms]}
        click.echo(json.dumps(document))
        return
    click.echo(f"{played.predictions:,} predictions and {played.labels:,} labels are in {log}")
    for field, count in played.refused.most_common():
        click.echo(f"{count:,} rows were refused for {field}")
    for alarm in alarms:
        what = f"{alarm.monitor} of {alarm.subject}" if alarm.subject else alarm.monitor
        click.echo(f"week of {alarm.window}: {what} rings, {alarm.days} days after {since:%Y-%m-%d}")
    if not alarms:
        click.echo("No alarm rings")
