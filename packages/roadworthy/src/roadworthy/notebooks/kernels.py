"""Execute one notebook with papermill in a kernel that this process owns, and leave nothing of it running."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

import psutil

from ..base.files import write_atomic
from .kernel_forkserver import KernelForkserver

# jsonschema's optional grammar of internationalised addresses takes seconds to import; notebooks hold none.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
ENGINE = "owned"
INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds
TellCells = Callable[[int, int], None]


@dataclass
class NotebookFailure:
    """What stopped a notebook: the number of the cell (from 1), the error in a line, the last lines of its output."""

    cell: int
    error: str
    lines: list[str] = field(default_factory=list)


class Kernel:
    """One kernel at most, to be killed from another thread."""

    def __init__(self) -> None:
        """There is none yet."""
        self.pid: int | None = None
        self.killed = False
        self.timed_out = False

    def started(self, pid: int) -> None:
        """This is its process."""
        self.pid = pid
        if self.killed:
            self.kill()

    def kill(self) -> None:
        """End the kernel and everything that it has started."""
        self.killed = True
        if self.pid is not None:
            kill_tree(self.pid)

    def kill_after(self, seconds: float | None) -> Timer:
        """A started timer that ends the kernel after so many seconds; cancel it when the kernel is done."""
        timer = Timer(seconds or 0, self._time_out)
        timer.daemon = True
        if seconds:
            timer.start()
        return timer

    def _time_out(self) -> None:
        self.timed_out = True
        self.kill()


def kill_tree(pid: int) -> None:
    """End a kernel and what it has started, at once; also what it has left behind when it has ended already."""
    family = []
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    if sys.platform != "win32":
        # A kernel leads a process group; orphans are still in it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)


def kernel_environment(home: Path) -> dict[str, str]:
    """The environment of the kernels of a project."""
    # One thread each: kernels beside each other would fight over the cores, and trees take ten times as long.
    return {"OMP_NUM_THREADS": "1", **os.environ, "MLE_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def temporary_folders(folder: str) -> dict[str, str]:
    """The variables that say where temporary files go, on every system."""
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)


def execute_notebook(
    source: Path,
    target: Path,
    parameters: Mapping[str, object],
    *,
    home: Path,
    kernel: Kernel,
    tell: TellCells,
    forkserver: KernelForkserver | None = None,
) -> NotebookFailure | None:
    """Execute the notebook `source` into `target`; what stopped it, or None.

    It runs in the folder of `source` as part of the project `home`; its kernel comes from the `forkserver`, if there is
    one. `tell` hears how many cells are done, and how many there are. The notebook is saved after each cell, so that a
    failure leaves all before it. Raises InputError when `target` cannot be written.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    _register_engine()
    notebook = _Notebook(target, tell)
    log = target.with_suffix(".log")
    write_atomic(log, "")
    options = {
        "kernel": kernel,
        "home": home,
        "folder": source.parent,
        "log": log,
        "notebook": notebook,
        "forkserver": forkserver,
    }
    try:
        # A kernel is killed when it is done and clears up nothing itself: its temporary files get a folder that goes.
        with TemporaryDirectory(prefix="lesson-", ignore_cleanup_errors=True) as scratch:
            Context().run(_papermill, source, parameters, {**options, "scratch": scratch})
    except PapermillExecutionError as error:
        return NotebookFailure(notebook.number, f"{error.ename}: {error.evalue}", str(error.source).splitlines()[:3])
    except (DeadKernelError, RuntimeError) as error:
        return NotebookFailure(
            notebook.number, "the kernel was ended" if kernel.killed else _died(error), _last_lines(log)
        )
    finally:
        notebook.save()
    log.unlink()
    tell(notebook.number, notebook.number)
    return None


def _papermill(source: Path, parameters: Mapping[str, object], options: Mapping[str, object]) -> None:
    import papermill
    from jupyter_core.utils import ensure_event_loop

    # papermill fills in what stands in braces in a path.
    path = str(source).replace("{", 2 * "{").replace("}", 2 * "}")
    more = {"engine_name": ENGINE, "kernel_name": "python3", "progress_bar": False, **options}
    try:
        papermill.execute_notebook(path, None, dict(parameters), **more)
    finally:
        ensure_event_loop().close()  # the one of this context


class _Notebook:
    """Where an execution is: tells how many cells are done, and saves the notebook after each."""

    def __init__(self, target: Path, tell: TellCells) -> None:
        self.target, self.tell = target, tell
        self.document: Any = None
        self.number = 0

    def started(self, cell_index: int, **_: object) -> None:
        # The cell that papermill adds is in no lesson and does not count.
        counted = [INJECTED not in cell.metadata.get("tags", ()) for cell in self.document.cells]
        self.number = max(sum(counted[: cell_index + 1]), 1)
        self.tell(self.number - 1, sum(counted))

    def save(self, **_: object) -> None:
        if self.document is not None:
            import nbformat.v4

            write_atomic(self.target, nbformat.v4.writes(self.document) + "\n")


def _last_lines(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("[IPKernelApp]")][-3:]


def _died(error: Exception) -> str:
    return "the kernel died (out of memory, killed, or os._exit)" if "died" in str(error).lower() else str(error)


def _register_engine() -> None:
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    for name in ("papermill", "traitlets"):  # the failure says what they have to say
        logging.getLogger(name).setLevel(logging.CRITICAL)

    class Owned(NBClientEngine):  # type: ignore[misc]
        """papermill's engine, with a kernel whose process is known and which is ended whatever happens."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
            """Run the cells; see `papermill.engines`."""
            kernel, home, scratch, notebook = (options[name] for name in ("kernel", "home", "scratch", "notebook"))
            notebook.document = nb_man.nb
            manager = _manager(kernel_name, kernel, options["forkserver"], options["log"], scratch)
            hooks = {"on_cell_start": notebook.started, "on_cell_executed": notebook.save}
            client = PapermillNotebookClient(nb_man, km=manager, timeout=None, **hooks)
            environment = {**kernel_environment(home), **temporary_folders(scratch)}
            try:
                client.execute(cwd=str(options["folder"]), env=environment)
            finally:
                if kernel.pid is not None:
                    kill_tree(kernel.pid)
                client._cleanup_kernel()  # noqa: SLF001 - sockets and the connection file

    papermill_engines.register(ENGINE, Owned)


def _manager(name: str, kernel: Kernel, forkserver: KernelForkserver | None, log: Path, scratch: str) -> Any:
    from ipykernel.kernelspec import make_ipkernel_cmd
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class Manager(AsyncKernelManager):
        """Starts the kernel from the forkserver, if there is one, and says which process it is."""

        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
            # The arguments of the kernel follow `python -m ipykernel_launcher`.
            provisioner: Any = self.provisioner
            child = forkserver and forkserver.fork(kernel_cmd[3:], options["cwd"], str(log), temporary_folders(scratch))
            if child:
                provisioner.process, provisioner.pid, provisioner.pgid = child, child.pid, child.pid
            else:
                with log.open("ab") as output:
                    await super()._async_launch_kernel(kernel_cmd, stdout=output, stderr=output, **options)
            kernel.started(provisioner.pid)

    manager = Manager(kernel_name=name)
    # With this interpreter, whatever kernels the machine has installed.
    manager._kernel_spec = KernelSpec(argv=make_ipkernel_cmd(), display_name="Python 3", language="python")  # noqa: SLF001
    return manager
