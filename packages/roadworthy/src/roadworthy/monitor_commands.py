"""The command `monitor`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import cluster_commands
from . import telling as told_to
from .errors import InputError
from .project import Project

if TYPE_CHECKING:
    from .monitoring.watch import Watched
    from .postgres import Postgres
    from .settings import Settings


@click.command()
@click.option("--until", type=click.DateTime(), help="End of the last window (UTC); now, without it.")
@click.option("--log", metavar="FILE|URL", help="A prediction log; that of the service without it.")
@click.option("--against", metavar="SNAPSHOT", help="Compare what was logged with the features of this snapshot.")
@cluster_commands.SCORED
@cluster_commands.CLUSTER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@told_to.telling
def monitor(  # noqa: PLR0917 - click hands them over by name
    until: datetime | None,
    log: str | None,
    against: str | None,
    scored: str,
    cluster: str,
    as_json: bool,  # noqa: FBT001
    telling: told_to.Telling,
) -> None:
    """Watch the champion: volume, drift, skew, calibration, ranking; an alarm is exit code 1."""
    from . import gates
    from .registry import Registry

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
    watched = told_to.look(look, config, telling, beside)
    _show(watched, as_json=as_json)
    click.echo(f"The report is {page}", err=True)
    red = [verdict for verdict in watched.verdicts if verdict.passed is False]
    if red:
        gates.require(red, where="monitor", hint="open the report and look at the features that changed most")


def _log(config: "Settings", given: str | None) -> "Path | Postgres":
    from .postgres import place

    log = place(given) if given else config.paths.predictions
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
    from . import steps
    from .bundle import Bundle
    from .monitoring import scored as partitions
    from .monitoring import watch
    from .monitoring.monitors import Thresholds

    config = project.settings
    limits = Thresholds(max_psi=config.monitoring.max_psi, max_unseen=config.monitoring.max_unseen)
    if scored:
        return partitions.monitor(bundle, scored, cluster=cluster, thresholds=limits, **how)
    batch = (
        steps.batch(project.contract, Bundle.load(bundle).names, [steps.features(project, against)])
        if against
        else None
    )
    return watch.monitor(bundle, log, thresholds=limits, batch=batch, monitors=project.monitors, **how)


def _show(watched: "Watched", *, as_json: bool) -> None:
    from . import gates
    from .cli import show

    if not as_json:
        show(gates.table(watched.verdicts), as_json=False)
        return
    estimates = [
        {**vars(each), "realised": each.realised if each.holds is not None else None} for each in watched.estimates
    ]
    click.echo(json.dumps({"verdicts": [vars(verdict) for verdict in watched.verdicts], "estimates": estimates}))
