"""The command line. Every command reads the settings, calls one function of the package and shows what it says.

Exit codes: 0 good, 1 a gate or a check is red, 2 the input or the usage is wrong, 130 interrupted. Slow packages are
imported inside the commands, so that help and mistakes answer at once.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..base import source_code
from ..base.errors import InputError, ProjectError, RedError
from ..contract.workspace import folder_of_project
from ..project import Project
from . import adoption, gates, monitoring, serving, vendor
from .output import JSON, SNAPSHOT, VERSION, draw_rows, say, show_table, show_verdicts

if TYPE_CHECKING:
    from ..notebooks.runs import LessonStep

PROJECT = "roadworthy.project"  # under which a call of the command line keeps the project


class Commands(click.Group):
    """The library's commands, those of other packages by their entry points, and those that the project registers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the alphabet; without a project that can be read, only those without one."""
        own: set[str] = set()
        with suppress(ProjectError):
            own = set(self.of_project(ctx))
        return sorted({*super().list_commands(ctx), *self.of_packages(), *own})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; one of the project gets the project as its object."""
        if command := super().get_command(ctx, cmd_name):
            return command
        if entry := self.of_packages().get(cmd_name):
            loaded: click.Command = entry.load()
            return loaded
        if command := self.of_project(ctx).get(cmd_name):
            ctx.obj = self.project(ctx)
        return command

    def project(self, ctx: click.Context) -> Project:
        """The project that holds the working folder; opened once for a call of the command line."""
        if PROJECT not in ctx.meta:
            ctx.meta[PROJECT] = Project.open()
        project: Project = ctx.meta[PROJECT]
        return project

    @staticmethod
    def of_packages() -> dict[str, EntryPoint]:
        """The entry points of the group `roadworthy.commands` by the names of their commands."""
        return {entry.name: entry for entry in entry_points(group="roadworthy.commands")}

    def of_project(self, ctx: click.Context) -> dict[str, click.Command]:
        """The commands of the project by name; InputError for one that is no command."""
        commands = {}
        extensions = self.project(ctx).definition.extensions("commands", {*self.commands, *self.of_packages()})
        for name, command in extensions.items():
            if not isinstance(command, click.Command):
                hint = "decorate it with @click.command()"
                raise InputError("is no command of click", where=f"commands {name!r} of the project", hint=hint)
            commands[name] = command
        return commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def commands(ctx: click.Context) -> None:
    """A machine-learning project: check, train, test, serve, score, monitor, retrain."""
    with suppress(ProjectError):  # what is wrong with the project the command itself says
        home = folder_of_project()
        edits = [] if ctx.invoked_subcommand == "vendor" else source_code.unaccepted_edits(home)
        if (home / source_code.BEFORE).is_dir() and ctx.invoked_subcommand != "upgrade":
            say("Warning: an upgrade of the library was interrupted; give the command again, or rename vendor.before")
        if edits:
            say(f"Warning: the library in vendor/ is not as it was released: {source_code.edits_in_words(edits)}")


def main() -> None:
    """Run the command line; a user's mistake ends in a sentence and an exit code, never in a traceback."""
    # Else SIGTERM ends Python at once: no `finally` runs, and kernels and unfinished folders are left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        commands(standalone_mode=False)
    except ProjectError as error:
        _end(str(error), error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _end("interrupted; what was complete is kept", 130)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        # The image of the service has what serves, and not what trains.
        hint = "run it where all of requirements.txt is installed"
        _end(f"this command needs the package {error.name!r}, which is not in this environment\n  {hint}", 2)
    except OSError as error:
        _end(f"{error.filename or 'this machine'}: {error.strerror or error}\n  what was there before is unchanged", 2)


def _end(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.stderr.flush()
    sys.stdout.flush()
    # Threads of libraries that wait for a network or a lock must not keep an interrupted command alive.
    os._exit(code) if code == 130 else sys.exit(code)


@commands.command()
@click.argument("lessons", nargs=-1)
@click.option("-p", "assigned", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter of the lessons.")
@click.option("--resume", is_flag=True, help="Go on in the latest run: keep what is complete and unchanged.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Lessons at a time.")
@click.option("--limit", type=click.FloatRange(min=0.1), help="Seconds that one lesson may take.")
def run(lessons: tuple[str, ...], assigned: tuple[tuple[str, str], ...], resume: bool, jobs: int, limit: float) -> None:  # noqa: FBT001
    """Execute the lessons (all, or LESSONS such as 01 02) with papermill into runs/<time>/."""
    from ..base.progress import Display
    from ..data.snapshots import SUMS
    from ..notebooks import runs

    project = Project.open()
    home, config = project.folder, project.settings
    sums = [snapshot.folder / SUMS for snapshot in config.data.snapshots.values()]
    planned = runs.plan_run(home, config.paths.runs, lessons, assigned, resume=resume, data=sums)
    runner = runs.Runner(planned, home, jobs=jobs, limit=limit)
    try:
        with Display("cell") as display:
            runner.execute(display.tell)
    finally:
        page = runs.write_run_page(planned, config.model.name, config.paths.reports)
        say(f"The report is {page}")
    if planned.failed:
        raise _lesson_error(planned.failed)


def _lesson_error(step: "LessonStep") -> RedError:
    failure = step.failure or {}
    lines = "\n    ".join(["", *failure["lines"]]).rstrip()
    hint = "correct it and go on with the command `run --resume`; the notebook up to there is kept"
    return RedError(f"lesson {step.lesson}, cell {failure['cell']}: {failure['error']}{lines}", hint=hint)


@commands.command()
@click.argument("lessons", nargs=-1)
def store(lessons: tuple[str, ...]) -> None:
    """Run the lessons (all, or LESSONS such as 01 02) and store their outputs in them, which nbval compares."""
    from ..base.progress import Display
    from ..notebooks.lessons import store_outputs

    with Display("lesson") as display:
        stored = store_outputs(Project.open().folder, lessons, display.tell_step)
    say(f"Stored: {', '.join(path.name for path in stored)}")


@commands.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--table", flag_value="", is_flag=False, help="Which table of the contract FILE is; else its first one.")
@SNAPSHOT
@JSON
def check(file: Path | None, table: str | None, snapshot: str, as_json: bool) -> None:  # noqa: FBT001
    """Check a snapshot, or FILE (CSV or Parquet) as a table, against the contract; quarantine bad rows.

    FILE may be a folder with such a file for each table; the snapshot then says which repairs and sources they need.
    """
    from ..contract import checks
    from ..data.raw_tables import check_raw_tables, read_sql

    project = Project.open()
    config, contract = project.settings, project.contract
    if table is not None and (not file or file.is_dir()):
        raise InputError("says which table a file is", where="--table", hint="give it with FILE, the name of one")
    if (file and file.is_dir()) or (file and not table and read_sql(project, contract.tables[0])):
        report = check_raw_tables(project, file, snapshot, say, new_rows=False)[1]
    elif file:
        names = [known.name for known in contract.tables]
        table = table or names[0]
        if table not in names:
            hint = f"there are {', '.join(names)}"
            raise InputError(f"the contract has no table {table!r}", where="--table", hint=hint)
        most = config.data.checks.max_quarantined
        report = checks.check_file(file, contract.table(table), max_quarantined=most, limits=config.limits)
    else:
        report = project.check(snapshot)
    name = file.resolve().stem if file else snapshot or config.data.snapshot
    said = checks.write_report(contract, report, config.paths.reports / "data" / name, name)
    show_table(report.frame[["table", "check", "passed", "rows", "evidence"]], as_json)
    say(said)
    checks.require_passed(report, where=file or name)


@commands.command()
@click.argument("folder", type=click.Path(path_type=Path))
def seal(folder: Path) -> None:
    """Record the SHA-256 sums of the Parquet files in FOLDER, so that a later change of them is noticed."""
    from ..data import snapshots

    say(f"Written: {snapshots.seal_snapshot(folder)}")


@commands.command()
@JSON
def train(as_json: bool) -> None:  # noqa: FBT001
    """Check the data, train, evaluate, test, export, register and track a model."""
    from ..base import errors
    from ..model.evaluation import problem_of

    project = Project.open()
    say("Checking, training, evaluating, exporting: about half a minute")
    release = project.train()
    show_verdicts(release.trained.verdicts, as_json=as_json)
    beside = f" ({words})" if (words := project.contract.split_words) else ""
    quality = f"{problem_of(project.contract).quality} {release.trained.evaluation.quality.value:.3f}"
    say(f"Version {release.version}: {quality}{beside}")
    errors.require_green(release.trained.verdicts, where=f"version {release.version}")


@commands.command()
@VERSION
@JSON
def evaluate(version: str, as_json: bool) -> None:  # noqa: FBT001
    """Evaluate a version on the test period: metrics with intervals by days, and its slices."""
    project = Project.open()
    result, slices = project.evaluate(version)
    if project.contract.timeless:
        say(f"The test rows are {project.contract.split_words}")
    if as_json:
        click.echo(json.dumps({**result.to_dict(), "slices": slices.to_dict("records")}))
        return
    for name, value in result.to_dict().items():
        click.echo(f"{name:16} {value:,.4g}")
    quality, error = result.QUALITY, result.ERROR
    columns = ["slice", "rows", quality, f"{quality}_low", f"{quality}_high", error]
    # An error of numbers is in their unit, which may be small.
    shown = slices[columns].round(dict.fromkeys(columns[2:-1], 3))
    show_table(shown.assign(**{error: shown[error].map("{:.3g}".format)}), as_json=False)


@commands.command("test-model")
@VERSION
@JSON
def test_model(version: str, as_json: bool) -> None:  # noqa: FBT001
    """Run the model tests again on a version; a red one is exit code 1."""
    from ..base import errors

    verdicts = Project.open().test_model(version)
    show_verdicts(verdicts, as_json=as_json)
    errors.require_green(verdicts, where=f"version {version}")


@commands.group()
def registry() -> None:
    """List versions, promote one, roll back."""


@registry.command("list")
@JSON
def registry_list(as_json: bool) -> None:  # noqa: FBT001
    """List the versions with their aliases and their AUC or R2."""
    rows = Project.open().registry.list_versions()
    columns = ["version", "aliases", "created", *(name for name in ("auc", "r2") if any(name in row for row in rows))]
    # Without pandas, which the image of the service does not have.
    if as_json:
        click.echo(json.dumps(rows))
    else:
        draw_rows(columns, [[row.get(name, "") for name in columns] for row in rows])


@registry.command()
@click.argument("version")
@click.option("--as", "alias", type=click.Choice(["champion", "challenger", "canary"]), default="champion")
def promote(version: str, alias: str) -> None:
    """Make VERSION the champion, refused unless all of its gates are green; or the challenger or canary beside it."""
    project = Project.open()
    if edits := source_code.unaccepted_edits(project.folder):
        what = f"the library is not as it was released: {source_code.edits_in_words(edits)}"
        raise RedError(what, where="vendor", hint=source_code.HINT)
    number = project.registry.promote(version, alias)
    say(f"Version {number} is the {alias}")


@registry.command()
@click.option("--reason", default="", help="Why; it stays in the history.")
def rollback(reason: str) -> None:
    """Make the version before the champion the champion again."""
    number = Project.open().registry.rollback(reason)
    say(f"Version {number} is the champion again")


@commands.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def tracking(port: int) -> None:
    """Open MLflow's page with every tracked training, until Ctrl-C."""
    from ..registry.releases import serve_tracking
    from ..serving.server import listen_at

    config = Project.open().settings
    store = config.paths.tracking
    if isinstance(store, Path) and not store.is_file():
        raise InputError("nothing is tracked yet", where=store, hint="the command `train` tracks its first run there")
    # Tried first: MLflow takes four seconds to import before it would find the port taken.
    listen_at("127.0.0.1", port).close()
    say(f"MLflow is at http://127.0.0.1:{port}; stop with Ctrl-C")
    serve_tracking(store, port, config.paths.artifacts)


for command in (
    *(gates.gates, gates.scorecard, gates.drill, gates.tune, gates.calibrate),
    *(serving.serve, serving.features, serving.score, serving.trace, serving.keys),
    *(monitoring.monitor, monitoring.simulate, gates.retrain),
    *(vendor.vendor, vendor.upgrade, adoption.adopt),
):
    commands.add_command(command)
