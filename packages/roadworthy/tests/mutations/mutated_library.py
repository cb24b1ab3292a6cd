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
    from roadworthy.drills import practice

    scratch.mkdir(parents=True, exist_ok=True)
    words = (library, home, tuple(gates), scratch / "said.json", scratch / "told.txt", train)
    if practice.can_fork():
        process = practice._fork_server().Process(target=_judge, args=words)
        process.start()
        process.join(LIMIT)
        process.kill()
        process.join()
    else:
        order = json.dumps([*map(str, words[:2]), list(gates), *map(str, words[3:5]), train])
        subprocess.run([sys.executable, str(HERE / "mutated_library.py"), order], check=False, timeout=LIMIT)
    if not words[3].is_file():
        raise AssertionError(words[4].read_text(encoding="utf-8")[-2000:] if words[4].is_file() else "it did not begin")
    return {gate: (passed, told) for gate, passed, told in json.loads(words[3].read_text(encoding="utf-8"))}


def tested(library: Path, home: Path, test: str) -> tuple[bool, str]:
    """Whether a test of the library passes when it tests the library in a folder, with the project in `home`."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", test]
    variables = {**os.environ, "PYTHONPATH": str(library), "ROADWORTHY_SAMPLE": str(home)}
    done = subprocess.run(
        command, cwd=PACKAGE, env=variables, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode in {0, SEEN}, done.stdout[-2000:] + done.stderr[-2000:]
    return done.returncode == 0, done.stdout


def _judge(library: Path, home: Path, gates: Sequence[str], said: Path, told: Path, train: bool) -> None:  # noqa: FBT001
    os.chdir(home)
    sys.path.insert(0, str(library))
    with told.open("w", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        from roadworthy.gates.bench import Bench
        from roadworthy.gates.run import judge_named
        from roadworthy.project import Project
        from roadworthy.registry import releases

        at: Any = releases.__file__
        assert Path(at).is_relative_to(library), at
        project = Project.open(home)
        version = releases.train_version(project).version if train else "champion"
        bench = Bench(releases.project_as_made(project, version), version)
        found = [judge_named(gate, bench) for gate in gates]
        said.write_text(json.dumps([(each.gate, each.passed, each.evidence) for each in found]), encoding="utf-8")


if __name__ == "__main__":
    first, second, asked, third, fourth, new = json.loads(sys.argv[1])
    _judge(Path(first), Path(second), asked, Path(third), Path(fourth), new)
