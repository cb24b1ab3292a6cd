"""Play months again against the running service: requests in the order of time, labels when they are known.

The service keeps the prediction time that each row names, which it does only with `given_times` set; so its log looks
as if the months had passed. A row that the service refuses is not there, as in reality.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import export
from .bundle import Bundle
from .client import Client, Row
from .errors import InputError
from .monitoring.log import PredictionLog
from .postgres import Postgres
from .schema import Contract
from .simulation import CHUNK, Progress, played

BATCH = 500  # rows of a request
PATIENCE = 60.0  # seconds in which the service writes what it has answered


@dataclass(frozen=True)
class Played:
    """How many rows were answered, how many labels came, and how many rows were refused, by the field at fault."""

    predictions: int
    labels: int
    refused: Counter[str]


def play(
    contract: Contract,
    rows: pd.DataFrame,
    bundle: Bundle,
    client: Client,
    log: Path | Postgres,
    period: tuple[datetime, datetime],
    *,
    progress: Progress | None = None,
) -> Played:
    """Ask the service for the rows of a period, and write labels into its prediction log as they become known.

    `bundle` is the version that is watched, `log` the file that the service writes. What is known after the end of the
    period has no label yet. Raises InputError when the service answers with something else, when the log holds
    predictions already, and when the service did not log what it answered.
    """
    within = played(contract, rows, period)
    most = _agree(client, bundle)
    waiting, answered, refused = _Waiting(contract, within), 0, Counter[str]()
    with PredictionLog(log, bundle.signature) as written:
        if written.count()[0]:
            hint = "start the service with a new one: MLE_PATHS__PREDICTIONS=simulated.db; what happened stays apart"
            raise InputError("there are predictions in it already", where=str(log), hint=hint)
        weeks = (within[contract.time] - pd.Timestamp(period[0])) // CHUNK
        for at, (_, week) in enumerate(within.groupby(weeks), start=1):
            for _, day in week.groupby(week[contract.time].dt.floor("D")):
                waiting.end(written, day[contract.time].iloc[0])
                for start in range(0, len(day), most):
                    good, bad = client.predict(_rows(contract, day[start : start + most], bundle))
                    answered, refused = answered + good, refused + bad
            if progress:
                progress(at, weeks.nunique())
        waiting.end(written, pd.Timestamp(period[1]))
        _wait_for(lambda: written.count()[0] >= answered, log)
        return Played(answered, written.count()[1], refused)


class _Waiting:
    """Rows whose label is still to come, in the order in which it does; one without any is never among them."""

    def __init__(self, contract: Contract, rows: pd.DataFrame) -> None:
        self._contract = contract
        known = rows[rows[contract.target].notna() & rows[contract.known_at].notna()]
        self._rows = known.sort_values(contract.known_at, kind="stable")
        self._at = self._rows[contract.known_at]
        self._done = 0

    def end(self, log: PredictionLog, now: pd.Timestamp) -> None:
        """Write the labels that are known by now."""
        end = int(self._at.searchsorted(now, side="right"))
        new, self._done = self._rows[self._done : end], max(end, self._done)
        contract = self._contract
        log.append_labels(new[contract.key], new[contract.target], new[contract.known_at].to_numpy())


def _agree(client: Client, bundle: Bundle) -> int:
    """The number of rows of a request. Raises InputError unless the service is the one that is watched."""
    about, signature = client.about(), bundle.signature
    if about.get("contract") != signature.version_of_contract or about.get("name") != signature.name:
        hint = "start the service of this project, with the registry of this project"
        raise InputError("the service has another contract or another model", where=client.url, hint=hint)
    if about["version"] != bundle.version:
        what = f"version {about['version']} answers, and version {bundle.version} is to be watched"
        raise InputError(what, where=client.url, hint=f"give --version {about['version']}, or promote the other one")
    if about.get("time") != signature.time:
        hint = "start it with MLE_SERVICE__GIVEN_TIMES=true, and with a log of its own"
        raise InputError("the service takes the time of the clock, not that of a row", where=client.url, hint=hint)
    return min(BATCH, int(about["max_rows"]))


def _rows(contract: Contract, rows: pd.DataFrame, bundle: Bundle) -> list[Row]:
    """The rows as a client sends them: the features that the model asks for, the key, the prediction time."""
    features = bundle.signature.features
    given = export.columns(rows, [feature.name for feature in features])
    columns: dict[str, list[Any]] = {feature.name: _plain(given[feature.name]) for feature in features}
    columns[contract.key] = rows[contract.key].tolist()
    columns[contract.time] = [moment.isoformat() for moment in rows[contract.time].dt.tz_convert("UTC")]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _plain(values: Any) -> list[Any]:
    if values.dtype == np.float64:
        return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
    return list(values.tolist())


def _wait_for(claim: Callable[[], bool], log: Path | Postgres) -> None:
    deadline = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > deadline:
            hint = (
                "is it the log of this service? its metrics prediction_log_dropped and prediction_log_failures say more"
            )
            raise InputError("what the service answered is not in the log", where=str(log), hint=hint)
        time.sleep(0.1)
