"""What gives the target away, identifies, orders or says who somebody is, is no feature; honest columns are.

The real table of the day, or all six by OTHER_DATA=all.
"""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from other_tables import of_this_run
from raw_files import ASKED, NOT_HONEST, RAW, planted
from roadworthy.project.adoption.adopt import understand
from roadworthy.project.adoption.decisions import Decided

HONEST_OUT = 0.05  # share of honest columns that may be kept out


def decided(table: pd.DataFrame, name: str, folder: Path) -> Decided:
    file = folder / "table.csv"
    table.to_csv(file, index=False)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return understand(connection, [file], ASKED[name], lambda _, __, safe: safe, lambda _: None).decided


def features(table: pd.DataFrame, name: str, folder: Path) -> set[str]:
    return {each.column.source for each in decided(table, name, folder).of("feature")}


@pytest.fixture(scope="module", params=of_this_run())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def table(name: str) -> pd.DataFrame:
    return RAW[name]()


def test_every_planted_column_is_out_and_the_honest_ones_stay(name: str, table: pd.DataFrame, tmp_path: Path) -> None:
    asked, faults = ASKED[name], planted(name, table)
    found = features(table.assign(**faults), name, tmp_path)
    assert found & set(faults) == set()
    honest = set(table.columns) - {asked.target, asked.time} - NOT_HONEST
    assert len(honest - found) <= HONEST_OUT * len(honest), honest - found


@pytest.mark.parametrize("fault", ["zz_nearly", "zz_with_another", "zz_filled", "zz_id_of_target"])
def test_a_fault_alone_is_found_as_well(name: str, table: pd.DataFrame, fault: str, tmp_path: Path) -> None:
    found = features(table.assign(**{fault: planted(name, table)[fault]}), name, tmp_path)
    assert fault not in found
    assert found >= set(table.columns) - {ASKED[name].target, ASKED[name].time} - NOT_HONEST


def test_the_reason_says_what_was_seen(name: str, table: pd.DataFrame, tmp_path: Path) -> None:
    found = decided(table.assign(**planted(name, table)), name, tmp_path)
    why = {each.column.source: each.why for each in found.decisions}
    assert "target" in why["zz_equal"]
    assert "personal data" in why["zz_remarks"]
    assert "personal data" in why["zz_e_mail"]
    assert "split" in why["zz_is_train"]
    assert "split" in why["zz_part"]
    assert "larger one than the one before" in why["zz_serial"]
    assert "one value only" in why["zz_constant"]
    assert "empty" in why["zz_empty"]
