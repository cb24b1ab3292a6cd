"""A copy of the library with a mistake in it, and what a judge says when that copy runs.

A gate is judged in a process of its own, forked where slow packages are imported already, as drills do it. That process
unpickles this module before it finds the copy: so nothing of the library is imported at the top.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1]  # its tests are run from here
SOURCE = PACKAGE / "src" / "roadworthy"
LIMIT = 600  # seconds, on a busy machine
SEEN = 1  # pytest's exit code when a test failed; another one means that it did not run
Said = dict[str, tuple[bool | None, str]]


@dataclass(frozen=True)
class Edit:
    """A text of a file of the library, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """A mistake by its name, the gate or the test that must see it, how it happens; `train`: with a new version."""

    name: str
    judge: str
    story: str
    edits: tuple[Edit, ...]
    train: bool = False

    @property
    def of_a_test(self) -> bool:
        """Whether a test of the library is the judge."""
        return "::" in self.judge


def load() -> list[Mutation]:
    """All mutations, in the order of the sections of the gates."""
    found = tomllib.loads((HERE / "mutations.toml").read_text(encoding="utf-8"))["mutation"]
    edits = [tuple(Edit(**edit) for edit in each.pop("edit")) for each in found]
    return [Mutation(**each, edits=of) for each, of in zip(found, edits, strict=True)]


def copied(folder: Path, edits: Sequence[Edit] = ()) -> Path:
    """Copy the library into a folder, which is for PYTHONPATH, and make the mistake there; the folder.

    What Python compiled before is copied too: it holds for all files that are not changed.
    """
    shutil.copytree(SOURCE, folder / SOURCE.name)
    for edit in edits:
        file = folder / SOURCE.name / edit.file
        text = file.read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, f"{edit.old!r} stands {text.count(edit.old)} times in {edit.file}"
        file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return folder


def judged(library: Path, home: Path, gates: Sequence[str], scratch: Path, *, train: bool = False) -> Said:
    """What the gates of the library in a folder say about the project in `home`; AssertionError when none is run."""
    verdicts = json.loads(_forked("gates", library, home, gates, scratch, train=train))
    return {gate: (passed, evidence) for gate, passed, evidence in verdicts}


def tested(library: Path, home: Path, tests: Sequence[str], scratch: Path) -> tuple[bool, str]:
    """Whether tests of the library pass when they test the library in a folder, with the project in `home`."""
    code = int(_forked("tests", library, home, tests, scratch))
    output = (scratch / "output.txt").read_text(encoding="utf-8")
    assert code in {0, SEEN}, output[-2000:]
    return code == 0, output


def _forked(judge: str, library: Path, home: Path, names: Sequence[str], scratch: Path, *, train: bool = False) -> str:
    """What a judge wrote in a process of its own."""
    from roadworthy.drills import practice

    scratch.mkdir(parents=True, exist_ok=True)
    result, output = scratch / "result.json", scratch / "output.txt"
    if practice.can_fork():
        process = practice._fork_server().Process(
            target=JUDGES[judge], args=(library, home, tuple(names), result, output, train)
        )
        process.start()
        process.join(LIMIT)
        process.kill()
        process.join()
    else:
        order = json.dumps([judge, *map(str, (library, home, result, output)), list(names), train])
        subprocess.run([sys.executable, str(HERE / "mutated_library.py"), order], check=False, timeout=LIMIT)
    if not result.is_file():
        raise AssertionError(output.read_text(encoding="utf-8")[-2000:] if output.is_file() else "it did not begin")
    return result.read_text(encoding="utf-8")


def _test(library: Path, home: Path, tests: Sequence[str], result: Path, output: Path, train: bool) -> None:  # noqa: FBT001
    del train
    os.chdir(PACKAGE)
    # For the processes that the tests start, too.
    os.environ.update(PYTHONPATH=str(library), ROADWORTHY_SAMPLE=str(home))
    sys.path[:0] = [str(library), str(PACKAGE)]
    sys.path[:] = [each for each in sys.path if each != str(HERE)]
    # By descriptors: pytest captures those, and what it says of itself goes where they lead.
    for number in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    import pytest

    # Plugins were imported before pytest could rewrite their assertions, which are not the ones that matter here.
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # A folder of its own: that of all pytests of a user is tidied by each of them, and they fall over each other.
    place = f"--basetemp={result.parent / 'of the tests'}"
    code = pytest.main(["-q", "-x", *quiet, place, "-p", "no:cacheprovider", "-p", "no:xdist", *tests])
    result.write_text(str(int(code)), encoding="utf-8")


def _judge(library: Path, home: Path, gates: Sequence[str], result: Path, output: Path, train: bool) -> None:  # noqa: FBT001
    os.chdir(home)
    sys.path.insert(0, str(library))
    with output.open("w", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        from roadworthy.gates.bench import Bench
        from roadworthy.gates.run import judge_named
        from roadworthy.model.training import train_and_evaluate
        from roadworthy.project import Project
        from roadworthy.registry import export, releases

        at: Any = releases.__file__
        assert Path(at).is_relative_to(library), at
        project = Project.open(home)
        # Not `train_version`: no judge looks at what MLflow tracks.
        version = export.register_version(train_and_evaluate(project), project.registry) if train else "champion"
        bench = Bench(releases.project_as_made(project, version), version)
        found = [judge_named(gate, bench) for gate in gates]
        result.write_text(json.dumps([(each.gate, each.passed, each.evidence) for each in found]), encoding="utf-8")


JUDGES = {"gates": _judge, "tests": _test}

if __name__ == "__main__":
    kind, *places, asked, new = json.loads(sys.argv[1])
    first, second, third, fourth = map(Path, places)
    JUDGES[kind](first, second, asked, third, fourth, new)
