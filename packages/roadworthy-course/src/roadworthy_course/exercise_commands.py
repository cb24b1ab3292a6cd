"""The commands for the learner: list, check, hint, status, watch, quiz, capstone."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from roadworthy.base.errors import RedError


@click.group()
def exercise() -> None:
    """List the exercises, check one, get a hint, see how far you are."""


@exercise.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def list_(*, as_json: bool) -> None:
    """List the exercises with their questions and what is solved."""
    from . import exercises, here

    found = exercises.status(here.folder())
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
    from . import exercises, here

    verdicts = exercises.check_notebook(here.folder(), number)
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
    from . import exercises, here

    click.echo(exercises.hint(here.folder(), number, question))


@exercise.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def status(*, as_json: bool) -> None:
    """Show how far you are: a box for each question, and for each lesson's quiz; full: solved, half: begun."""
    from . import here, pictures

    found = pictures.everything(here.folder())
    if as_json:
        click.echo(json.dumps({name: [asdict(state) for state in states] for name, states in found.items()}))
        return
    click.echo("\n".join(pictures.lines(found)))


@exercise.command()
@click.argument("lesson", metavar="LESSON")
@click.argument("letters", metavar="[LETTERS]", default="")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def quiz(lesson: str, letters: str, *, as_json: bool) -> None:
    """Ask the questions at the end of LESSON (01); with LETTERS (bca), judge and explain; exit code 1 until all fit."""
    from . import here
    from . import quiz as of_lesson

    home = here.folder()
    if not letters:
        asked = of_lesson.ask(home, lesson)
        questions = [{"ask": each.ask, "choices": each.choices} for each in asked.questions]
        how = f"Answer with a letter for each question: exercise quiz {lesson} {'a' * len(questions)}"
        click.echo(json.dumps(questions) if as_json else f"{asked.text}\n{how}")
        return
    answered = of_lesson.answer(home, lesson, letters)
    click.echo(json.dumps(answered.to_dict()) if as_json else repr(answered))
    if not answered.passed:
        raise RedError("not all answers are right", hint="read the explanations, then the lesson, and try again")


@exercise.command()
@click.argument("number", metavar="[NN]", default="01")
@click.option("--minutes", type=click.FloatRange(min=0.01), default=240, show_default=True, help="When to end.")
def watch(number: str, minutes: float) -> None:
    """Check exercise NN whenever its notebook is saved, and go on with the next one; end with Ctrl-C."""
    from . import here
    from .watch import watch as run

    done = run(here.folder(), number, limit=60 * minutes, tell=click.echo)
    click.echo("All exercises are solved" if done else "The time is over; your progress is saved", err=True)


@exercise.command("capstone")
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def capstone_(folder: Path | None, *, as_json: bool) -> None:
    """Judge the project in FOLDER (this one without it) by the capstone's rubric; exit code 1 until all of it is right.

    Reads what the project's commands have written, and runs its contract.py; what a person has to judge is listed.
    """
    from . import here, rubric

    home = here.folder()
    judged = rubric.judge(folder or home, rubric.load(here.questions(home) / rubric.FILE))
    if as_json:
        click.echo(json.dumps([each.to_dict() for each in judged], indent=1))
    else:
        click.echo("\n".join(line for each in judged for line in each.lines))
    click.echo(rubric.summary(judged), err=True)
    if any(each.passed is False for each in judged):
        raise RedError("the capstone is not complete", hint="docs/capstone.md says what each item means")
