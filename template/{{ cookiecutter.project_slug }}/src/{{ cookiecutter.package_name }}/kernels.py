"""Execute one notebook with papermill in a kernel that this process owns, and leave nothing of it running."""

import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from threading import Timer
from typing import IO
from typing import Any

import psutil

from .files import writing

# jsonschema's optional grammar of internationalised addresses takes seconds to import; notebooks hold none.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

ENGINE = "owned"
Told = Callable[[int, int], None]


@dataclass
class Failure:
    """What stopped a notebook: the number of the cell (from 1), the error in a line, and the last lines it said."""

    cell: int
    error: str
    lines: list[str] = field(default_factory=list)


class Kernel:
    """One kernel at most, to be killed from another thread."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.killed = False
        self.timed_out = False

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
    """End a process and its descendants, at once."""
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)


def execute(
    source: Path, target: Path, parameters: Mapping[str, object], *, home: Path, kernel: Kernel, tell: Told
) -> Failure | None:
    """Execute the notebook `source` into `target`; what stopped it, or None.

    It runs in the folder of `source` as part of the project `home`. `tell` hears the number of each cell as it starts,
    and how many there are. The notebook is saved after each cell, so that a failure leaves all before it.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    _register()
    at = {"cell": 0}

    def started(cell: int, cells: int) -> None:
        at["cell"] = cell
        tell(cell, cells)

    said = target.with_suffix(".log")
    with writing(target), said.open("wb") as log:
        options = {"kernel": kernel, "home": home, "folder": source.parent, "said": log, "tell": started}
        try:
            papermill.execute_notebook(
                source, target, dict(parameters), engine_name=ENGINE, kernel_name="python3", progress_bar=False, **options
            )
        except PapermillExecutionError as error:
            return Failure(at["cell"], f"{error.ename}: {error.evalue}", str(error.source).splitlines()[:3])
        except (DeadKernelError, RuntimeError) as error:
            last = said.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            return Failure(at["cell"], "the kernel was ended" if kernel.killed else _died(error), last)
    return None


def _died(error: Exception) -> str:
    return "the kernel died (out of memory, killed, or os._exit)" if "died" in str(error).lower() else str(error)


def _environment(home: Path) -> dict[str, str]:
    # One thread each: kernels beside each other would fight over the cores, and trees take ten times as long.
    return {"OMP_NUM_THREADS": "1", **os.environ, "MLE_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def _register() -> None:
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine
    from papermill.engines import papermill_engines

    class Owned(NBClientEngine):  # type: ignore[misc]
        """papermill's engine, with a kernel whose process is known and which is ended whatever happens."""

        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, kernel: Kernel, home: Path, folder: Path, said: IO[bytes], tell: Told, **_: Any
        ) -> None:
            """Run the cells; see `papermill.engines`."""
            manager = AsyncKernelManager(kernel_name=kernel_name)
            cells = len(nb_man.nb.cells)

            def ready(**_: Any) -> None:
                kernel.pid = manager.provisioner.process.pid
                if kernel.killed:
                    kernel.kill()

            client = PapermillNotebookClient(
                nb_man,
                km=manager,
                timeout=None,
                on_notebook_start=ready,
                on_cell_start=lambda cell_index, **_: tell(cell_index + 1, cells),
            )
            try:
                client.execute(cwd=str(folder), env=_environment(home), stderr=said, stdout=subprocess.DEVNULL)
            finally:
                if kernel.pid is not None:
                    kill_tree(kernel.pid)
                run_sync(manager.shutdown_kernel)(now=True)

    papermill_engines.register(ENGINE, Owned)
