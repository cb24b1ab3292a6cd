"""Counts what the owner of a generated project owns, and how large library and course are.

python scripts/sizes.py
"""

import sys
import tempfile
from pathlib import Path

from machine import REPOSITORY
from rendering import rendered

NOT_OWNED = ("data", "vendor", "notebooks", "exercises", "deploy")
SOURCES = {
    "library": REPOSITORY / "packages" / "roadworthy" / "src",
    "course": REPOSITORY / "packages" / "roadworthy-course" / "src",
}


def lines(files: list[Path]) -> int:
    """Lines of all these files."""
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def python(folder: Path) -> list[Path]:
    """The Python files below a folder."""
    return sorted(folder.rglob("*.py"))


def sizes(project: Path) -> dict[str, int]:
    """Files and lines by what they are, of a generated project and of this repository."""
    owned = [
        path
        for path in project.rglob("*")
        if path.is_file() and path.relative_to(project).parts[0] not in NOT_OWNED and "__pycache__" not in path.parts
    ]
    found = {
        "Python files in src": len(python(project / "src")),
        "lines of Python in src": lines(python(project / "src")),
        "lines of Python and SQL in src": lines([*python(project / "src"), *(project / "src").rglob("*.sql")]),
        "lines of tests": lines(python(project / "tests")),
        "files outside data, vendor, notebooks, exercises, deploy": len(owned),
        **{f"lines of the {name}": lines(python(folder)) for name, folder in SOURCES.items()},
    }
    parts = ("lines of Python in src", "lines of the library", "lines of the course")
    # They stood in exercises/ of a project before they came into the course, and were not counted.
    checks = lines(python(SOURCES["course"] / "roadworthy_course" / "questions"))
    whole = sum(found[part] for part in parts)
    return {
        **found,
        "of these the checks of the exercises": checks,
        "lines of library, course and project": whole,
        "lines of them without the checks of the exercises": whole - checks,
    }


def main() -> int:
    """Generate the default project and print a line for each count."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, count in sizes(rendered(Path(scratch), hooks=True)).items():
            print(f"{count:8,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
