"""Run the commands and the Python of a page in a folder, and compare what they print with what the page says.

    python scripts/run_page.py PAGE FOLDER [--write]

Blocks called `console` hold commands behind "$ ", each with its output below it; a line "…" stands for any lines.
Blocks called `python` are run as they are. With --write the outputs of now are put into the page, except where "…"
stands.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "…"
Start = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class Step:
    """A command as the page has it, and the lines that it should print."""

    command: str
    expected: tuple[str, ...]


def steps(block: str) -> Iterator[Step]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        yield Step(command, tuple(lines))


def agrees(expected: tuple[str, ...], printed: list[str]) -> bool:
    """Whether the lines are those that are expected, with any others only where the page says so."""
    pattern = "".join("(?:.*\n)*" if line == ANY else f"{re.escape(line.rstrip())}\n" for line in expected)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed)) is not None


def run(words: list[str], folder: Path, text: str | None = None) -> tuple[int, list[str]]:
    """Exit code and lines of a program, what it says on standard error first."""
    done = subprocess.run(words, cwd=folder, input=text, capture_output=True, text=True, check=False, timeout=600)
    return done.returncode, (done.stderr + done.stdout).splitlines()


def run_page(page: str, folder: Path, start: Start) -> Iterator[tuple[Step, int, list[str]]]:
    """Each command of the page with its exit code and its lines; `start` says how a program begins."""
    for kind, block in BLOCK.findall(page):
        if kind == "python":
            yield Step("python", ()), *run([*start(["python"]), "-"], folder, block)
            continue
        for step in steps(block):
            yield step, *run(start(shlex.split(step.command)), folder)


def main() -> None:
    """Run the page with the programs of this interpreter's environment."""
    page, folder = Path(sys.argv[1]), Path(sys.argv[2])
    text = page.read_text(encoding="utf-8")

    def start(words: list[str]) -> list[str]:
        return [sys.executable, *words[1:]] if words[0] == "python" else [sys.executable, "-m", *words]

    for step, code, lines in run_page(text, folder, start):
        same = agrees(step.expected, lines)
        print(f"{'as it says' if same else 'OTHERWISE'}, exit code {code}: {step.command}")
        if not same and ANY not in step.expected and "--write" in sys.argv:
            old = "\n".join([f"$ {step.command}", *step.expected])
            text = text.replace(old, "\n".join([f"$ {step.command}", *(line.rstrip() for line in lines)]), 1)
            page.write_text(text, encoding="utf-8")
        elif not same:
            print("\n".join(lines))


if __name__ == "__main__":
    main()
