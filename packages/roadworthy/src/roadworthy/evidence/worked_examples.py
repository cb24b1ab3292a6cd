"""The SQL of the features against worked examples: a few events whose features were calculated by hand.

They stand in tests/feature_examples: one CSV file for each raw table, and expected.csv for the result.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from .. import data, database, row_checks
from ..schema import Contract, Table
from .bench import Bench

if TYPE_CHECKING:
    from ..project import Project

FOLDER = Path("tests", "feature_examples")
EXPECTED = "expected.csv"


@dataclass(frozen=True)
class Examples:
    """How many examples there are, and what is wrong.

    untested: features (and the target) that the examples do not show with two different values. different: by column,
    the first example that comes out otherwise. missing, extra: rows that do not come out, rows that should not.
    """

    rows: int
    columns: int
    untested: tuple[str, ...]
    different: dict[str, str]
    missing: int
    extra: int


def measure(bench: Bench) -> Examples:
    """Run features.sql on the examples of the project."""
    folder = bench.home / FOLDER
    expected = read(folder / EXPECTED, bench.contract.features)
    made = features(bench.project, folder)
    names = [*bench.spec.features, bench.contract.target]
    shown = [name for name in expected.columns if len(expected[name].dropna().unique()) > 1]
    return compare(bench.contract, made, expected, tuple(name for name in names if name not in shown))


def compare(contract: Contract, made: pd.DataFrame, expected: pd.DataFrame, untested: tuple[str, ...] = ()) -> Examples:
    """Every value of every expected column, row by row: rows are matched by the key."""
    one, two = (rows.set_index(contract.key) for rows in (expected, made))
    missing = one.index.difference(two.index)
    extra = len(two) - len(one.index.intersection(two.index))
    both = [key for key in one.index if key in two.index]
    once = two[~two.index.duplicated()]
    different = {str(name): said for name in one if (said := _first(one.loc[both], once.loc[both], str(name)))}
    return Examples(len(one), len(one.columns), untested, different, len(missing), extra)


def read(file: Path, table: Table) -> pd.DataFrame:
    """A CSV file as the table of the contract, empty values missing; columns that it has not are left out."""
    with database.empty() as connection:
        return data.to_frame(_typed(connection, file, table))


def features(project: "Project", folder: Path) -> pd.DataFrame:
    """The features of the tables in a folder of CSV files."""
    with database.empty() as connection:
        for table in project.contract.tables:
            _typed(connection, folder / f"{table.name}.csv", table).create(table.name)
        return data.with_steps(project, data.to_frame(connection.sql(project.sql("features.sql"))))


def _typed(connection: duckdb.DuckDBPyConnection, file: Path, table: Table) -> duckdb.DuckDBPyRelation:
    found = connection.read_csv(str(file), all_varchar=True, header=True)
    columns = [column for column in table.columns if column.name in found.columns]
    return found.project(
        ", ".join(f'cast("{c.name}" as {row_checks.SQL_TYPES[c.kind]}) as "{c.name}"' for c in columns)
    )


def _first(expected: pd.DataFrame, made: pd.DataFrame, name: str) -> str:
    """The first row in which a column differs, in words; empty when there is none."""
    if name not in made:
        return "not made"
    one, two = expected[name], made[name]
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two):
        same = np.isclose(one.astype("float64"), two.astype("float64"), equal_nan=True)
    else:
        same = ((one.astype(object) == two.astype(object)) | (one.isna() & two.isna())).to_numpy(dtype=bool)
    if same.all():
        return ""
    at = int(np.flatnonzero(~same)[0])
    return f"{one.index[at]} is {two.iloc[at]}, expected {one.iloc[at]}"
