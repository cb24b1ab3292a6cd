"""Progress as a picture: exercises and quizzes, lines for the terminal, a chart for a lesson."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .exercises import State

SOLVED, BEGUN, OPEN = "■", "◧", "□"


def everything(home: Path) -> "dict[str, list[State]]":
    """How far the exercises are, and beside them the quiz of each lesson."""
    from . import exercises, quiz

    return {**exercises.status(home), quiz.KEY: [exercises.State(**state) for state in quiz.status(home)]}


def lines(status: Mapping[str, Sequence["State"]]) -> list[str]:
    """A line for each exercise: a box for each question (full: solved, half: begun), and the counts."""
    width = max((len(name) for name in status), default=0)
    most = max((len(states) for states in status.values()), default=0)
    return [
        f"{name:{width}}  {''.join(map(_box, states)):{most}}  {sum(s.solved for s in states)} of {len(states)}"
        f"{_also(states)}"
        for name, states in status.items()
    ]


def chart(status: Mapping[str, Sequence["State"]]) -> "Figure":
    """A tile for each question: green when solved, orange when begun, grey when open."""
    from roadworthy.reports import charts

    solved = sum(state.solved for states in status.values() for state in states)
    title = f"{solved} of {sum(map(len, status.values()))} questions solved"
    return charts.tiles({name: list(map(_tile, states)) for name, states in status.items()}, title=title)


def _tile(state: "State") -> tuple[str, str]:
    return state.question, "good" if state.solved else "begun" if state.tries else "open"


def _box(state: "State") -> str:
    return SOLVED if state.solved else BEGUN if state.tries else OPEN


def _also(states: Sequence["State"]) -> str:
    hints = sum(state.hints for state in states)
    return f", {hints} hint{'s' if hints > 1 else ''}" if hints else ""
