"""What runs inside the sandbox: the cells and the checks of one submission, one request at a time.

Requests come as JSON lines on what was standard input, replies go to what was standard output; the answers see neither.
The checking modules are imported before an answer is run and compared with themselves after it. An answer runs in this
process all the same, so whoever takes the trouble can look around in it: see docs/grading.md of the template.
"""

import builtins
import ctypes
import json
import linecache
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, BinaryIO

from .. import answers, checks, exercises, here
from . import hidden

SUBREAPER = 36  # of prctl: orphans become children of this process
LONGEST = 200  # characters of an error's message


def main() -> None:
    """Answer requests until there are no more; a process that an answer has forked ends here."""
    requests, replies = _channels()
    loads, dumps, pid, leave, reap = json.loads, json.dumps, os.getpid, os._exit, _reap
    here = pid()
    actions = _Actions().by_name
    sys.modules.pop(__name__, None)
    for line in requests:
        request = loads(line)
        reap()
        nonce, action = request.pop("nonce"), actions[request.pop("do")]
        reply = action(**request)
        if pid() != here:
            leave(0)
        replies.write(dumps({**reply, "nonce": nonce}).encode() + b"\n")
        replies.flush()


class _Actions:
    """What can be asked for; each action returns its reply."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.home, self.number = Path(), ""
        self.opens: checks.Opens = here.project
        self.visible: hidden.Questions = {}
        self.asked: type[checks.Question] = checks.Question
        self.judge = checks.judge
        self.seal: dict[tuple[str, str], tuple[int, int]] = {}
        self.threads = 0
        self.by_name: dict[str, Callable[..., dict[str, Any]]] = {
            "begin": self.begin, "run": self.run, "prepare": self.prepare, "judged": self.judged
        }  # fmt: skip

    def begin(self, home: str, number: str, folder: str, confined: dict[str, Any]) -> dict[str, Any]:
        """Take on the limits, then import what the checks need."""
        _confine(Path(folder), **confined)
        self.home, self.number = Path(home), number
        self.opens = partial(here.project, self.home)
        self.visible = checks.questions(here.questions(self.home) / f"check_{number}.py")
        exercises.begin = lambda *_, **__: lambda _question: None  # type: ignore[assignment] # checks are run apart
        notebook = ModuleType("__main__")
        sys.modules["__main__"], self.names = notebook, vars(notebook)
        self.names.update(display=lambda *_, **__: None, get_ipython=_Shell)
        self.seal, self.threads = _sealed(self.visible), threading.active_count()
        return {"questions": list(self.visible)}

    def run(self, name: str, source: str) -> dict[str, Any]:
        """Run a cell; the reply says what stopped it."""
        try:
            exec(_compiled(source, name), self.names)  # noqa: S102 - it is what this process is for
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt, too
            return {"error": _in_words(error)}
        return {"error": ""}

    def prepare(self, question: str, source: str) -> dict[str, Any]:
        """Make what the checks need; the answer has been run already when hidden checks come as `source`."""
        changed = self._changed()
        found = hidden.questions(source, here.questions(self.home), self.number) if source else self.visible
        self.asked = found[question]
        checks.prepare(self.asked, self.opens)
        return {"changed": changed}

    def judged(self, question: str) -> dict[str, Any]:
        """The verdict; which checks an answer has changed, and how many threads it has left running."""
        asked, self.asked = self.asked, checks.Question
        verdict = asdict(self.judge(question, asked, self.names, self.opens))
        return {"verdict": verdict, "changed": self._changed(), "threads": threading.active_count() - self.threads}

    def _changed(self) -> list[str]:
        now = _sealed(self.visible)
        return [".".join(name) for name, kept in self.seal.items() if now.get(name) != kept]


class _Shell:
    """Stands for IPython: magics do nothing, but for those that run a cell."""

    def run_line_magic(self, *_: object, **__: object) -> None:
        """Such as %matplotlib."""

    def run_cell_magic(self, name: str, _line: str, cell: str) -> None:
        """Such as %%time, whose cell is run."""
        if name in {"time", "timeit", "capture", "prun"}:
            exec(_compiled(cell, name), vars(sys.modules["__main__"]))  # noqa: S102 - as without the magic

    def __getattr__(self, _: str) -> Callable[..., None]:
        return self.run_line_magic


def _reap(wait: Callable[[int, int], tuple[int, int]] = os.waitpid, options: int = getattr(os, "WNOHANG", 0)) -> None:
    """What the supervisor has ended counts as a process until somebody asks for it."""
    with suppress(OSError):
        while options and wait(-1, options)[0]:
            pass


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """Where requests come from and replies go to; standard input, output and error are something else from now on."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _confine(folder: Path, limits: dict[str, int], uid: int, fonts: dict[str, str]) -> None:
    if uid:
        # As root no limit of processes holds, and what only root may read could be read.
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    elif sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    for place in ("home", "work", "matplotlib"):
        (folder / place).mkdir(exist_ok=True)
    for name, text in fonts.items():
        (folder / "matplotlib" / name).write_text(text, encoding="utf-8")
    os.chdir(folder / "work")
    if sys.platform != "win32":
        import resource

        for name, most in {**limits, "CORE": 0}.items():
            with suppress(ValueError):  # higher than it is already
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def _compiled(source: str, name: str) -> Any:
    place = f"<{name}>"
    try:
        code = compile(source, place, "exec")
    except SyntaxError:
        if not any(line.lstrip().startswith(("%", "!", "?")) or line.endswith("?") for line in source.splitlines()):
            raise
        from IPython.core.inputtransformer2 import TransformerManager

        transform: Any = TransformerManager
        source = transform().transform_cell(source)
        code = compile(source, place, "exec")
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)  # for inspect.getsource
    return code


def _in_words(error: BaseException) -> str:
    try:
        said = " ".join(str(error).split())[:LONGEST]
    except BaseException:  # noqa: BLE001 - the learner's own class
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _sealed(questions: hidden.Questions) -> dict[tuple[str, str], tuple[int, int]]:
    """What judges an answer: the identity of each function and of its code."""
    return {
        (owner, name): (id(value), id(value.__code__) if isinstance(value, FunctionType) else 0)
        for owner, names in _judges(questions)
        for name, value in list(names.items())
        if callable(value)
    }


def _judges(questions: hidden.Questions) -> Iterator[tuple[str, dict[str, Any]]]:
    for module in (builtins, json, checks, answers, here, *map(sys.modules.get, ("numpy", "pandas"))):
        if module:
            yield module.__name__, vars(module)
    pandas = sys.modules.get("pandas")
    for each in (checks.Verdict, checks.Result, checks.Fault, *((pandas.DataFrame, pandas.Series) if pandas else ())):
        yield each.__name__, dict(vars(each))
    for name, question in questions.items():
        for base in question.__mro__[:-1]:
            yield f"{name}.{base.__name__}", dict(vars(base))
        yield f"checks of {name}", getattr(question.__init__, "__globals__", {})
