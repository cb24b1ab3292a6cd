"""The commands around the gates: judge a version, show the score, plant faults."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..base import errors
from ..base.errors import RedError
from ..project import Project
from .output import JSON, VERSION, show_rows, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..drills.faults import Fault

READ = "read the evidence; the gate's function and its threshold are in gates/"
DRILLED = Path("scorecard", "drills.json")


@click.command()
@VERSION
@click.option("--train", is_flag=True, help="Train a version first and judge that one.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep verdicts in a folder, by what they depend on.")
@JSON
def gates(version: str, cache: Path | None, *, train: bool, as_json: bool) -> None:
    """Judge a version by the 28 gates of the ML Test Score; one that is not green is exit code 1."""
    judge_and_record(Project.open(), version, cache, train=train, as_json=as_json)


def judge_and_record(
    project: Project, version: str, cache: Path | None = None, *, train: bool = False, as_json: bool
) -> None:
    """The command `gates` in a project: show and record the verdicts; RedError when one of them is not green."""
    from ..base.progress import Display
    from ..gates import run

    with Display("gate", show=not as_json) as display:
        judged = run.judge_version(project, version, train=train, cache=cache, tell=display.tell_step)
    shown = [{str(name): value for name, value in row.items()} for row in judged.table.to_dict("records")]
    show_rows(shown, document=[each.to_dict() for each in judged.gates], as_json=as_json)
    errors.require_green(judged.verdicts, where=f"version {judged.version}", hint=READ)


@click.command()
@VERSION
@JSON
def scorecard(version: str, *, as_json: bool) -> None:
    """Judge a version and write the ML Test Score as a page: verdicts, evidence, code, and the drills behind it."""
    from ..base.progress import Display
    from ..drills import faults
    from ..gates import run
    from ..gates.run import gates_of
    from ..gates.scorecard import make_scorecard, write_scorecard

    project = Project.open()
    config, home = project.settings, project.folder
    with Display("gate", show=not as_json) as display:
        judged = run.judge_version(project, version, tell=display.tell_step)
    own = gates_of(project)
    drills = faults.load_faults(home) if (home / faults.FOLDER).is_dir() else []
    made = make_scorecard(judged.version, judged.gates, drills, home, config.paths.reports / DRILLED, own)
    page = write_scorecard(made, config.paths.reports / "scorecard" / "index.html", home, config.model.name)
    if as_json:
        click.echo(json.dumps(made.to_dict(), indent=1))
    click.echo(f"ML Test Score {made.score}, {made.green} of {len(made.tests)} gates are green: {page}", err=True)
    errors.require_green(judged.verdicts, where=f"version {judged.version}", hint=READ)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All drills.")
@click.option("--clean", type=click.IntRange(1), metavar="N", help="Run all gates on N clean variants instead.")
@click.option("--blind", is_flag=True, help="Plant a fault without naming it: find it.")
@click.option("--look", is_flag=True, help="Run the gates where the unnamed fault is planted.")
@click.option("--answer", metavar="NAME", help="Say which fault it was.")
@click.option("--seed", type=int, help="Which unnamed fault; a random one without it.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Drills at a time.")
@JSON
def drill(
    names: tuple[str, ...],
    clean: int | None,
    answer: str | None,
    seed: int | None,
    jobs: int,
    *,
    every: bool,
    blind: bool,
    look: bool,
    as_json: bool,
) -> None:
    """Plant faults in copies of the project and show which gates are red; without a name, list the faults."""
    from ..drills.faults import load_faults

    project = Project.open()
    faults = load_faults(project.folder, names)
    if blind or look or answer:
        _blind(project, faults, seed, answer, plant=blind, as_json=as_json)
    elif clean:
        _clean(project, clean, jobs, as_json=as_json)
    elif names or every:
        _drill(project, faults, jobs, as_json=as_json)
    else:
        rows = [{"drill": fault.name, "gate": fault.gate, "story": fault.story} for fault in faults]
        show_rows(rows, as_json=as_json)


@click.command()
@click.option("--quick", is_flag=True, help="The few candidates that the gate Model 3 tries, not the whole grid.")
@JSON
def tune(*, quick: bool, as_json: bool) -> None:
    """Try hyperparameters on weeks of the training period; say what to write into config.toml. Changes nothing."""
    from ..data import snapshots
    from ..model import training

    project = Project.open()
    config = project.settings
    parts = config.split
    features = snapshots.checked_features(project)
    rows = snapshots.split_periods(project.contract, features, parts.train, parts.test, every=parts.every).train
    choices = project.search.quick if quick else training.search_grid(project.search)
    base, candidates = training.tune_hyperparameters(project, rows, config.model, choices)
    show_table(training.candidate_table(candidates), as_json)
    click.echo(training.tuning_advice(base, candidates), err=True)


def _drill(project: Project, faults: "Sequence[Fault]", jobs: int, *, as_json: bool) -> None:
    from ..base.progress import Display
    from ..drills import board
    from ..gates.scorecard import write_drilled

    with Display("drill") as display:
        drilled = board.run_drills(project, faults, jobs, display.tell_step)
    write_drilled(project.settings.paths.reports / DRILLED, drilled)
    shown = [{**vars(each), "red": ", ".join(each.red), "not_judged": len(each.not_judged)} for each in drilled]
    columns = ("fault", "gate", "caught", "red", "not_judged", "seconds")
    rows = [{name: row[name] for name in columns} for row in shown]
    show_rows(rows, document=[vars(each) for each in drilled], as_json=as_json)
    missed = [each.fault for each in drilled if not each.caught]
    mean = sum(len(each.red) for each in drilled) / len(drilled)
    click.echo(f"{len(drilled) - len(missed)} of {len(drilled)} caught, {mean:.2f} red gates for a fault", err=True)
    if missed:
        raise RedError(f"not caught by their gate: {', '.join(missed)}", hint="read what the gate says in its evidence")


def _clean(project: Project, count: int, jobs: int, *, as_json: bool) -> None:
    from ..base.progress import Display
    from ..drills import board

    with Display("variant") as display:
        cleared = board.run_clean_variants(project, count, jobs, display.tell_step)
    rows = [{"variant": c.variant, "alarms": _lines(c.alarms), "not judged": _lines(c.not_judged)} for c in cleared]
    show_rows(rows, document=[vars(each) for each in cleared], as_json=as_json)
    alarms = sum(len(each.alarms) for each in cleared)
    click.echo(f"{alarms} false alarms of {28 * count:,} verdicts", err=True)
    if alarms:
        raise RedError(f"{alarms} false alarms on clean variants", hint="the thresholds stand in gates/")


def _blind(
    project: Project, faults: "Sequence[Fault]", seed: int | None, answer: str | None, *, plant: bool, as_json: bool
) -> None:
    from ..drills import board

    place = project.settings.paths.reports / "blind"
    if plant:
        click.echo("Preparing a copy of the project: about a minute", err=True)
        folder = board.plant_unnamed(project, place, faults, seed)
        how = "`drill --look` runs the gates there, `drill --answer NAME` ends it"
        click.echo(f"A fault is planted in {folder}; {how}")
    elif answer is None:
        judged = board.judge_unnamed(project, place)
        show_rows([{name: each[name] for name in ("gate", "passed", "evidence")} for each in judged], as_json=as_json)
    elif board.answer_unnamed(place, answer, faults):
        click.echo(f"Right: {answer}. {next(fault.story for fault in faults if fault.name == answer)}")
    else:
        raise RedError(f"it is not {answer!r}", hint="look at the red gate's evidence: what would make it say that?")


def _lines(evidence_of: "Mapping[str, str]") -> str:
    return "\n".join(f"{name}: {evidence}" for name, evidence in evidence_of.items())
