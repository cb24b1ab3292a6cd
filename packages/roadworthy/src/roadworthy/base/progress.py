"""Progress of long work on standard error: bars on a terminal, a line for each step elsewhere."""

import time
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

EVERY = 10.0  # seconds between two lines about work whose pace is shown, where there is no terminal


class Display:
    """Shows how far each named piece of work is; use it as a context manager and call `tell`."""

    def __init__(self, unit: str, *, show: bool = True, pace: bool = False) -> None:
        """`unit` is what is counted: "cell", "row"; nothing is shown without `show`.

        With `pace`, so many in a second and the time left are shown as well.
        """
        self._console = Console(stderr=True)
        self._unit, self._show, self._pace = unit, show, pace
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, _Begun] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        paced = (_Pace(unit), TimeRemainingColumn()) if pace else ()
        drawn = show and self._console.is_terminal
        self._progress = Progress(*columns, *paced, console=self._console, disable=not drawn)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()

    def tell(self, name: str, at: int, of: int | None) -> None:
        """`name` has come to `at` of `of`, which is None when nobody knows."""
        if not self._console.is_terminal:
            self._tell_plainly(name, at, of)
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=of, completed=at)
        self._progress.update(self._tasks[name], completed=at, total=of)

    def tell_step(self, name: str, at: int, of: int) -> None:
        """Step `at` of `of` is `name`: one bar for all of them, or a line for each."""
        if self._show and self._console.is_terminal:
            if not self._tasks:
                self._tasks[""] = self._progress.add_task(name, total=of)
            self._progress.update(self._tasks[""], description=name, completed=at)
        elif self._show:
            self._print(f"{self._unit} {at} of {of}: {name}")

    def _tell_plainly(self, name: str, at: int, of: int | None) -> None:
        now = time.monotonic()
        if name not in self._begun:
            self._begun[name] = _Begun(at, now, now)
            self._print(f"{name}: {of or ''} {self._unit}s")
        begun = self._begun[name]
        # From where it was first told of: a run that goes on after an interruption would seem too fast.
        seconds, done = now - begun.time, at - begun.at
        speed = f", {done / seconds:,.0f} {self._unit}s/s" if self._pace and seconds > 0 else ""
        if at == of:
            self._print(f"{name}: done in {seconds:.1f} s{speed}")
        elif self._pace and now >= begun.last_line + EVERY:
            begun.last_line = now
            left = f", {(of - at) * seconds / done:.0f} s left" if of and done > 0 else ""
            self._print(f"{name}: {at:,} {self._unit}s{speed}{left}")

    def _print(self, text: str) -> None:
        # rich would color numbers and break lines at 80 columns, where a log is searched by lines.
        self._console.print(text, highlight=False, soft_wrap=True)


@dataclass
class _Begun:
    """How far the work was when it was first told of, when that was, and when the last line was written."""

    at: int
    time: float
    last_line: float


class _Pace(ProgressColumn):
    """How many in a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The pace of the last seconds."""
        pace = task.finished_speed or task.speed
        return Text(f"{pace:,.0f} {self._unit}s/s" if pace else "")
