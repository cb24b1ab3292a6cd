"""The test period answered twice: offline from the table of features, and online as requests whose answers are logged.

Online is the way of the service: JSON, its checks, the prediction log; the labels arrive later and the log joins them.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .. import evaluation, export
from ..bundle import Bundle
from ..data import thinned
from ..monitoring.log import PredictionLog
from ..schema import Contract
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from ..service.recorder import Recorder
from ..service.request import BadRequestError
from .bench import Bench

BLOCK = 30  # days, about a month
FEWEST = 3  # blocks; a correlation of two points is always 1 or -1
ROWS = 1_200  # of a block: a tenth of the labels decides nothing here, for both ways see the same rows
BODY = 500  # rows in a request


@dataclass(frozen=True)
class Replay:
    """AUC by block, `blocks`: first_day, offline, online; and how many rows were sent, refused, found with a label."""

    blocks: pd.DataFrame
    sent: int
    refused: int
    labelled: int


def replay(bench: Bench) -> Replay:
    """Replay the test period in blocks of about a month, at least three of them."""
    test = bench.split.test
    days = np.sort(test[bench.contract.day].unique())
    parts = np.array_split(days, max(FEWEST, round(len(days) / BLOCK)))
    rows = pd.concat([thinned(test[test[bench.contract.day].isin(part)], ROWS) for part in parts if len(part)])
    found, refused = _online(bench, rows)
    # Under names of its own: the target may be called `label` in the contract.
    asked = {"day": rows[bench.contract.day].to_numpy(), "target": rows[bench.contract.target].to_numpy()}
    both = pd.DataFrame({**asked, "offline": export.predict(bench.bundle, rows)}, index=rows[bench.contract.key])
    both = both.join(found)
    blocks = [_block(both[both["day"].isin(part)]) for part in parts if len(part)]
    return Replay(pd.DataFrame(blocks), len(rows), refused, int(found["label"].notna().sum()))


def _block(rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "first_day": rows["day"].min(),
        "offline": _auc(rows["target"], rows["offline"], rows["day"]),
        "online": _auc(rows["label"], rows["online"], rows["day"]),
    }


def _auc(y: pd.Series, p: pd.Series, day: pd.Series) -> float:
    known = y.notna() & p.notna()
    if y[known].nunique() < 2:
        return float("nan")
    return evaluation.evaluate(y[known], p[known], day[known], draws=1).auc


def _online(bench: Bench, rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """What the log holds after the requests and the labels, by key: columns online, label; and the rows refused."""
    bundle = bench.bundle
    file = bench.scratch / "replay.db"
    refused = _send(bench.contract, bundle, PredictionLog(file, bundle.signature), rows)
    with PredictionLog(file, bundle.signature) as log:
        log.append_labels(rows[bench.contract.key], rows[bench.contract.target], rows[bench.contract.time])
        columns = log.read()
    found = pd.DataFrame({"online": columns["probability"], "label": columns["label"]}, index=columns["key"])
    return found[~found.index.duplicated()], refused


def _send(contract: Contract, bundle: Bundle, log: PredictionLog, rows: pd.DataFrame) -> int:
    """Ask for rows; how many are refused. The recorder closes the log when all answers are written."""
    metrics = Metrics()
    recorder = Recorder(log, metrics, contract.key)
    predictor = Predictor(bundle, metrics, recorder, BODY)
    refused = 0
    recorder.start()
    for number, first in enumerate(range(0, len(rows), BODY)):
        part = rows.iloc[first : first + BODY]
        try:
            predictor.answer(body(contract, bundle, part), f"replay-{number}")
        except BadRequestError:
            refused += len(part)
    recorder.stop()
    return refused


def body(contract: Contract, bundle: Bundle, rows: pd.DataFrame) -> bytes:
    """Rows of a table of features as the body of a request, missing values as null."""
    columns = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in bundle.names}
    sent = pd.DataFrame({contract.key: rows[contract.key], **columns}).to_dict("records")
    return json.dumps({"rows": sent}).encode()
