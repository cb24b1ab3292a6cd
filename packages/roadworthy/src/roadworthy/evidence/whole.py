"""The whole pipeline on six weeks, from the tables to the readings of the monitors: all stages agree on each row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from fastapi import FastAPI

from .. import canary, data, export, scoring, service, training
from ..bundle import Bundle
from ..monitoring import watch
from ..monitoring.log import PredictionLog
from ..registry import Registry
from ..schema import Contract
from ..service.front import PREDICT
from . import loops
from .bench import Bench, NotJudgedError
from .excerpt import excerpt, periods
from .rehearsal import GREEN, stage

TREES = 15
EVERY = 4  # rows of the excerpt, where it has many: some thousands are left
REQUESTS, FEWEST = 600, 400  # rows that are asked for; the monitors judge from 300 on
ALONE = 5  # of them in a request of their own
SAME, NAN = 1e-6, float("nan")


@dataclass(frozen=True)
class Whole:
    """What came out at each stage. `rows` by stage, in the order of the pipeline; `versions` that each stage names.

    `log_gap`, `batch_gap` are the largest differences of a row's probability in the log, and in a scored file, from
    the service's answer; `decisions` counts rows with the same probability and another decision. `monitor_gap` is the
    difference of the monitor's mean prediction minus base rate from that of the answers and labels.
    """

    rows: dict[str, int]
    versions: dict[str, str]
    log_gap: float
    batch_gap: float
    decisions: int
    monitor_gap: float


def run(bench: Bench, folder: Path) -> Whole:
    """Run every stage. Any of them may raise: a pipeline that breaks is what this looks for."""
    train, test = periods(bench)
    frame = data.features(bench.project, data.connect(bench.project, excerpt(bench)))
    expected = sum(len(_between(bench.contract, bench.frame, period)) for period in (train, test))
    made = sum(len(_between(bench.contract, frame, period)) for period in (train, test))
    every = min(EVERY, max(1, len(_between(bench.contract, frame, test)) // REQUESTS))
    split = data.split(bench.contract, frame, train, test, every=every)
    registry = _released(bench, split, folder / "registry")
    rows = _requests(registry, split.test)
    log = folder / "predictions.db"
    answered = _served(registry, rows, log)
    logged = _logged(bench.contract, registry, log, rows)
    scored = _scored(Bundle.load(registry.path()), rows, folder)
    watched = watch.monitor(registry.path(), log, now=datetime.now(UTC) + timedelta(days=2), windows=1)
    labels = rows[bench.contract.target].to_numpy(dtype=np.float64)
    said = answered.reindex(rows[bench.contract.key])["probability"].to_numpy()
    return Whole(
        rows={
            "expected": expected,
            "features": made,
            "asked": len(rows),
            "answered": len(answered),
            "logged": len(logged),
            "labelled": int(logged["label"].notna().sum()),
            "scored": len(scored),
        },
        versions={"champion": str(registry.resolve("champion"))}
        | {name: _one(each["version"]) for name, each in (("service", answered), ("log", logged), ("batch", scored))},
        log_gap=_gap(answered, logged),
        batch_gap=_gap(answered, scored),
        decisions=_decisions(answered, logged) + _decisions(answered, scored),
        monitor_gap=abs(_reading(watched, "base rate") - float(said.mean() - labels.mean())),
    )


def _released(bench: Bench, split: data.Split, folder: Path) -> Registry:
    """A registry whose champion is a small model of these rows; a later version waits, which must not answer.

    The verdicts on so small a model are replaced: its quality is not what is tested here.
    """
    spec = bench.spec.model_copy(update={"max_iter": min(TREES, bench.spec.max_iter)})
    few = {"slices": bench.config.tests.slices[:1], "rises_with": {}, "falls_with": {}}
    tests = bench.config.tests.model_copy(update=few)
    trained = training.train(bench.project, split, spec, tests, {"rehearsal": True})
    registry = Registry(folder)
    number = export.register(replace(trained, verdicts=GREEN), registry)
    registry.promote(number, reason="rehearsal")
    stage(registry.path(number), registry, [*GREEN, *GREEN])
    return registry


def _requests(registry: Registry, test: pd.DataFrame) -> pd.DataFrame:
    """Rows of the test that the version takes as requests; what it refuses is the subject of Infrastructure 6."""
    bundle = Bundle.load(registry.path())
    taken = test[canary.taken(bundle, data.records(test, bundle.names))]
    if len(taken) < FEWEST:
        raise NotJudgedError(f"the service takes {len(taken)} of {len(test)} rows only, see Infrastructure 6")
    return taken.iloc[:: max(1, len(taken) // REQUESTS)].iloc[:REQUESTS]


def _served(registry: Registry, rows: pd.DataFrame, log: Path) -> pd.DataFrame:
    """The service's answers by key: probability, decision, version."""
    bundle = service.champion(registry.folder)
    asked = data.records(rows, [bundle.signature.key, *bundle.names])
    bodies = [*asked[:ALONE], {"rows": asked[ALONE:]}]
    app = service.create_app(bundle, predictions=log)
    answers = loops.run(_exchange(app, bodies))
    lines = [
        {**each, "version": answer["version"]} for answer in answers for each in answer.get("predictions", [answer])
    ]
    return pd.DataFrame(lines).set_index("key")


async def _exchange(app: FastAPI, bodies: Sequence[Any]) -> list[dict[str, Any]]:
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        answers = []
        for body in bodies:
            response = await client.post(PREDICT, content=json.dumps(body).encode())
            if response.status_code != 200:
                raise RuntimeError(f"the service answers {response.status_code}: {response.text[:100]}")
            answers.append(response.json())
        return answers


def _logged(contract: Contract, registry: Registry, path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """What the log holds by key, once the labels of the rows have come."""
    with PredictionLog(path, Bundle.load(registry.path()).signature) as log:
        labels = rows[contract.target].astype(int)
        log.append_labels(rows[contract.key], labels, [datetime.now(UTC)] * len(rows))
        found = log.read()
    names = ("key", "probability", "decision", "version", "label")
    return pd.DataFrame({name: found[name] for name in names}).set_index("key")


def _scored(bundle: Bundle, rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows as a file that is scored, by key: probability, decision, version."""
    source, target, key = folder / "rows.parquet", folder / "scores.parquet", bundle.signature.key
    rows[[key, *bundle.names]].to_parquet(source, index=False)
    scoring.score(bundle, source, target)
    return pd.read_parquet(target).set_index(key)


def _between(contract: Contract, frame: pd.DataFrame, period: data.Period) -> pd.DataFrame:
    start, end = (pd.Timestamp(day) for day in period)
    return frame[(frame[contract.day] >= start) & (frame[contract.day] < end)]


def _one(values: pd.Series) -> str:
    return ", ".join(sorted(map(str, values.unique())))


def _gap(one: pd.DataFrame, two: pd.DataFrame) -> float:
    gaps = (one["probability"] - two["probability"]).abs().dropna()
    return float(gaps.max()) if len(gaps) else NAN


def _decisions(one: pd.DataFrame, two: pd.DataFrame) -> int:
    same = (one["probability"] - two["probability"]).abs() <= SAME
    both = same.index[same]
    return int((one.loc[both, "decision"].astype(bool) != two.loc[both, "decision"].astype(bool)).sum())


def _reading(watched: watch.Watched, monitor: str) -> float:
    found = watched.timeline.latest(monitor)
    return found[0].value if found else NAN
