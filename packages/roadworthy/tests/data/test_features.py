from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from snapshots import flight, observation, write

from roadworthy.base import databases
from roadworthy.base.errors import InputError
from roadworthy.data import snapshots
from roadworthy.project import Project

WEATHER = [observation(hour) for hour in range(5, 20)]


def features(project: Project, folder: Path) -> pd.DataFrame:
    return snapshots.make_features(project, snapshots.connect_snapshot(project, folder)).set_index("flight_id")


def test_a_changed_file_is_named(project: Project, tmp_path: Path) -> None:
    folder = write(tmp_path / "s", [flight(1, "08:00")], WEATHER)
    with (folder / "weather.parquet").open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match=r"weather\.parquet.*SHA-256"):
        snapshots.connect_snapshot(project, folder)


@pytest.mark.parametrize("missing", ["planes.parquet", "SHA256SUMS"])
def test_a_missing_file_is_named(project: Project, tmp_path: Path, missing: str) -> None:
    folder = write(tmp_path / "s", [flight(1, "08:00")], WEATHER)
    (folder / missing).unlink()
    with pytest.raises(InputError, match=missing):
        snapshots.connect_snapshot(project, folder)


def test_a_parameter_is_never_read_as_sql(project: Project, tmp_path: Path) -> None:
    connection = snapshots.connect_snapshot(project, write(tmp_path / "s", [flight(1, "08:00")], WEATHER))
    query = "select count(*) as n from flights where carrier = $carrier"
    assert databases.ask(connection, query, carrier="UA")["n"].tolist() == [1]
    assert databases.ask(connection, query, carrier="' or 1=1 --")["n"].tolist() == [0]


def test_a_test_period_that_begins_inside_training_is_refused(project: Project, tmp_path: Path) -> None:
    rows = features(project, write(tmp_path / "s", [flight(1, "08:00")], WEATHER))
    year = (date(2013, 1, 1), date(2014, 1, 1))
    with pytest.raises(InputError, match="before training ends"):
        snapshots.split_periods(project.contract, rows, year, (date(2013, 12, 31), date(2014, 2, 1)))


def test_a_period_without_labels_says_which_days_there_are(project: Project, tmp_path: Path) -> None:
    rows = features(project, write(tmp_path / "s", [flight(1, "08:00")], WEATHER))
    with pytest.raises(InputError, match="from 2013-01-02 to 2013-01-02"):
        snapshots.labelled_rows(project.contract, rows, (date(2020, 1, 1), date(2021, 1, 1)))
