"""What only this project needs: one function of each kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

import roadworthy as rw

if TYPE_CHECKING:
    from roadworthy.gates.bench import Bench

HIGHEST = 0.98


def from_csv(table: rw.Table, folder: Path) -> pa.Table:
    """A table that the owners of the sites deliver as CSV."""
    return pyarrow.csv.read_csv(folder / f"{table.name}.csv")


def need(rows: pd.DataFrame) -> pd.DataFrame:
    """How fast a car must be charged to leave as planned: percent of its battery an hour."""
    return rows.assign(need=(100 - rows["battery"]) / (rows["planned"] / 60))


def top_tenth(labels: NDArray[np.float64], probabilities: NDArray[np.float64]) -> float:
    """The share of overstays in the tenth with the highest probabilities."""
    return float(labels[np.argsort(-probabilities)[: len(labels) // 10]].mean())


def sites_are_open(connection: duckdb.DuckDBPyConnection) -> tuple[bool, str]:
    """No site opens after its first session."""
    query = "select count(*) from sessions join sites using (site) where opened > plugged_in::date"
    count = int(connection.sql(query).fetchall()[0][0])
    return count == 0, f"{count:,} sessions before their site was opened"


def warns_of_a_few(bench: "Bench") -> tuple[bool | None, str]:
    """A warning is sent to fewer than half of the drivers."""
    share = float(np.mean(bench.answers >= bench.bundle.threshold))
    return share < 1 / 2, f"{share:.0%} of the sessions of the test period get a warning"


def certain(reference: Mapping[str, Any], window: Any) -> rw.Reading:
    """Few answers are nearly certain."""
    del reference
    share = float(np.mean(window.probability > HIGHEST)) if len(window.probability) else 0.0
    evidence = f"{share:.1%} of the answers are above {HIGHEST:g}, at most 1% are normal"
    return rw.Reading(window.name, "certain", "", share, 0.01, violated=share > 0.01, evidence=evidence)


@click.command()
@click.pass_obj
def busiest(project: rw.Project) -> None:
    """Show the site with most sessions."""
    answer = rw.ask(project.data.connect(), "select site, count(*) as n from sessions group by site order by n desc")
    click.echo(f"{answer['site'].iloc[0]} with {answer['n'].iloc[0]:,} sessions")
