"""A process that has imported the slow packages once and forks a kernel whenever one is asked for.

Seven kernels that each import pandas, scikit-learn and MLflow cost more than the lessons themselves. The forkserver
imports them before it has started any thread; a forked kernel has them at once and is otherwise like every other one.
Linux only: on other systems a fork without an exec is not safe.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

POSSIBLE = sys.platform == "linux"
SWITCH = "MLE_FORK"  # 0 in the environment: every kernel starts on its own
# What lessons use, but for what starts a thread when it is imported (ONNX Runtime): no fork is safe after that.
PACKAGES = (
    # pandera imports the second one itself, when it validates for the first time.
    *("duckdb", "pandas", "pandera.pandas", "pandera.backends.pandas.builtin_checks"),
    *("scipy.stats", "matplotlib.figure", "matplotlib.dates"),
    *("sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics"),
    *("skl2onnx", "mlflow", "ipykernel.kernelapp"),
)
# An alternative to Arrow's own memory pool would be slower; without its thread it is as fast.
QUIET = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "MLFLOW_DISABLE_TELEMETRY": "true"}
BACKEND = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as a kernel sets it when it starts


class ForkedKernel:
    """A forked kernel, as far as jupyter_client looks at a process; it is no child of this process."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        """Follow the process `pid`, which may have ended already."""
        self.pid = pid
        with suppress(psutil.NoSuchProcess):
            self._process = psutil.Process(pid)

    def poll(self) -> int | None:
        """None while it runs; nobody knows how it ended."""
        try:
            return None if self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE else 1
        except (AttributeError, psutil.NoSuchProcess):
            return 1

    def wait(self) -> int:
        """Wait for its end."""
        if self.poll() is None:
            self._process.wait()
        return 1

    def send_signal(self, number: int) -> None:
        """Send a signal to it alone."""
        if self.poll() is None:
            self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class KernelForkserver:
    """The forkserver as its owner sees it. It ends, with all its kernels, when the owner ends, however that happens."""

    def __init__(self, environment: dict[str, str]) -> None:
        """Start it; it imports while the owner goes on. Its kernels get `environment`."""
        command, environment = [sys.executable, "-m", __spec__.name], {**QUIET, **BACKEND, **environment}
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)  # noqa: S603
        self._lock = Lock()

    def fork(
        self, arguments: Sequence[str], folder: str, log: str, environment: Mapping[str, str]
    ) -> ForkedKernel | None:
        """A new kernel that works in `folder` and appends what it says to the file `log`; None if it cannot be.

        Beside the environment of the forkserver it has some variables of its own.
        """
        order = {"arguments": list(arguments), "folder": folder, "log": log, "environment": dict(environment)}
        assert self._process.stdin  # noqa: S101 - they are pipes
        assert self._process.stdout  # noqa: S101
        with self._lock, suppress(OSError, ValueError):
            self._process.stdin.write(f"{json.dumps(order)}\n".encode())
            self._process.stdin.flush()
            return ForkedKernel(int(self._process.stdout.readline()))
        return None

    def close(self) -> None:
        """End the forkserver and every kernel that still runs."""
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close() if pipe else None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Import, then fork a kernel for each order on the standard input; at its end, end them all."""
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    for package in PACKAGES:
        # A package that does not import is the lesson's to complain about, in the cell that needs it.
        with suppress(Exception):
            import_module(package)
    children: set[int] = set()
    # Waited for at once, so that a dead kernel is seen to be dead and its time is counted as this process's.
    signal.signal(signal.SIGCHLD, lambda *_: _reap(children, os.WNOHANG))
    try:
        for line in sys.stdin.buffer:
            if len(list(Path("/proc/self/task").iterdir())) > 1:
                break  # a fork would lose the threads and keep their locks
            pid = os.fork()
            if pid == 0:
                _become_kernel(json.loads(line))
            children.add(pid)
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for child in children:
            _kill_group(child)
        _reap(children, 0)
        os._exit(0)  # to tidy up all that was imported takes long


def _reap(children: set[int], options: int) -> None:
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, options)[0]:
            children.discard(pid)
            _kill_group(pid)  # what a kernel leaves behind


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _become_kernel(order: dict[str, Any]) -> None:
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _redirect_output(Path(order["log"]))
        os.chdir(order["folder"])
        os.environ.update(order["environment"])
        tempfile.tempdir = None  # it was looked up for the forkserver
        import numpy as np
        from ipykernel.kernelapp import IPKernelApp

        np.random.seed()  # noqa: NPY002 - or all kernels would draw the same numbers
        IPKernelApp.launch_instance(argv=order["arguments"])
        code = 0
    finally:
        os._exit(code)


def _redirect_output(log: Path) -> None:
    output, nothing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, nothing), (1, output), (2, output)):
        os.dup2(target, number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the standard input


if __name__ == "__main__":
    main()
