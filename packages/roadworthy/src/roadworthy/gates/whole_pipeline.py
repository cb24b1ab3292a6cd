"""The whole pipeline on six weeks, and predictions made again step by step: all stages agree on each row."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pandas as pd
from fastapi import FastAPI

from ..base import databases
from ..bundle.bundle import Bundle, frame_columns
from ..contract.schema import Contract
from ..data import snapshots
from ..model import training
from ..monitoring import watch
from ..monitoring.log import PredictionLog
from ..monitoring.monitors import Thresholds
from ..registry import export
from ..registry.registry import Registry
from ..registry.releases import GREEN, stage_copy
from ..serving import batch, canary, tracing
from ..serving.app import champion_bundle, create_app
from ..serving.asgi import PREDICT
from .bench import Bench, NotJudgedError
from .reproducibility import excerpt_folder, excerpt_periods

FROM_TABLES = 6  # rows that are traced to the tables
THROUGH_MODEL = 120  # rows at most that are followed through the trees
TREES = 15
EVERY = 4  # rows of the excerpt, where it has many: some thousands are left
REQUESTS, FEWEST = 600, 400  # rows that are asked for; the monitors judge from 300 on
ALONE = 5  # of them in a request of their own
SAME, NAN = 1e-6, float("nan")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Traces:
    """The largest difference at each step, over `rows` rows that show `values` values of the categories.

    `unexplained`: features whose raw rows, in `sources` rows of the tables, do not give the value that was used.
    `encoding`: largest difference of X. `model`: of the probability of the leaves from that of the exported model.
    `service`: of it from the service's answer, `worst` names that row; `moved`: of the features' shares from the sum.
    """

    rows: int
    values: int
    from_tables: int
    sources: int
    unexplained: tuple[str, ...]
    encoding: float
    model: float
    service: float
    worst: str
    moved: float
    moved_most: str


def trace_rows(bench: Bench) -> Traces:
    """Trace rows that show every category of the test rows, as far as `THROUGH_MODEL` rows do."""
    bundle = bench.bundle
    categories = [feature.name for feature in bundle.signature.features if feature.kind == "category"]
    rows, values = covering_rows(bench.test, categories, THROUGH_MODEL)
    # What the service refuses cannot be compared with its answer; see Infrastructure 6.
    rows = rows[canary.rows_taken(bundle, databases.plain_records(rows, bundle.names))]
    if rows.empty:
        raise NotJudgedError("the service takes none of the rows, see Infrastructure 6")
    first = rows.iloc[:: max(1, len(rows) // FROM_TABLES)].iloc[:FROM_TABLES]
    keys = first[bench.contract.key].tolist()
    raw = tracing.raw_rows(bench.project, bench.connection, keys)
    again = tracing.features_of_keys(bench.project, raw, keys)
    traced = tracing.trace_predictions(bundle, rows)
    encoded = bundle.encode_columns(frame_columns(rows, bundle.names))
    unit = bundle.signature.scale.apply
    exported, explained, answers = (unit(x) for x in (bundle.predict(encoded), traced.explained, traced.answers))
    # A sum of numbers is in the unit of the target; one of log-odds is not.
    wide = bundle.signature.width
    gaps = np.abs(explained - answers)
    return Traces(
        rows=len(rows),
        values=values,
        from_tables=len(keys),
        sources=sum(table.num_rows for table in raw.values()),
        unexplained=tuple(different_columns(first, again, bundle.names)),
        encoding=largest_difference(encoded, traced.inputs),
        model=largest_difference(exported, explained),
        service=largest_difference(answers, explained),
        worst=str(rows[bench.contract.key].iloc[int(np.argmax(gaps))]),
        moved=largest_difference(traced.mean + traced.moved.sum(axis=1), traced.margins) / wide,
        moved_most=str(tracing.contributions_of(traced, bundle)["feature"].iloc[0]),
    )


def covering_rows(rows: pd.DataFrame, names: Sequence[str], limit: int) -> tuple[pd.DataFrame, int]:
    """At most `limit` rows that show as many values of these columns as they can, and how many they show.

    The first row of each value that no row before it has shown, columns with few values first: what is done to one
    value only (an override for a customer, say) is seen.
    """
    few_first = sorted(names, key=lambda name: rows[name].nunique())
    firsts = [rows.index[~rows[name].duplicated() & rows[name].notna()] for name in few_first]
    chosen = pd.unique(np.concatenate([*firsts, rows.index[:1]]))[:limit]
    covering = rows.loc[chosen]
    return covering, int(sum(covering[name].nunique() for name in names))


def different_columns(used: pd.DataFrame, again: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns in which two tables of the same rows differ; missing is equal to missing."""
    one, two = frame_columns(used, list(names)), frame_columns(again, list(names))
    return [name for name in names if not pd.Series(one[name]).equals(pd.Series(two[name]))]


def largest_difference(one: np.ndarray, two: np.ndarray) -> float:
    """The largest difference; infinite where only one of both is a number."""
    if (np.isnan(one) != np.isnan(two)).any():
        return float("inf")
    return float(np.nanmax(np.abs(one - two), initial=0.0))


@dataclass(frozen=True)
class PipelineRun:
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


def run_pipeline(bench: Bench) -> PipelineRun:
    """Run every stage. Any of them may raise: a pipeline that breaks is what this looks for."""
    folder = bench.scratch / "whole"
    folder.mkdir()
    train, test = excerpt_periods(bench)
    frame = snapshots.make_features(bench.project, snapshots.connect_snapshot(bench.project, excerpt_folder(bench)))
    expected = sum(len(_between(bench.contract, bench.frame, period)) for period in (train, test))
    made = sum(len(_between(bench.contract, frame, period)) for period in (train, test))
    every = min(EVERY, max(1, len(_between(bench.contract, frame, test)) // REQUESTS))
    split = snapshots.split_periods(bench.contract, frame, train, test, every=every)
    registry = _released(bench, split, folder / "registry")
    # Of a small table there are not enough in the test: what is asked here is not how good the answers are.
    rows = _requests(registry, pd.concat([split.test, split.train.iloc[: max(0, FEWEST - len(split.test))]]))
    log = folder / "predictions.db"
    answered = _served(registry, rows, log)
    logged = _logged(bench.contract, registry, log, rows)
    bundle = Bundle.load(registry.path())
    scored = _scored(bundle, rows, folder)
    # Two days on: a label is due after one, and only then is it judged. All are of one day: what is read is a mean.
    later, delay, limits = datetime.now(UTC) + timedelta(days=2), timedelta(days=1), Thresholds(min_days=1)
    watched = watch.monitor_log(registry.path(), log, now=later, windows=1, thresholds=limits, label_delay=delay)
    labels = rows[bench.contract.target].to_numpy(dtype=np.float64)
    answers = answered.reindex(rows[bench.contract.key])["answer"].to_numpy()
    scale = bundle.signature.scale
    gap = float(scale.apply(answers).mean() - scale.apply(labels).mean())
    return PipelineRun(
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
        | {
            name: ", ".join(sorted(map(str, each["version"].unique())))
            for name, each in (("service", answered), ("log", logged), ("batch", scored))
        },
        log_gap=_gap(answered, logged),
        batch_gap=_gap(answered, scored) / scale.width,
        decisions=_decisions(answered, logged) + _decisions(answered, scored),
        monitor_gap=abs(_reading(watched, "mean" if bench.contract.regression else "base rate") - gap),
    )


def _released(bench: Bench, split: snapshots.Split, folder: Path) -> Registry:
    """A registry whose champion is a small model of these rows; a later version waits, which must not answer.

    The verdicts on so small a model are replaced: its quality is not what is tested here.
    """
    spec = bench.spec.with_fewer_trees(TREES)
    few = {"slices": bench.config.tests.slices[:1], "rises_with": {}, "falls_with": {}}
    tests = bench.config.tests.model_copy(update=few)
    trained = training.train_model(bench.project, split, spec, tests, {"rehearsal": True})
    registry = Registry(folder)
    number = export.register_version(replace(trained, verdicts=GREEN), registry)
    registry.promote(number, reason="rehearsal")
    stage_copy(registry.path(number), registry, [*GREEN, *GREEN])
    return registry


def _requests(registry: Registry, test: pd.DataFrame) -> pd.DataFrame:
    """Rows of the test that the version takes as requests; what it refuses is the subject of Infrastructure 6."""
    bundle = Bundle.load(registry.path())
    taken = test[canary.rows_taken(bundle, databases.plain_records(test, bundle.names))]
    if len(taken) < FEWEST:
        raise NotJudgedError(f"the service takes {len(taken)} of {len(test)} rows only, see Infrastructure 6")
    return taken.iloc[:: max(1, len(taken) // REQUESTS)].iloc[:REQUESTS]


def _served(registry: Registry, rows: pd.DataFrame, log: Path) -> pd.DataFrame:
    """The service's answers by key: answer, decision (not of numbers), version."""
    bundle = champion_bundle(registry.folder)
    asked = databases.plain_records(rows, [bundle.signature.key, *bundle.names])
    bodies = [*asked[:ALONE], {"rows": asked[ALONE:]}]
    answers = run_coroutine(_exchange(create_app(bundle, predictions=log), bodies))
    lines = [
        {**each, "version": answer["version"]} for answer in answers for each in answer.get("predictions", [answer])
    ]
    return pd.DataFrame(lines).rename(columns={bundle.signature.answer: "answer"}).set_index("key")


def run_coroutine(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine gives, run in a thread of its own: a notebook has a running loop in its thread already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


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
    signature = Bundle.load(registry.path()).signature
    with PredictionLog(path, signature) as log:
        log.append_labels(rows[contract.key], rows[contract.target], [datetime.now(UTC)] * len(rows))
        columns = log.read()
    names = ("key", "decision", "version", "label")
    kept = {"answer": columns[signature.answer], **{name: columns[name] for name in names}}
    return pd.DataFrame(kept).set_index("key")


def _scored(bundle: Bundle, rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows as a file that is scored, by key: answer, decision (not of numbers), version."""
    source, target, key = folder / "rows.parquet", folder / "scores.parquet", bundle.signature.key
    rows[[key, *bundle.names]].to_parquet(source, index=False)
    batch.score_file(bundle, source, target)
    return pd.read_parquet(target).rename(columns={bundle.signature.answer: "answer"}).set_index(key)


def _between(contract: Contract, frame: pd.DataFrame, period: snapshots.Period) -> pd.DataFrame:
    start, end = (pd.Timestamp(day) for day in period)
    return frame[(frame[contract.day] >= start) & (frame[contract.day] < end)]


def _gap(one: pd.DataFrame, two: pd.DataFrame) -> float:
    gaps = (one["answer"] - two["answer"]).abs().dropna()
    return float(gaps.max()) if len(gaps) else NAN


def _decisions(one: pd.DataFrame, two: pd.DataFrame) -> int:
    if "decision" not in one or "decision" not in two:
        return 0
    same = (one["answer"] - two["answer"]).abs() <= SAME
    both = same.index[same]
    return int((one.loc[both, "decision"].astype(bool) != two.loc[both, "decision"].astype(bool)).sum())


def _reading(watched: watch.Watched, monitor: str) -> float:
    readings = watched.timeline.latest(monitor)
    return readings[0].value if readings else NAN
