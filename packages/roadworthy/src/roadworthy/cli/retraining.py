"""The command `retrain`: by hand or by rule, and what was decided before."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import RedError
from ..project import Project
from .output import JSON, say, show_table, show_verdicts

if TYPE_CHECKING:
    from ..retraining.decisions import Record

WORDS = {True: "promoted", False: "kept as challenger"}


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
        "gain": round(record["comparison"]["difference"]["auc"], 4) if "comparison" in record else None,
        "outcome": WORDS[bool(outcome["promoted"])] if decided else outcome["ended"],
        "reason": outcome["reason"],
    }
