"""The commands for the learner: list, check, hint, status, watch."""

import json
from dataclasses import asdict

import click

from .errors import RedError


@click.group()
def exercise() -> None:
    """List the exercises, check one, get a hint, see how far you are."""


@exercise.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def list_(*, as_json: bool) -> None:
    """List the exercises with their questions and what is solved."""
    from . import exercises

    found = exercises.status()
    if as_json:
        click.echo(json.dumps({name: [asdict(state) for state in states] for name, states in found.items()}))
        return
    for name, states in found.items():
        click.echo(f"{name}: {sum(state.solved for state in states)} of {len(states)}")
        for state in states:
            click.echo(f"  {state.question:4}{'solved ' if state.solved else 'open   '} {state.title}")


@exercise.command()
@click.argument("number", metavar="NN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def check(number: str, *, as_json: bool) -> None:
    """Run exercise NN from top to bottom and say what is right; exit code 1 until all of it is."""
    from . import exercises

    verdicts = exercises.check_notebook(number)
    if as_json:
        click.echo(json.dumps([{**asdict(each), "passed": each.passed, "points": each.points} for each in verdicts]))
    else:
        click.echo("\n".join(map(repr, verdicts)))
    if not all(verdict.passed for verdict in verdicts):
        raise RedError(f"{sum(verdict.passed for verdict in verdicts)} of {len(verdicts)} questions are right")


@exercise.command()
@click.argument("number", metavar="NN")
@click.argument("question", metavar="QUESTION")
def hint(number: str, question: str) -> None:
    """Give the next hint for a QUESTION (q1) of exercise NN: three levels, the last one is nearly the answer."""
    from . import exercises

    click.echo(exercises.hint(number, question))


@exercise.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def status(*, as_json: bool) -> None:
    """Show how far you are: a box for each question, full when it is solved and half when it is begun."""
    from . import exercises
    from .learning import pictures

    found = exercises.status()
    if as_json:
        click.echo(json.dumps({name: [asdict(state) for state in states] for name, states in found.items()}))
        return
    click.echo("\n".join(pictures.lines(found)))


@exercise.command()
@click.argument("number", metavar="[NN]", default="01")
@click.option("--minutes", type=click.FloatRange(min=0.01), default=240, show_default=True, help="When to end.")
def watch(number: str, minutes: float) -> None:
    """Check exercise NN whenever its notebook is saved, and go on with the next one; end with Ctrl-C."""
    from .learning.watch import watch as run

    done = run(number, limit=60 * minutes, tell=click.echo)
    click.echo("All exercises are solved" if done else "The time is over; what is solved is kept", err=True)
