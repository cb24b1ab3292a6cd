"""How tests and scripts run commands: in a clean environment, with a limit, and with their output when they fail."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TEMPLATE = REPOSITORY / "template" / "{{ cookiecutter.project_slug }}"
COMMANDS = Path(sys.prefix) / ("Scripts" if sys.platform == "win32" else "bin")

AUTHOR = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
LEFT_OUT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "VIRTUAL_ENV")


def environment(**more: str) -> dict[str, str]:
    """Environment variables of this process without those that change how Python finds and compiles modules."""
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    return {**kept, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}


def run(
    *command: str | Path, cwd: Path, code: int = 0, minutes: int = 2, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `command`; AssertionError with all its output when it does not end with the exit code `code`."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(**variables),
        timeout=60 * minutes,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    told = f"{' '.join(map(str, command))}\nin {cwd}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == code, told
    return done


def git(folder: Path, *words: str) -> str:
    """Output of a git command in `folder`, under a name of its own and without the user's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    nothing = os.devnull
    return run("git", *AUTHOR, *words, cwd=folder, GIT_CONFIG_GLOBAL=nothing, GIT_CONFIG_SYSTEM=nothing).stdout


def known_files(folder: Path) -> list[str]:
    """Files that git tracks or would track, as paths relative to `folder`."""
    names = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted({name for name in names if name and (folder / name).is_file()})
