"""A run: the lessons executed by papermill in order, with their state kept so that a later run can go on from it.

Its page says what was done, how long it took, the key figures, and what stopped it.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from ..base.errors import InputError
from ..base.files import write_atomic
from ..base.settings import PREFIX, RESERVED
from ..reports.pages import Link, Section, Status, write_page
from . import lessons
from .kernel_forkserver import POSSIBLE, SWITCH, KernelForkserver
from .kernels import Kernel, execute_notebook, kernel_environment
from .lessons import Tell

DONE, FAILED, STOPPED, WAITING = "done", "failed", "stopped", "waiting"
LATEST = "latest"
NOTEBOOKS = "notebooks"
# The lesson that trains; whatever needs a model would train it too, so the others wait for it.
FIRST = "02_training"
Texts = Sequence[tuple[str, str]]
STATUS_OF = {DONE: "good", FAILED: "bad"}


@dataclass
class LessonStep:
    """One lesson of a run. `inputs` is a sum over all that its result depends on; `seconds` is its wall time."""

    lesson: str
    inputs: str
    parameters: dict[str, Any] = field(default_factory=dict)
    state: str = WAITING
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    failure: dict[str, Any] | None = None


@dataclass
class Run:
    """A run and its steps, in order."""

    folder: Path
    steps: list[LessonStep]

    @property
    def failed(self) -> LessonStep | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.state == FAILED), None)

    @property
    def complete(self) -> bool:
        """Whether every step is done."""
        return all(step.state == DONE for step in self.steps)

    def save(self) -> None:
        """Write run.json, as a whole."""
        write_atomic(self.folder / "run.json", json.dumps({"steps": [asdict(step) for step in self.steps]}, indent=1))


def plan_run(
    home: Path, runs: Path, names: Sequence[str], parameters: Texts, *, resume: bool, data: Sequence[Path] = ()
) -> Run:
    """A new run of the named lessons (all without a name), or the latest one with what is complete and unchanged kept.

    A resumed run has the lessons and the parameters that it had; those in `parameters` are set again. `data` are the
    files with the sums of the data. Raises InputError for names and parameters that do not fit, and without a run.
    """
    old = latest_run(runs) if resume else None
    if old and names:
        raise InputError("the latest run goes on with its own lessons", where="--resume", hint="leave the names out")
    chosen = lessons.choose_lessons(home / NOTEBOOKS, [step.lesson for step in old.steps] if old else names)
    before = {step.lesson: step.parameters for step in old.steps} if old else {}
    assigned = lessons.assign_parameters(chosen, parameters)
    common, steps = _common_inputs(home, data), []
    for path in chosen:
        values = {**before.get(path.stem, {}), **assigned[path.stem]}
        steps.append(LessonStep(path.stem, lessons.inputs_sum(path, values, common), values))
    if old:
        return Run(old.folder, _resumed_steps(old.steps, steps))
    run = Run(_new_folder(runs), steps)
    run.save()
    write_atomic(runs / LATEST, run.folder.name + "\n")
    return run


def latest_run(runs: Path) -> Run:
    """The newest run; InputError when there is none or its record cannot be read."""
    try:
        folder = runs / (runs / LATEST).read_text(encoding="utf-8").strip()
        steps = json.loads((folder / "run.json").read_text(encoding="utf-8"))["steps"]
        return Run(folder, [LessonStep(**step) for step in steps])
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "start one with the command `run`, without --resume"
        raise InputError("there is no run to go on with", where=runs, hint=hint) from error


class Runner:
    """Executes the steps of a run that are not done, up to `jobs` at a time; `stop` ends it from another thread."""

    def __init__(self, run: Run, home: Path, *, jobs: int = 1, limit: float | None = None) -> None:
        """Run the lessons of the project `home`, each within `limit` seconds."""
        self.run, self.home = run, home
        self.jobs, self.limit = jobs, limit
        self._kernels: dict[str, Kernel] = {}
        self._stopped = False

    def execute(self, tell: Tell) -> Run:
        """Execute what is not done; after a failure nothing new is started. `tell` hears lesson, cell and cells."""
        waiting = [step for step in self.run.steps if step.state != DONE]
        first = [step for step in waiting if step.lesson <= FIRST]
        rest = [step for step in waiting if step.lesson > FIRST]
        with self._forkserver(len(waiting)) as forkserver, ThreadPoolExecutor(self.jobs) as pool:
            for group in (first, rest):
                self._wait([pool.submit(self._execute_step, step, tell, forkserver) for step in group])
        return self.run

    def stop(self) -> None:
        """End every kernel and start no other; what they had finished is kept."""
        self._stopped = True
        for kernel in list(self._kernels.values()):
            kernel.kill()

    @contextmanager
    def _forkserver(self, kernels: int) -> Iterator[KernelForkserver | None]:
        # For a single kernel it would import more than the lesson needs.
        if not POSSIBLE or os.environ.get(SWITCH) == "0" or kernels < 2:
            yield None
            return
        forkserver = KernelForkserver(kernel_environment(self.home))
        try:
            yield forkserver
        finally:
            forkserver.close()

    def _wait(self, futures: "Sequence[Future[None]]") -> None:
        try:
            # In slices, so that an interrupt is heard at once on every platform.
            while wait(futures, timeout=0.2).not_done:
                continue
        except BaseException:
            self.stop()
            raise
        for future in futures:
            future.result()

    def _execute_step(self, step: LessonStep, tell: Tell, forkserver: KernelForkserver | None) -> None:
        if self._stopped or self.run.failed:
            return
        kernel = self._kernels[step.lesson] = Kernel()
        begun = time.monotonic()
        target = self.run.folder / f"{step.lesson}.ipynb"
        timer = kernel.kill_after(self.limit)
        failure = execute_notebook(
            self.home / NOTEBOOKS / target.name,
            target,
            step.parameters,
            home=self.home,
            kernel=kernel,
            tell=lambda cell, cells: tell(step.lesson, cell, cells),
            forkserver=forkserver,
        )
        timer.cancel()
        step.seconds = round(time.monotonic() - begun, 1)
        step.figures = lessons.key_figures(target)
        if failure and kernel.timed_out:
            failure.error = f"it took longer than the limit of {self.limit:g} seconds and was ended"
        step.failure = asdict(failure) if failure else None
        step.state = DONE if not failure else STOPPED if self._stopped else FAILED
        self.run.save()


def _new_folder(runs: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    for extra in range(1000):
        folder = runs / (f"{stamp}-{extra}" if extra else stamp)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if folder.is_dir():
                continue
            raise InputError("is a file where a folder is needed", where=runs, hint="choose another one") from None
        except OSError as error:
            hint = "choose another folder in [paths] runs"
            raise InputError(f"cannot be made: {error.strerror}", where=folder, hint=hint) from error
        return folder
    raise InputError("too many runs in one second", where=runs, hint="try again")


def _resumed_steps(old: Sequence[LessonStep], new: Sequence[LessonStep]) -> list[LessonStep]:
    before = {step.lesson: step for step in old}
    steps: list[LessonStep] = []
    for step in new:
        same = before.get(step.lesson)
        # From the first step that is not complete or whose inputs changed, everything is done again.
        unchanged = all(each.state == DONE for each in steps) and same and same.state == DONE
        steps.append(same if same and unchanged and same.inputs == step.inputs else step)
    return steps


def _common_inputs(home: Path, data: Sequence[Path]) -> str:
    code = (Path(__file__).parents[1], home / "src")
    files = sorted({path for folder in code for pattern in ("*.py", "*.sql") for path in folder.rglob(pattern)})
    files += [home / "config.toml", *sorted(data)]
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()]
    variables = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in RESERVED)
    sums += [f"{name}={os.environ[name]}" for name in variables]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def write_run_page(run: Run, name: str, reports: Path) -> Path:
    """Write index.html into the folder of the run, with links to the executed notebooks and to the newest reports."""
    lesson_rows = [_lesson_row(step, run.folder) for step in run.steps]
    figures = [
        {"lesson": step.lesson, "figure": name, "value": f"{value:,}"}
        for step in run.steps
        for name, value in step.figures.items()
    ]
    tables: dict[str, Any] = {"Lessons": lesson_rows, "Key figures": figures}
    sections = [Section(heading, table=pd.DataFrame(rows)) for heading, rows in tables.items()]
    if run.failed:
        sections.insert(0, _failure_section(run.failed))
    pages = sorted(reports.glob("**/*.html"))
    if pages:
        links = [Link(page.relative_to(reports).as_posix(), _relative_link(run.folder, page)) for page in pages]
        sections.append(Section("Reports", table=pd.DataFrame({"report": links})))
    total = sum(step.seconds for step in run.steps)
    lead = f"{sum(step.state == DONE for step in run.steps)} of {len(run.steps)} lessons, {total:.0f} seconds of work."
    status: Status = "good" if run.complete else "bad"
    return write_page(run.folder / "index.html", f"{name}: run {run.folder.name}", sections, lead=lead, status=status)


def _relative_link(folder: Path, page: Path) -> str:
    # Relative, so that the links hold when the project moves; on Windows, another drive has no such path.
    try:
        return quote(Path(os.path.relpath(page, folder)).as_posix())
    except ValueError:
        return page.as_uri()


def _lesson_row(step: LessonStep, folder: Path) -> dict[str, object]:
    notebook = folder / f"{step.lesson}.ipynb"
    parameters = ", ".join(f"{name} = {value}" for name, value in step.parameters.items())
    return {
        "lesson": Link(step.lesson, notebook.name) if notebook.is_file() else step.lesson,
        "status": STATUS_OF.get(step.state, step.state),
        "seconds": step.seconds,
        "parameters": parameters or "defaults",
    }


def _failure_section(step: LessonStep) -> Section:
    failure = step.failure or {}
    text = f"Cell {failure.get('cell')} of {step.lesson} stopped the run: {failure.get('error')}"
    return Section("What stopped it", text=text, code="\n".join(failure.get("lines", [])), status="bad")
