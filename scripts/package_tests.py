"""Runs tests of library and course where their source stands, on the project that the template makes of the flights.

    python scripts/package_tests.py [--python 3.12] [SUITE] [WORD …]

SUITE is `roadworthy`, `roadworthy-course`, `generated` (what a generated project holds beside its own code) or `bank`
(right and wrong answers to the exercises); without one, all four are run. WORDs are for pytest. `--run COMMAND …` runs
another program of the same environment instead, `--coverage` behind SUITE counts the lines that are run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from environments import alone, install, interpreter
from machine import REPOSITORY, environment
from rendering import rendered

SAMPLE = REPOSITORY / "build" / "sample"
PROJECT = SAMPLE / "flight-delays"
FILES = SAMPLE / "files.txt"
SUITES = {
    "roadworthy": REPOSITORY / "packages" / "roadworthy",
    "roadworthy-course": REPOSITORY / "packages" / "roadworthy-course",
    "generated": REPOSITORY / "tests" / "generated",
    "bank": REPOSITORY / "exercises" / "bank",
}
SOURCES = {"roadworthy": "roadworthy", "roadworthy-course": "roadworthy_course"}


def sample() -> Path:
    """The project of the flights as the template makes it now; its vendor/ holds links to the sources."""
    with alone(SAMPLE / "busy"), tempfile.TemporaryDirectory() as scratch:
        _replace(rendered(Path(scratch), hooks=False))
        for folder, package in SOURCES.items():
            link = PROJECT / "vendor" / package
            link.parent.mkdir(exist_ok=True)
            if not link.exists():
                link.symlink_to(REPOSITORY / "packages" / folder / "src" / package, target_is_directory=True)
    return PROJECT


def _replace(made: Path) -> None:
    """Write what differs from the last time and remove what the template has no longer; other files stay."""
    names = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    before = FILES.read_text(encoding="utf-8").splitlines() if FILES.is_file() else []
    for name in {*before} - {*names}:
        (PROJECT / name).unlink(missing_ok=True)
    for name in names:
        new, old = made / name, PROJECT / name
        if not old.is_file() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(new, old)
    FILES.write_text("\n".join(names), encoding="utf-8")


def commands(version: str) -> Path:
    """The folder of the programs of the environment in which the sample is installed."""
    return install(sample(), version, SAMPLE / f"environment-{version}", tests=True)


def main(words: list[str]) -> int:
    """Run what the words ask for; the highest exit code of all suites."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if words[:1] == ["--python"]:
        version, words = words[1], words[2:]
    if interpreter(version) is None:
        print(f"No Python {version} on this machine: put python{version} on the path", file=sys.stderr)
        return int(bool(os.environ.get("CI")))  # continuous integration skips nothing
    place = commands(version)
    variables = environment(PATH=f"{place}{os.pathsep}{os.environ['PATH']}", MYPY_CACHE_DIR=str(SAMPLE / "mypy"))
    if words[:1] == ["--run"]:
        return _run(place, words[1], words[2:], REPOSITORY, variables)
    wanted = [words.pop(0)] if words and words[0] in SUITES else list(SUITES)
    if words[:1] == ["--coverage"]:
        # pytest-cov counts in the processes of xdist as well, which `coverage run` does not see.
        words = ["--cov", "--cov-report=term:skip-covered", "--cov-fail-under=90", *words[1:]]
    # The bank stands outside of a project, and its answers are those of somebody in one.
    own = {"bank": {"MLE_HOME": str(PROJECT)}}
    return max(_run(place, "pytest", words, SUITES[suite], variables | own.get(suite, {})) for suite in wanted)


def _run(place: Path, program: str, words: list[str], folder: Path, variables: dict[str, str]) -> int:
    own = [str(place / program)] if (place / program).exists() else [str(place / "python"), "-m", program]
    return subprocess.run([*own, *words], cwd=folder, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
