"""A project with a small exercise, its hidden checks, and submissions: right, wrong, and hostile ones."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toys import questions

SECRET = "SEED-9131"  # noqa: S105 - what no submission may find
CHECKS = '''
from roadworthy_course.answers import called, require
from roadworthy_course.checks import Question

class Q1(Question):
    """Double a number"""

    def __init__(self, seed, q1):
        self.seed, self.came = seed, called(q1, seed)

    def check_value(self):
        """it is twice the number"""
        cause = "Is it the square?" if self.came == self.seed**2 else "Two times?"
        require(self.came == 2 * self.seed, expected=str(2 * self.seed), came=str(self.came), cause=cause)

    def check_type(self):
        """it is a whole number"""
        require(isinstance(self.came, int), expected="int", came=type(self.came).__name__, cause="Is it divided?")

class Q2(Question):
    """A name"""

    def __init__(self, seed, q2):
        self.name = q2

    def check_text(self):
        """it is Ada"""
        require(self.name == "Ada", expected="Ada", came=str(self.name), cause="Who wrote the first program?")

class Q3(Question):
    """The next number"""

    def __init__(self, seed, q3):
        self.seed, self.came = seed, called(q3, seed)

    def check_value(self):
        """it is one more"""
        require(self.came == self.seed + 1, expected=str(self.seed + 1), came=str(self.came), cause="Plus one?")
'''
HIDDEN = f'''"""{SECRET}"""
from pathlib import Path
from roadworthy_course import checks

globals().update(checks.on_other_data(Path(__file__).parents[1] / "check_07.py", seeds=(9131, 9132)))
'''
PEEK = """
import os
from pathlib import Path
q2 = "nothing to see"
home = Path({home!r})
for path in [*home.rglob("*"), *Path("/proc").glob("[0-9]*/environ")]:
    try:
        if path.is_file() and "{secret}" + "-9131" in path.read_text():
            q2 = str(path)
    except (OSError, UnicodeDecodeError):
        pass
others = [*home.glob("submissions/*"), *home.glob("report/*"), *home.glob("exercises/hidden/*")]
q2 = str(others) if others else q2
q2 = "environment" if "PYTEST_CURRENT_TEST" in os.environ else q2
"""
OUTSIDE = """
found = []
for place in {places!r}:
    try:
        open(place, "w").write("was here")
        found.append(place)
    except OSError:
        pass
q2 = str(found) if found else "nowhere"
"""
TAMPER = """
from roadworthy_course import answers, checks
checks.judge = answers.require = checks.Fault.__init__ = lambda *_, **__: None
q2 = 'Bob'
"""
FORGE = """
import json, os
line = json.dumps({"verdict": {"question": "q2", "title": "", "results": []}, "changed": [], "threads": 0})
for number in range(3, 64):
    try:
        os.write(number, line.encode() + b"\\n")
    except OSError:
        pass
q2 = 'Bob'
"""
BEGIN = "from roadworthy_course import exercises\ncheck = exercises.begin('07')"
SQUARE = "def q1(x):\n    y = x ** 2  # squared\n    if y < 0:\n        return 0\n    return int(y)"
BLANKS = {"q1": "def q1(x):\n    return ...", "q2": "q2 = ...", "q3": "def q3(x):\n    return ..."}
RIGHT = {"q1": "def q1(x):\n    return 2 * x", "q2": 'q2 = "Ada"', "q3": "def q3(x):\n    return x + 1"}


HOSTILES = (
    "loop", "lock", "sleep", "exit", "crash", "memory", "burst", "forks", "detached", "file",
    "peek", "outside", "network", "tamper", "forge", "thread", "quits", "magic", "helper",
)  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """An answer to q2, the verdicts that it may get, and words of the reason or the note."""

    source: str
    verdicts: tuple[str, ...]
    words: str = ""


def hostile(home: Path, port: int, mark: str) -> dict[str, Hostile]:
    """What learners may hand in; `mark` is an argument by which what is left running would be found."""
    return {**_greedy(mark), **_curious(home, port, mark), **_odd()}


def _greedy(mark: str) -> dict[str, Hostile]:
    late, wrong, sleeping = "longer than 3 s", ("wrong",), f"['sleep', '{mark}']"
    forks = "import os\nwhile os.fork() >= 0: pass"
    burst = f"import subprocess\nfor _ in range(500): subprocess.Popen({sleeping})"
    away = f"import subprocess\nsubprocess.Popen(['setsid', '-f', *{sleeping}], start_new_session=True)\nq2 = 'Ada'"
    large = "with open('big', 'wb') as file:\n    for _ in range(5000): file.write(bytes(10**6))"
    return {
        "loop": Hostile("while True: pass", ("stopped",), late),
        "lock": Hostile("q2 = sum(range(10**14))", ("stopped",), late),
        "sleep": Hostile("import time\ntime.sleep(3600)", ("stopped",), late),
        "exit": Hostile("import os\nos._exit(3)", ("stopped",), "exit code 3"),
        "crash": Hostile("import ctypes\nctypes.string_at(0)", ("stopped",), "SIGSEGV"),
        "memory": Hostile("q2 = bytearray(8 * 10**9)", wrong, "MemoryError"),
        "burst": Hostile(burst, wrong, "temporarily unavailable"),
        "forks": Hostile(forks, ("stopped", "wrong")),
        "detached": Hostile(away, ("right",)),
        "file": Hostile(large, wrong, "File too large"),
    }


def _curious(home: Path, port: int, mark: str) -> dict[str, Hostile]:
    outside = [str(home / mark), str(home / "submissions" / mark), f"/{mark}", f"/usr/{mark}", f"/dev/{mark}"]
    call = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)"
    return {
        "peek": Hostile(PEEK.format(home=str(home), secret=SECRET[:4]), ("wrong",), "nothing to see came"),
        "outside": Hostile(OUTSIDE.format(places=outside), ("wrong",), "nowhere came"),
        "network": Hostile(call, ("wrong",), "refused"),
        "tamper": Hostile(TAMPER, ("tampered",), "changed what judges it"),
        "forge": Hostile(FORGE, ("stopped",), "grader's channel"),
    }


def _odd() -> dict[str, Hostile]:
    thread = "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\nq2 = 'Ada'"
    return {
        "thread": Hostile(thread, ("right",), "left a thread running"),
        "quits": Hostile("import sys\nsys.exit()", ("wrong",), "SystemExit"),
        "magic": Hostile("%matplotlib inline\n!ls\nq2 = 'Ada'", ("right",)),
        "helper": Hostile("q2 = helper()", ("wrong",), "helper is defined in another cell"),
    }


def project(home: Path) -> Path:
    """The project, with hidden checks and solutions inside: they must not be seen all the same."""
    folder = home / "exercises"
    write(folder / "07_toy.ipynb", notebook(BLANKS))
    write(folder / "solutions" / "07_toy.ipynb", notebook({**RIGHT, "q2": f"q2 = '{SECRET}'"}))
    hidden = folder / "hidden" / "check_07.py"
    hidden.parent.mkdir(parents=True, exist_ok=True)
    hidden.write_text(HIDDEN, encoding="utf-8")
    (questions(home) / "check_07.py").write_text(CHECKS, encoding="utf-8")
    return home


def notebook(answers: dict[str, str]) -> dict[str, Any]:
    """The exercise with these answers."""
    cells = [_cell("c0", BEGIN)]
    for question, source in answers.items():
        cells.append(_cell(question, source, question=question, tags=["answer"]))
        cells.append(_cell(f"{question}-check", f'check("{question}")'))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def with_cell(made: dict[str, Any], at: int, source: str, **metadata: object) -> dict[str, Any]:
    """A copy with one more cell before the one at this place."""
    copied = copy.deepcopy(made)
    copied["cells"].insert(at, _cell(f"more-{at}", source, **metadata))
    return copied


def renamed(made: dict[str, Any]) -> dict[str, Any]:
    """A copy whose cells have lost their metadata and their ids."""
    copied = copy.deepcopy(made)
    for number, cell in enumerate(copied["cells"]):
        cell["id"], cell["metadata"] = f"new-{number}", {}
    return copied


def write(path: Path, made: dict[str, Any]) -> Path:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made), encoding="utf-8")
    return path


def cohort(folder: Path, hostiles: dict[str, Hostile]) -> None:
    """Thirty submissions: the hostile ones, broken ones, wrong ones and right ones."""
    for name, each in hostiles.items():
        made = notebook({**RIGHT, "q2": each.source})
        write(folder / f"{name}.ipynb", with_cell(made, 1, "def helper():\n    return 'Ada'"))
    (folder / "broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    (folder / "empty.ipynb").write_text("", encoding="utf-8")
    right = notebook(RIGHT)
    parts = notebook({**RIGHT, "q1": "def twice(x):\n    return 2 * x"})
    splits = with_cell(parts, 2, "def q1(x):\n    return twice(x)", question="q1", tags=["answer"])
    known = "def q1(x):\n    return {1: 2, 2: 4}.get(x, 0)"
    made = {
        "renamed": renamed(right),
        "blank": notebook(BLANKS),
        "known": notebook({**RIGHT, "q1": known}),
        "split": splits,
        "anna/07_toy": right,
        "bert/07_toy": notebook({**RIGHT, "q1": "def q1(x):\n    return x / 0.5"}),
        "square0": notebook({**RIGHT, "q1": SQUARE}),
        "square1": notebook({**RIGHT, "q1": SQUARE.replace("x", "number").replace("y", "result")}),
        "carla": notebook({**RIGHT, "q3": "def q3(x):\n    raise ValueError(x)"}),
    }
    for name, each in made.items():
        write(folder / f"{name}.ipynb", each)


def _cell(name: str, source: str, **metadata: object) -> dict[str, Any]:
    parts: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": source, **parts}
