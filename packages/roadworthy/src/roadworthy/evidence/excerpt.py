"""Six weeks of the snapshot as a snapshot of its own: small enough to run the whole pipeline on it, from the tables."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from .. import data
from .bench import Bench

TRAIN_DAYS, TEST_DAYS = 28, 14
ENOUGH = 700  # rows that each period should hold: as many as are asked, and some without a label


def periods(bench: Bench) -> tuple[data.Period, data.Period]:
    """The last four weeks of the training period that have rows, and the first two of the test period.

    Where so few days hold less than `ENOUGH` rows, as many days as hold them.
    """
    settings = bench.config.split
    train, test = bench.split.train[bench.contract.day], bench.split.test[bench.contract.day]
    end, start = (
        min(settings.train[1], _date(train.max()) + timedelta(days=1)),
        max(settings.test[0], _date(test.min())),
    )
    first, last = train.sort_values().iloc[-ENOUGH:].iloc[0], test.sort_values().iloc[:ENOUGH].iloc[-1]
    since = min(end - timedelta(days=TRAIN_DAYS), _date(first))
    until = max(start + timedelta(days=TEST_DAYS), _date(last) + timedelta(days=1))
    return (since, end), (start, until)


def excerpt(bench: Bench) -> Path:
    """The folder of the excerpt, made once: repaired tables without the quarantined rows, with their sums.

    Tables with a time hold the days of both periods and one more on each side; the others are whole.
    """
    folder = bench.scratch / "excerpt"
    if not folder.exists():
        spans = [(start - timedelta(days=1), end + timedelta(days=1)) for start, end in periods(bench)]
        folder.mkdir(parents=True)
        for table in bench.contract.tables:
            inside = " or ".join(f"\"{table.time}\" >= '{a}' and \"{table.time}\" < '{b}'" for a, b in spans)
            where = f"where {inside}" if table.time else ""
            target = (folder / f"{table.name}.parquet").as_posix().replace("'", "''")
            bench.connection.execute(f"copy (select * from \"{table.name}\" {where}) to '{target}' (format parquet)")
        data.seal(folder)
    return folder


def _date(moment: pd.Timestamp) -> date:
    return moment.date()
