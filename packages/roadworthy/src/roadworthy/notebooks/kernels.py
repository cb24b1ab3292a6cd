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
    execution = _Execution(source, target, home, kernel, tell, forkserver)
    write_atomic(execution.log, "")
    try:
        # A kernel is killed when it is done and clears up nothing itself: its temporary files get a folder that goes.
        with TemporaryDirectory(prefix="lesson-", ignore_cleanup_errors=True) as execution.scratch:
            Context().run(_run_papermill, execution, parameters)
    except PapermillExecutionError as error:
        return NotebookFailure(execution.number, f"{error.ename}: {error.evalue}", str(error.source).splitlines()[:3])
    except (DeadKernelError, RuntimeError) as error:
        died = "the kernel died (out of memory, killed, or os._exit)" if "died" in str(error).lower() else str(error)
        what = "the kernel was ended" if kernel.killed else died
        return NotebookFailure(execution.number, what, _last_lines(execution.log))
    finally:
        execution.save()
    execution.log.unlink()
    tell(execution.number, execution.number)
    return None


@dataclass
class _Execution:
    """One notebook: what its kernel needs, and how far it is. It is saved after each cell."""

    source: Path
    target: Path
    home: Path
    kernel: Kernel
    tell: TellCells
    forkserver: KernelForkserver | None
    scratch: str = ""
    document: Any = None
    number: int = 0

    @property
    def log(self) -> Path:
        return self.target.with_suffix(".log")

    def started(self, cell_index: int, **_: object) -> None:
        # The cell that papermill adds is in no lesson and does not count.
        counted = [INJECTED not in cell.metadata.get("tags", ()) for cell in self.document.cells]
        self.number = max(sum(counted[: cell_index + 1]), 1)
        self.tell(self.number - 1, sum(counted))

    def save(self, **_: object) -> None:
        if self.document is not None:
            import nbformat.v4

            write_atomic(self.target, nbformat.v4.writes(self.document) + "\n")


def _run_papermill(execution: _Execution, parameters: Mapping[str, object]) -> None:
    import papermill
    from jupyter_core.utils import ensure_event_loop

    # papermill fills in what stands in braces in a path.
    path = str(execution.source).replace("{", 2 * "{").replace("}", 2 * "}")
    options = {"engine_name": ENGINE, "kernel_name": "python3", "progress_bar": False, "execution": execution}
    try:
        papermill.execute_notebook(path, None, dict(parameters), **options)
    finally:
        ensure_event_loop().close()  # the one of this context


def _last_lines(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("[IPKernelApp]")][-3:]


def _register_engine() -> None:
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    for name in ("papermill", "traitlets"):  # the failure says what they have to say
        logging.getLogger(name).setLevel(logging.CRITICAL)

    class Owned(NBClientEngine):  # type: ignore[misc]
        """papermill's engine, with a kernel whose process is known and which is ended whatever happens."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, execution: _Execution, **_: object) -> None:
            """Run the cells; see `papermill.engines`."""
            execution.document, kernel = nb_man.nb, execution.kernel
            hooks = {"on_cell_start": execution.started, "on_cell_executed": execution.save}
            client = PapermillNotebookClient(nb_man, km=_manager(kernel_name, execution), timeout=None, **hooks)
            environment = {**kernel_environment(execution.home), **temporary_folders(execution.scratch)}
            try:
                client.execute(cwd=str(execution.source.parent), env=environment)
            finally:
                if kernel.pid is not None:
                    kill_tree(kernel.pid)
                client._cleanup_kernel()  # noqa: SLF001 - sockets and the connection file

    papermill_engines.register(ENGINE, Owned)


def _manager(name: str, execution: _Execution) -> Any:
    from ipykernel.kernelspec import make_ipkernel_cmd
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    forkserver, log, variables = execution.forkserver, execution.log, temporary_folders(execution.scratch)

    class Manager(AsyncKernelManager):
        """Starts the kernel from the forkserver, if there is one, and says which process it is."""

        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
            # The arguments of the kernel follow `python -m ipykernel_launcher`.
            provisioner: Any = self.provisioner
            child = forkserver and forkserver.fork(kernel_cmd[3:], options["cwd"], str(log), variables)
            if child:
                provisioner.process, provisioner.pid, provisioner.pgid = child, child.pid, child.pid
            else:
                with log.open("ab") as output:
                    await super()._async_launch_kernel(kernel_cmd, stdout=output, stderr=output, **options)
            execution.kernel.started(provisioner.pid)

    manager = Manager(kernel_name=name)
    # With this interpreter, whatever kernels the machine has installed.
    manager._kernel_spec = KernelSpec(argv=make_ipkernel_cmd(), display_name="Python 3", language="python")  # noqa: SLF001
    return manager
