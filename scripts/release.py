"""Makes what is handed on of library and course: wheels, for whoever has an index, and the zip file for `upgrade`.

python scripts/release.py wheels build/dist
python scripts/release.py zip build/dist
"""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from environments import UV, environment_for
from machine import REPOSITORY, known_files, run

sys.path.insert(0, str(REPOSITORY / "template"))
import vendoring

EPOCH = (2026, 1, 1, 0, 0, 0)  # of every file in the zip, so that the same sources give the same bytes


def wheels(target: Path) -> list[Path]:
    """Build a wheel of each package into the folder `target`, without a download; their paths."""
    python = environment_for(f"{sys.version_info.major}.{sys.version_info.minor}") / "bin" / "python"
    for name in vendoring.PACKAGES.values():
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch, name)  # setuptools writes beside what it builds
            for file in known_files(REPOSITORY / "packages" / name):
                place = source / file
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / "packages" / name / file, place)
            where = ["--python", str(python), "--out-dir", str(target.resolve())]
            run(UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--offline", *where, source, cwd=source)
    return sorted(target.glob("roadworthy*.whl"))


def archive(target: Path) -> Path:
    """Write a zip file of both packages with their sums into the folder `target`; its path."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "vendor")
        folder.mkdir()
        vendoring.vendor(REPOSITORY, folder)
        version = vendoring.version_of(REPOSITORY / "packages" / "roadworthy" / "src" / "roadworthy")
        file = target / f"roadworthy-{version}.zip"
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(f"{file.stem}/{path.relative_to(folder).as_posix()}", EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                made.writestr(entry, path.read_bytes())
    return file


def main(what: str, target: str) -> int:
    """Make it and say where it is."""
    made = wheels(Path(target)) if what == "wheels" else [archive(Path(target))]
    for path in made:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
