"""A project with a small exercise, its hidden checks, and submissions: right, wrong, and hostile ones."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "SEED-9131"
CHECKS = '''
from mle_standin.learning.answers import called, require
from mle_standin.learning.checks import Question

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
from mle_standin.learning import checks

globals().update(checks.on_other_data(Path(__file__).parents[1] / "check_07.py", seeds=(9131, 9132)))
'''
BEGIN = "import os, time\nfrom mle_standin import exercises\ncheck = exercises.begin('07')"
BLANKS = {"q1": "def q1(x):\n    return ...", "q2": "q2 = ...", "q3": "def q3(x):\n    return ..."}
RIGHT = {"q1": "def q1(x):\n    return 2 * x", "q2": 'q2 = "Ada"', "q3": "def q3(x):\n    return x + 1"}


@dataclass(frozen=True)
class Hostile:
    """An answer to q2, the verdict that it deserves, and words of the reason or the note."""

    source: str
    verdict: str
    words: str = ""


def hostile(home: Path, port: int, mark: str) -> dict[str, Hostile]:
    """What learners may hand in; `mark` is an argument by which what is left running would be found."""
    start = "import subprocess\n"
    outside = [str(home / mark), str(home / "submissions" / mark), f"/{mark}", f"/usr/{mark}"]
    places = [str(home), "/proc/self/cwd"]
    sources = {
        "loop": Hostile("while True: pass", "stopped", "longer than 3 s"),
        "lock": Hostile("q2 = sum(range(10**14))", "stopped", "longer than 3 s"),
        "sleep": Hostile("time.sleep(3600)", "stopped", "longer than 3 s"),
        "exit": Hostile("os._exit(3)", "stopped", "exit code 3"),
        "crash": Hostile("import ctypes\nctypes.string_at(0)", "stopped", "SIGSEGV"),
        "memory": Hostile("q2 = bytearray(8 * 10**9)", "wrong", "MemoryError"),
        "burst": Hostile(
            f"{start}for _ in range(500): subprocess.Popen(['sleep', '{mark}'])", "wrong", "temporarily unavailable"
        ),
        "forks": Hostile("while os.fork() >= 0: pass", "", ""),
        "detached": Hostile(
            f"{start}subprocess.Popen(['setsid', '-f', 'sleep', '{mark}'], start_new_session=True)\nq2 = 'Ada'", "right"
        ),
        "file": Hostile("with open('big', 'wb') as f:\n  for _ in range(5000): f.write(bytes(10**6))", "wrong", "large"),
        "peek": Hostile(_peek(places), "wrong", "nothing to see came"),
        "outside": Hostile(_everywhere(outside), "wrong", "nowhere came"),
        "network": Hostile(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)", "wrong", "refused"),
        "tamper": Hostile(_tamper(), "tampered", "changed what judges it"),
        "forge": Hostile(_forge(), "stopped", "grader's channel"),
        "thread": Hostile(
            "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\nq2 = 'Ada'",
            "right",
            "left a thread running",
        ),
        "quits": Hostile("import sys\nsys.exit()", "wrong", "SystemExit"),
        "magic": Hostile("%matplotlib inline\n!ls\nq2 = 'Ada'", "right"),
        "helper": Hostile("q2 = helper()", "wrong", "helper is defined in another cell"),
    }
    return sources


def project(home: Path) -> Path:
    """The project, with hidden checks and solutions inside: they must not be seen all the same."""
    folder = home / "exercises"
    write(folder / "07_toy.ipynb", notebook(BLANKS))
    write(folder / "solutions" / "07_toy.ipynb", notebook({**RIGHT, "q2": f"q2 = '{SECRET}'"}))
    for path, text in {"check_07.py": CHECKS, "hidden/check_07.py": HIDDEN}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
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
        "square0": notebook({**RIGHT, "q1": "def q1(x):\n    return x ** 2"}),
        "square1": notebook({**RIGHT, "q1": "def q1(number):\n    return number * number"}),
        "carla": notebook({**RIGHT, "q3": "def q3(x):\n    raise ValueError(x)"}),
    }
    for name, each in made.items():
        write(folder / f"{name}.ipynb", each)


def _cell(name: str, source: str, **metadata: object) -> dict[str, Any]:
    parts: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": source, **parts}


def _peek(places: list[str]) -> str:
    return f"""
from pathlib import Path
q2 = "nothing to see"
for place in {places!r}:
    for path in Path(place).rglob("*"):
        try:
            if path.suffix in (".py", ".ipynb", ".json") and "{SECRET[:4]}" + "-9131" in path.read_text():
                q2 = str(path)
        except (OSError, UnicodeDecodeError):
            pass
others = list(Path({places[0]!r}, "submissions").glob("*")) + list(Path({places[0]!r}, "report").glob("*"))
q2 = str(others) if others else q2
q2 = "environment" if "PYTEST_CURRENT_TEST" in os.environ else q2
"""


def _everywhere(places: list[str]) -> str:
    return f"""
q2 = []
for place in {places!r}:
    try:
        open(place, "w").write("was here")
        q2.append(place)
    except OSError:
        pass
q2 = str(q2) if q2 else "nowhere"
"""


def _tamper() -> str:
    return """
from mle_standin.learning import answers, checks
checks.judge = answers.require = checks.Fault.__init__ = lambda *_, **__: None
q2 = 'Bob'
"""


def _forge() -> str:
    return """
import json
line = json.dumps({"verdict": {"question": "q2", "title": "", "results": []}, "changed": [], "threads": 0})
for number in range(3, 64):
    try:
        os.write(number, line.encode() + b"\\n")
    except OSError:
        pass
q2 = 'Bob'
"""
