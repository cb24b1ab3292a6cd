"""The conversation with the process in the sandbox, under limits that hold from outside."""

import json
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import psutil

from . import sandbox

LOOK = 0.25  # seconds between two looks at the memory of the processes
PATIENCE = 3  # times the seconds that an answer may compute, by the clock
LONGEST = 1 << 20  # bytes of a reply
ROUNDS = 20  # of ending what an answer has left running


ALIVE: "set[Inside]" = set()
HALT = threading.Event()  # the grader itself is stopped: nothing new begins


class Stopped(Exception):  # noqa: N818 - it is the answer's, not the program's
    """The process had to be ended, or has ended itself; the reason in words."""


class Inside:
    """One process in the sandbox; use it as a context manager: nothing of it is left afterwards."""

    def __init__(self, walls: sandbox.Walls, limits: sandbox.Limits) -> None:
        """Start it; KeyboardInterrupt when the grader is being stopped."""
        if HALT.is_set():
            raise KeyboardInterrupt
        self.walls, self.limits = walls, limits
        self.scratch = Path(tempfile.mkdtemp(prefix="grading-")) if walls.trusted else None
        folder = self.scratch or sandbox.FREE
        source = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path.append({source!r}); from roadworthy_course.grading.worker import main; main()"
        self.process = subprocess.Popen(  # noqa: S603
            [*sandbox.command(walls, limits), sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=sandbox.variables(walls, folder),
            cwd=self.scratch,
            start_new_session=True,
        )
        ALIVE.add(self)
        self.folder, self.said = folder, deque[str](maxlen=20)
        self.replies: queue.Queue[bytes] = queue.Queue(maxsize=100)
        self._threads = [
            threading.Thread(target=_listen, args=(self.process.stdout, self.replies), daemon=True),
            threading.Thread(target=_drain, args=(self.process.stderr, self.said), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        if HALT.is_set():  # meanwhile
            self.end()
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        """Nothing to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it and all that it has started."""
        self.end()

    def begin(self, number: str) -> None:
        """Take on the limits, import the checks; raises Stopped."""
        limits = self.limits.of_process
        if self.walls.trusted:
            limits.pop("NPROC")  # it would count all processes of this account
        confined = {"limits": limits, "uid": sandbox.user(self.walls), "fonts": sandbox.fonts()}
        given = {"home": str(self.walls.home), "number": number, "folder": str(self.folder)}
        self.ask("begin", self.limits.start, confined=confined, **given)

    def ask(self, action: str, seconds: float, **given: object) -> dict[str, Any]:
        """The reply to a request; Stopped when there is none in time, or one that is not the worker's.

        `seconds` of computing, three times as many by the clock.
        """
        nonce = secrets.token_hex(16)
        request = json.dumps({"do": action, "nonce": nonce, **given}).encode() + b"\n"
        assert self.process.stdin  # noqa: S101 - it is a pipe
        try:
            self.process.stdin.write(request)
            self.process.stdin.flush()
        except OSError:
            raise Stopped(self._ended()) from None
        reply = _understood(self._reply(seconds))
        if reply.get("nonce") != nonce:
            raise Stopped("something wrote into the grader's channel")
        return reply

    def sweep(self) -> None:
        """End whatever an answer has left running beside the worker; Stopped when it starts faster than it is ended."""
        for _ in range(ROUNDS):
            left = self._others()
            if not left:
                return
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            time.sleep(0.01)
        raise Stopped("it starts processes faster than they can be ended")

    def end(self) -> None:
        """Kill the process and all that it has started, and wait until they are gone."""
        ALIVE.discard(self)
        family = self._family()
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                stream and stream.close()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _reply(self, seconds: float) -> bytes:
        # Time on a processor, so that a busy machine costs nobody points; one that sleeps meets the clock.
        end, used = time.monotonic() + PATIENCE * seconds, self._used()
        while (left := end - time.monotonic()) > 0 and self._used() - used < seconds:
            with suppress(queue.Empty):
                return self.replies.get(timeout=min(left, LOOK)) or self._raise(self._ended())
            if self.process.poll() is not None:
                self._raise(self._ended())
            # Pages that processes share are counted once only when it matters: that takes longer.
            if self._memory("rss") > self.limits.memory and self._memory("pss") > self.limits.memory:
                self._raise(f"its processes took more than {self.limits.memory >> 20:,} MB of memory")
        return self._raise(f"it took longer than {seconds:g} s: an endless loop?")

    def _raise(self, reason: str) -> bytes:
        raise Stopped(reason)

    def _ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        code = self.process.returncode
        number = -code if code is not None and code < 0 else (code or 0) - 128
        if code is not None and 0 < number < signal.NSIG:
            return f"the process was ended by {signal.Signals(number).name}: out of memory, or a crash?"
        if code is not None:
            return f"the process ended itself with exit code {code}: os._exit?"
        return "the process closed the grader's channel"

    def _memory(self, kind: str) -> int:
        total = 0
        for process in self._family():
            with suppress(psutil.Error):
                used = process.memory_info() if kind == "rss" else process.memory_full_info()
                total += getattr(used, kind, used.rss)
        return total

    def _used(self) -> float:
        """Seconds on a processor of all processes that there are, and of those that they have waited for."""
        total = 0.0
        for process in self._family():
            with suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])
        return total

    def _family(self) -> list[psutil.Process]:
        """All processes, the oldest first."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def _others(self) -> list[psutil.Process]:
        """All but bubblewrap's two and the worker, which is the second one's first child."""
        family = self._family()
        own = 1 if self.walls.trusted else 3
        keep = {process.pid for process in sorted(family, key=_started)[:own]}
        return [process for process in family if process.pid not in keep and _alive(process)]


def end_all() -> None:
    """End every process that there is and start no other one, when the grader itself is stopped."""
    HALT.set()
    while ALIVE:
        with suppress(KeyError):
            ALIVE.pop().end()


def _started(process: psutil.Process) -> tuple[float, int]:
    with suppress(psutil.Error):
        return process.create_time(), process.pid
    return float("inf"), process.pid


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _understood(line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    return dict(reply) if isinstance(reply, Mapping) else {}


def _listen(stream: IO[bytes], replies: "queue.Queue[bytes]") -> None:
    """Lines of the channel; an empty one at its end. What floods it fills the queue, and nobody waits for it."""
    with suppress(OSError, ValueError):
        while line := stream.readline(LONGEST):
            with suppress(queue.Full):
                replies.put_nowait(line)
    with suppress(queue.Full):
        replies.put_nowait(b"")


def _drain(stream: IO[bytes], said: "deque[str]") -> None:
    """Keep the last lines of what is printed, and drop the rest."""
    with suppress(OSError, ValueError):
        while part := stream.readline(400):
            said.append(part.decode(errors="replace").rstrip())
