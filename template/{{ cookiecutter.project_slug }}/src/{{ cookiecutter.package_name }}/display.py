"""Progress of long work on standard error: bars on a terminal, a line for each step elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TaskID
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn


class Display:
    """Shows how far each named piece of work is; use it as a context manager and call `tell`."""

    def __init__(self, unit: str, *, show: bool = True) -> None:
        """`unit` is what is counted: "cell", "row"; nothing is shown without `show`."""
        self._console = Console(stderr=True)
        self._unit, self._show = unit, show
        self._tasks: dict[str, TaskID] = {}
        self._since: dict[str, float] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console, disable=not (show and self._console.is_terminal))

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()

    def tell(self, name: str, at: int, of: int | None) -> None:
        """`name` has come to `at` of `of`, which is None when nobody knows."""
        if not self._console.is_terminal:
            self._tell_plainly(name, at, of)
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=of)
        self._progress.update(self._tasks[name], completed=at, total=of)

    def tell_step(self, name: str, at: int, of: int) -> None:
        """Step `at` of `of` is `name`: one bar for all of them, or a line for each."""
        if self._show and self._console.is_terminal:
            if not self._tasks:
                self._tasks[""] = self._progress.add_task(name, total=of)
            self._progress.update(self._tasks[""], description=name, completed=at)
        elif self._show:
            self._console.print(f"{self._unit} {at} of {of}: {name}", highlight=False, soft_wrap=True)

    def _tell_plainly(self, name: str, at: int, of: int | None) -> None:
        if name not in self._since:
            self._since[name] = time.monotonic()
            self._console.print(f"{name}: {of or ''} {self._unit}s", highlight=False, soft_wrap=True)
        if at == of:
            seconds = time.monotonic() - self._since[name]
            self._console.print(f"{name}: done in {seconds:.1f} s", highlight=False, soft_wrap=True)
