"""The commands that judge and decide: `gates`, `scorecard`, `drill`, `tune`, `calibrate`, `retrain`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base import errors
from ..base.errors import InputError, RedError
from ..project import Project
from .output import JSON, VERSION, say, show_rows, show_table, show_verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..drills.faults import Fault
    from ..gates.calibrate import Calibrated
    from ..retraining.decisions import Record

READ = "read the evidence; the gate's function is in gates/, its limits are in config.toml"
DRILLED = Path("scorecard", "drills.json")
WORDS = {True: "promoted", False: "kept as challenger"}


@click.command()
@VERSION
@click.option("--train", is_flag=True, help="Train a version first and judge that one.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep verdicts in a folder, by what they depend on.")
@JSON
def gates(version: str, cache: Path | None, *, train: bool, as_json: bool) -> None:
    """Judge a version by the 28 gates of the ML Test Score; one that is neither green nor waived is exit code 1."""
    judge_and_record(Project.open(), version, cache, train=train, as_json=as_json)


def judge_and_record(
    project: Project, version: str, cache: Path | None = None, *, train: bool = False, as_json: bool
) -> None:
    """The command `gates` in a project: show and record the verdicts; RedError when one of them is not green."""
    from ..base.progress import Display
    from ..gates import run

    with Display("gate", show=not as_json) as display:
        judged = run.judge_version(project, version, train=train, cache=cache, tell=display.tell_step)
    # Shown before anything is raised: of a red version people want to see all of the evidence.
    shown = [{str(name): value for name, value in row.items()} for row in judged.table.to_dict("records")]
    show_rows(shown, document=[each.to_dict() for each in judged.gates], as_json=as_json)
    say(errors.count_verdicts(judged.verdicts))
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
    click.echo(f"ML Test Score {made.score}, {made.counts}: {page}", err=True)
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
    from ..model.evaluation import problem_of

    project = Project.open()
    config = project.settings
    parts = config.split
    features = snapshots.checked_features(project)
    rows = snapshots.split_periods(project.contract, features, parts.train, parts.test, every=parts.every).train
    choices = project.search.quick if quick else training.search_grid(project.search)
    base, candidates = training.tune_hyperparameters(project, rows, config.model, choices)
    problem = problem_of(project.contract)
    show_table(training.candidate_table(candidates, problem), as_json)
    click.echo(training.tuning_advice(base, candidates, config.limits.tuning_margin, problem), err=True)


@click.command()
@click.option("--variants", type=click.IntRange(1), default=12, show_default=True, help="Clean variants to measure.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another one draws other variants.")
@click.option(
    "--allowed",
    type=click.FloatRange(0.0001, 0.1),
    default=0.01,
    show_default=True,
    help="Share of sound models that a proposed limit may refuse.",
)
@click.option("--write", is_flag=True, help="Write what is proposed into [limits] of config.toml.")
@click.option("--replace", is_flag=True, help="With --write, also in the place of limits that are set there.")
@click.option("--check", is_flag=True, help="Propose nothing; exit code 1 if a limit of now refuses a variant.")
@JSON
def calibrate(
    variants: int, seed: int, allowed: float, *, write: bool, replace: bool, check: bool, as_json: bool
) -> None:
    """Measure the figures of [limits] on clean variants of the project's history, and propose limits by them.

    Without --write nothing is changed but the page in the folder of the reports. With --check and a --seed that was not
    drawn before, the limits of now are tried on variants from which they were not derived.
    """
    from ..base.progress import Display
    from ..gates import calibrate as limits

    if replace and not write:
        raise InputError("says that set limits are replaced", where="--replace", hint="give it with --write")
    if check and write:
        raise InputError("tries the limits of now, and writes none", where="--check", hint="leave --write out")
    project = Project.open()
    with Display("variant", show=not as_json) as display:
        found = limits.calibrate_limits(project, variants, display.tell_step, seed, allowed)
    if check:
        _require_none_refused(found, variants, as_json=as_json)
        return
    show_table(limits.limit_table(found), as_json)
    say(f"Not measured, so they stay: {', '.join(limits.not_measured(found))}")
    say(f"The page is {limits.write_calibration(project, found)}")
    changed = [f"{each.name} = {each.proposed:g}" for each in found if each.changed]
    if write:
        limits.write_limits(project, found, replace=replace)
        say(f"Written into [limits] of config.toml: {', '.join(changed) or 'nothing, the limits stay'}")
    else:
        say(f"Proposed, and written with --write: {', '.join(changed) or 'nothing, the limits may stay'}")


def _require_none_refused(found: "Sequence[Calibrated]", variants: int, *, as_json: bool) -> None:
    from ..gates.calibrate import check_table

    show_table(check_table(found), as_json)
    alarms = sum(each.refused for each in found)
    click.echo(f"{alarms} false alarms of {len(found)} limits on {variants} clean variants", err=True)
    if alarms:
        refusing = ", ".join(f"{each.name} refuses {each.refused}" for each in found if each.refused)
        hint = "`calibrate --variants 100 --allowed 0.001` proposes wider ones where they refuse sound models"
        raise RedError(f"{refusing} of {variants} clean variants", where="[limits]", hint=hint)


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


@click.command()
@click.option("--if-needed", is_flag=True, help="Only when a rule asks for it: an alarm, the age, new labelled days.")
@click.option("--again", is_flag=True, help="Decide anew, though the same was decided before.")
@click.option("--until", type=click.DateTime(), help="End of what is looked at in the log (UTC); now, without it.")
@click.option(
    "--log", type=click.Path(path_type=Path, exists=True), help="A prediction log; that of the service without it."
)
@click.option("--list", "listed", is_flag=True, help="List the decisions; nothing is trained.")
@click.option("--replay", "replayed", type=click.IntRange(1), metavar="ID", help="Decide ID again; nothing changes.")
@JSON
def retrain(
    *,
    if_needed: bool,
    again: bool,
    until: datetime | None,
    log: Path | None,
    listed: bool,
    replayed: int | None,
    as_json: bool,
) -> None:
    """Train a challenger on newer data; promote it if it is better than the champion beyond chance.

    Every decision is recorded, with a model card. A retraining that was stopped goes on when the same command is given
    again. That a challenger is not promoted is no failure: exit code 0.
    """
    project = Project.open()
    # click gives a time without a zone, which the zone of the machine must not shift.
    moment = until.replace(tzinfo=UTC) if until else None
    if listed:
        _list(project, as_json=as_json)
    elif replayed:
        _replay(project, replayed, as_json=as_json)
    else:
        why = _why(project, log, moment) if if_needed else "by hand"
        if why:
            _decide(project, why, again=again, log=log, until=moment, as_json=as_json)
        elif as_json:
            click.echo(json.dumps({"needed": False}))


def _decide(
    project: Project, why: str, *, again: bool, log: Path | None, until: datetime | None, as_json: bool
) -> None:
    from ..base.progress import Display
    from ..retraining.decisions import decision_verdicts
    from ..retraining.retrain import all_gates, decide_retraining, earlier_decision

    before = earlier_decision(project)
    options: dict[str, Any] = {"again": again, "judge": all_gates, "log": log, "until": until}
    with Display("phase", show=not as_json) as display:
        record = decide_retraining(project, why=why, tell=display.tell_step, **options)
    if before and not again:
        say("The same was decided before; `--again` decides anew")
    row = _row(record)
    if as_json:
        click.echo(json.dumps(row))
        return
    show_verdicts(decision_verdicts(record))
    say(f"Decision {record.number}: version {row['version']} is {row['outcome']}: {row['reason']}")
    say(f"The model card is {record.folder / 'card.html'}")


def _why(project: Project, log: Path | None, until: datetime | None) -> str:
    """Which rules ask for a retraining; nothing when none does or when the same was decided before."""
    from ..registry import releases
    from ..retraining import decisions
    from ..retraining.retrain import earlier_decision

    log_place = log or project.settings.paths.predictions
    rules = decisions.retraining_rules(project, releases.bundle_folder(project), log_place, until)
    for rule in rules:
        say(f"{rule.name}: {'yes' if rule.wants else 'no'}, {rule.reason}")
    wanted = [rule.name for rule in rules if rule.wants]
    if not wanted:
        say("No rule asks for a retraining")
        return ""
    if before := earlier_decision(project):
        say(f"Decision {before.number} was made on the same data, settings and champion: there is nothing to do")
        return ""
    return f"rule: {', '.join(wanted)}"


def _list(project: Project, *, as_json: bool) -> None:
    import pandas as pd

    from ..retraining.decisions import Decisions

    rows = [_row(record) for record in Decisions(project.settings.paths.registry).all()]
    names = ["decision", "at", "why", "window", "champion", "version", "gain", "outcome", "reason"]
    show_table(pd.DataFrame(rows, columns=names), as_json)


def _replay(project: Project, number: int, *, as_json: bool) -> None:
    from ..retraining import replay

    result = replay.replay_decision(project, number)
    if as_json:
        click.echo(json.dumps({**vars(result), "same": result.same}))
    for each in result.changed:
        say(f"changed since: {each}")
    if not result.figures:
        raise RedError(f"decision {number} cannot be made again: its data are not there any more")
    if not result.same:
        difference = ", ".join(result.differ[:5]) or f"it would be {WORDS[bool(result.promoted)]}"
        hint = "see what has changed since" if result.changed else "the same inputs must give the same figures"
        raise RedError(f"decision {number} comes out otherwise: {difference}", hint=hint)
    say(f"Decision {number} comes out the same: {WORDS[result.recorded]}, {result.figures} figures, the model's files")


def _row(record: "Record") -> dict[str, Any]:
    plan, outcome = record.plan, record.outcome or {"ended": "open", "reason": "", "promoted": False}
    decided = outcome["ended"] == "decided"
    return {
        "decision": record.number,
        "at": record.content["begun"],
        "why": plan["why"],
        "window": " ".join(str(value) for value in plan["window"].values()),
        "champion": plan["champion"],
        "version": record["training"]["version"] if "training" in record else None,
        "gain": _gain(record["comparison"]["difference"]) if "comparison" in record else None,
        "outcome": WORDS[bool(outcome["promoted"])] if decided else outcome["ended"],
        "reason": outcome["reason"],
    }


def _gain(difference: dict[str, float]) -> float:
    """What a challenger has more than the champion: AUC, or R2 of numbers."""
    return round(difference["auc" if "auc" in difference else "r2"], 4)
