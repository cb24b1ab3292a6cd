"""Numbers as targets: judged, watched, logged and answered as what they are; and estimators of either problem."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from xgboost import XGBClassifier, XGBRegressor

from roadworthy.base import settings as config
from roadworthy.base.databases import plain_records
from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle, frame_columns, predict_frame, require_same_problem
from roadworthy.bundle.signature import Scale
from roadworthy.contract.schema import Column, Contract, Table
from roadworthy.contract.workspace import Definition, SearchSpace, Workspace
from roadworthy.model import evaluation, training
from roadworthy.model.evaluation import REGRESSION
from roadworthy.monitoring import monitors, watch
from roadworthy.monitoring.log import PredictionLog
from roadworthy.monitoring.monitors import Thresholds, Window
from roadworthy.registry import export
from roadworthy.serving import batch, shadow, tensors
from roadworthy.serving.app import create_app
from roadworthy.serving.predictor import number_edges
from roadworthy.serving.shadow import compare_in_shadow, shadow_is_sound

NUMBERS = st.floats(-1000, 1000).map(lambda value: round(value, 3))
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 3)), min_size=2, max_size=60)
ESTIMATORS = {
    "boosting": HistGradientBoostingRegressor(max_iter=20),
    "forest": RandomForestRegressor(20, max_leaf_nodes=30, random_state=0),
    "extra trees": ExtraTreesRegressor(20, max_leaf_nodes=30, random_state=0),
    "ridge": Ridge(),
    "lightgbm": LGBMRegressor(n_estimators=20, verbose=-1),
    "xgboost": XGBRegressor(n_estimators=20),
}
CLASSIFIERS = {
    "boosting": (HistGradientBoostingClassifier(max_iter=20), "none"),
    "forest": (RandomForestClassifier(20, max_leaf_nodes=30, random_state=0), "none"),
    "extra trees": (ExtraTreesClassifier(20, max_leaf_nodes=30, random_state=0), "none"),
    "logistic regression": (LogisticRegression(max_iter=300), "none"),
    "lightgbm": (LGBMClassifier(n_estimators=20, verbose=-1), "none"),
    "xgboost": (XGBClassifier(n_estimators=20), "none"),
    "calibrated boosting": (HistGradientBoostingClassifier(max_iter=20), "isotonic"),
}
DAYS = 120


def contract(problem: str) -> Contract:
    """Trips with how long they take, in minutes, or whether long: a number, an integer and a category as features."""
    minutes = Column(name="minutes", kind="number", about="it takes", low=0, high=5000, known="after")
    if problem == "classification":
        minutes = Column(name="minutes", kind="boolean", about="it takes long", known="after")
    columns = (
        Column(name="trip", kind="text", about="number of the trip"),
        Column(name="moment", kind="time", about="it begins"),
        Column(name="day", kind="date", about="it begins on"),
        Column(name="length", kind="number", about="of the way", unit="km", low=0, high=100, max_null=0.2),
        Column(name="hour", kind="integer", about="it begins in", low=0, high=23),
        Column(name="vehicle", kind="category", about="by which", pattern="^[a-z]+$"),
        minutes,
        Column(name="ended", kind="time", about="it ends", known="after"),
    )
    roles = {"key": "trip", "time": "moment", "day": "day", "target": "minutes", "known_at": "ended"}
    features = Table(name="features", columns=columns, key=("trip",))
    return Contract(tables=(), features=features, problem=problem, **roles)


def trips(days: int = DAYS, seed: int = 0) -> pd.DataFrame:
    """Twenty trips a day, that take 300 minutes and more: the mean is far from 0, as that of many numbers is."""
    draw = np.random.default_rng(seed)
    count = days * 20
    day = np.repeat(pd.date_range("2024-01-01", periods=days), 20)
    length, hour = draw.gamma(4, 5, count).clip(0, 99), draw.integers(0, 24, count)
    vehicle = draw.choice(np.array(["bus", "train", "car"], dtype=object), count)
    slow = pd.Series(vehicle).map({"bus": 4.0, "train": 1.0, "car": 2.0}).to_numpy()
    minutes = 300 + slow * length + 2 * np.abs(hour - 12) + draw.normal(0, 5, count)
    moment = pd.Series(day).dt.tz_localize("UTC") + pd.to_timedelta(hour, unit="h")
    return pd.DataFrame(
        {
            "trip": [f"t{number}" for number in range(count)],
            "moment": moment,
            "day": day,
            "length": pd.Series(length).mask(draw.random(count) < 0.05),
            "hour": hour,
            "vehicle": pd.Series(vehicle, dtype="str"),
            "minutes": minutes,
            "ended": moment + pd.to_timedelta(minutes, unit="min"),
        }
    )


def project(folder: Path, estimator: Any = None, problem: str = "regression", calibration: str = "none") -> Workspace:
    """A project of these trips, without a snapshot."""
    paths = {name: folder / name for name in ("registry", "runs", "reports", "predictions", "cache", "tracking")}
    periods = {"train": ("2024-01-01", "2024-04-01"), "test": ("2024-04-01", "2024-05-01")}
    made = config.Settings.model_validate(
        {
            "project": {"package": "trips"},
            "data": {"snapshot": "s", "snapshots": {"s": {"folder": folder}}, "checks": {"max_quarantined": 0.01}},
            "split": periods,
            "retraining": {"snapshots": ["s"], **periods},
            "model": {
                "name": "trips",
                "features": ["length", "hour", "vehicle"],
                "seed": 0,
                "threshold": None if problem == "regression" else 0.5,
                "calibration": calibration,
            },
            "tests": {
                "slices": ["vehicle"],
                "max_invariance": 0.1,
                "rises_with": {"length": (5.0, 40.0)},
                "falls_with": {"hour": (0.0, 12.0)},
            },
            "gates": {"max_age_days": 30},
            "service": {},
            "monitoring": {"max_psi": 0.2, "max_unseen": 0.01},
            "paths": paths,
        },
        context=folder,
    )
    # Not `estimator or`: a forest that is not fitted has no length.
    model = HistGradientBoostingRegressor(max_iter=60) if estimator is None else estimator
    search = SearchSpace(grid={}, quick=())
    return Workspace(
        folder, made, Definition(contract=contract(problem), sql=folder, model=lambda _: model, search=search)
    )


def split_of(rows: pd.DataFrame) -> Any:
    from roadworthy.data.snapshots import Split

    first = rows["day"] < "2024-04-01"
    return Split(rows[first], rows[~first])


def train(
    folder: Path, estimator: Any = None, problem: str = "regression", calibration: str = "none"
) -> training.Trained:
    """A model of these trips, judged on the last month."""
    made, rows = project(folder, estimator, problem, calibration), trips()
    rows = rows if problem == "regression" else rows.assign(minutes=(rows["minutes"] > 350).astype(float))
    made_of = {"periods": {"train": ["2024-01-01", "2024-04-01"], "test": ["2024-04-01", "2024-05-01"]}}
    return training.train_model(made, split_of(rows), made.settings.model, made.settings.tests, made_of)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> training.Trained:
    return train(tmp_path_factory.mktemp("trips"))


@pytest.fixture(scope="module")
def bundle(trained: training.Trained, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("version") / "1"
    folder.mkdir()
    export.write_bundle(trained, folder)
    return Bundle.load(folder)


# --- judged


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_the_metrics_are_those_of_scikit_learn(rows: list[tuple[float, float, int]]) -> None:
    y, p, day = (np.array(column) for column in zip(*rows, strict=True))
    result = REGRESSION.evaluate(y, p, day, draws=20)
    assert isinstance(result, evaluation.NumberEvaluation)
    assert (result.rows, result.days) == (len(y), len(np.unique(day)))
    assert result.mae == pytest.approx(mean_absolute_error(y, p))
    assert result.rmse == pytest.approx(root_mean_squared_error(y, p))
    assert result.mean_label == pytest.approx(y.mean())
    if np.ptp(y) < 1e-6:
        assert np.isnan(result.r2) or np.ptp(y)
    else:
        assert result.r2 == pytest.approx(r2_score(y, p), rel=1e-6, abs=1e-6)
    assert REGRESSION.evaluation_of(result.to_dict()).to_dict() == pytest.approx(result.to_dict(), nan_ok=True)


def test_a_large_mean_costs_no_digits() -> None:
    draw = np.random.default_rng(0)
    y = 1e9 + draw.normal(0, 1, 500)
    p = y + draw.normal(0, 0.5, 500)
    assert REGRESSION.evaluate(y, p, np.arange(500) // 5, draws=2).quality.value == pytest.approx(
        r2_score(y, p), rel=1e-6
    )


def test_the_interval_by_days_holds_what_other_days_would_have_said() -> None:
    inside = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        day = np.repeat(np.arange(60), 10)
        of_day = draw.normal(0, 1, 60)[day]  # errors of one day go together
        y = draw.normal(0, 1, 600)
        result = REGRESSION.evaluate(y, y + of_day, day)
        low, high = result.error[1:]
        inside += low <= np.sqrt(2 / np.pi) <= high
    assert inside >= 34


def test_one_model_is_better_than_another_on_the_same_days() -> None:
    draw = np.random.default_rng(1)
    y, day = draw.normal(0, 1, 900), np.repeat(np.arange(90), 10)
    noise = draw.normal(0, 1, 900)
    change = REGRESSION.compare(y, y + 0.5 * noise, y + noise, day)
    assert isinstance(change, evaluation.NumberDifference)
    assert change.better
    assert change.error.high < 0
    same = REGRESSION.compare(y, y + noise, y + noise, day)
    assert (same.quality, same.error, same.better) == ((0, 0, 0), (0, 0, 0), False)


def test_the_unit_of_limits_is_two_standard_deviations() -> None:
    labels = np.array([1.0, 3.0, np.nan])
    scale = Scale.of(labels)
    assert scale == (2.0, 2.0)
    assert scale.apply([2.0, 4.0]).tolist() == [0.0, 1.0]
    assert Scale.of(np.ones(5)) == (1.0, 1.0)
    assert evaluation.CLASSIFICATION.scale([0.0, 1.0]).apply([0.2]).tolist() == [0.2]


def test_the_tests_of_a_training_are_green_and_say_what_they_judge(trained: training.Trained) -> None:
    said = {verdict.gate: verdict for verdict in trained.verdicts}
    assert all(verdict.passed for verdict in said.values())
    assert said["better than the median"].evidence.startswith("R2 0.9")
    assert "of two standard deviations against the median" in said["better than the median"].evidence
    assert "R2" in said["quality on every slice"].evidence
    assert {"rises with length", "falls with hour"} <= said.keys()


def test_a_model_that_has_learned_nothing_is_no_better_than_the_median(trained: training.Trained) -> None:
    test, target = trained.split.test, trained.split.train["minutes"]
    verdicts = evaluation.run_model_tests(
        trained.project.contract,
        lambda rows: np.full(len(rows), target.mean()),
        trained.split.train,
        test,
        trained.spec.features,
        trained.project.settings.tests,
        answers=np.full(len(test), target.mean()),
    )
    red = {verdict.gate for verdict in verdicts if not verdict.passed}
    assert {"better than the median", "rises with length", "falls with hour"} <= red


def test_a_feature_that_is_the_target_in_other_words_is_a_leak(trained: training.Trained) -> None:
    rows = trained.split.test.assign(length=np.log(trained.split.test["minutes"]))
    verdict = evaluation.no_leak(trained.project.contract, rows, ("length", "hour"), evaluation.MAX_R2_ALONE)
    assert verdict.passed is False
    assert "length with R2 of ranks 1.00" in verdict.evidence
    constant = trained.split.test.assign(length=1.0)
    assert evaluation.no_leak(trained.project.contract, constant, ("length",), 0.5).passed is True


# --- exported


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_regressor_is_served_and_scored_as_it_answers(name: str, tmp_path: Path) -> None:
    assert_served_and_scored_as_it_answers(train(tmp_path, ESTIMATORS[name]), tmp_path)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_is_served_and_scored_as_it_answers(name: str, tmp_path: Path) -> None:
    estimator, calibration = CLASSIFIERS[name]
    assert_served_and_scored_as_it_answers(train(tmp_path, estimator, "classification", calibration), tmp_path)


def assert_served_and_scored_as_it_answers(made: training.Trained, tmp_path: Path) -> None:
    """Fail if an answer by the bundle, by a scored file or by the service differs by more than 1e-5."""
    folder = tmp_path / "versions" / "1"
    folder.mkdir(parents=True)
    export.write_bundle(made, folder)
    bundle, rows = Bundle.load(folder), made.split.test
    expected, most, name = made.predict(rows), 1e-5 * bundle.signature.width, bundle.signature.answer
    assert np.abs(predict_frame(bundle, rows) - expected).max() <= most
    file, target = tmp_path / "rows.parquet", tmp_path / "scored.parquet"
    rows[["trip", *bundle.names]].to_parquet(file)
    batch.score_file(bundle, file, target)
    assert np.abs(pq.read_table(target)[name].to_numpy() - expected).max() <= most
    sent = plain_records(rows, ["trip", *bundle.names])
    answers = ask(create_app(bundle), "/v1/predict", {"rows": sent}).json()["predictions"]
    assert np.abs(np.array([each[name] for each in answers]) - expected).max() <= most


def ask(app: FastAPI, path: str, body: Any = None) -> httpx.Response:
    """What the service says to one request."""

    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://s") as client,
        ):
            return await (client.get(path) if body is None else client.post(path, content=json.dumps(body).encode()))

    return asyncio.run(exchange())


def test_a_version_says_that_its_answer_is_a_number(bundle: Bundle, trained: training.Trained) -> None:
    signature = json.loads((bundle.folder / "signature.json").read_text(encoding="utf-8"))
    labels = trained.split.train["minutes"]
    assert signature["problem"] == "regression"
    assert "threshold" not in signature
    assert [signature["center"], signature["width"]] == pytest.approx([labels.mean(), 2 * labels.std(ddof=0)])
    assert {"prediction", "features"} == bundle.golden[0].keys()
    assert not bundle.decide(np.array([1e9])).any()
    reference = json.loads((bundle.folder / "reference.json").read_text(encoding="utf-8"))
    assert reference["center"] == signature["center"]
    assert "base_rate" not in reference
    assert reference["estimate"] == {}, "numbers do not say how good they are"


# --- served


def test_the_service_describes_and_gives_numbers(bundle: Bundle) -> None:
    row = {"trip": "a", "length": 20.0, "hour": 12, "vehicle": "bus"}
    (expected,) = bundle.predict_rows([row])
    app = create_app(bundle)
    one = ask(app, "/v1/predict", row).json()
    assert (one["key"], one["prediction"]) == ("a", pytest.approx(expected))
    assert not {"probability", "decision"} & one.keys()
    about = ask(create_app(bundle), "/v1/model").json()
    assert (about["threshold"], about["metrics"]["r2"]) == (None, bundle.metrics["r2"])
    described = ask(create_app(bundle), "/openapi.json").json()
    assert described["paths"]["/v1/predict"]["post"]["summary"] == "The prediction of minutes for one row or many"
    assert "prediction" in described["components"]["schemas"]["NumberAnswer"]["properties"]
    assert "Answer" not in described["components"]["schemas"]
    counted = ask(app, "/metrics").text
    assert "model_prediction_count 1.0" in counted


def test_the_inference_protocol_has_one_output(bundle: Bundle) -> None:
    _, outputs = tensors.tensor_metadata(bundle.signature)
    assert [each["name"] for each in outputs] == ["prediction"]
    values = {"length": ("FP64", 20.0), "hour": ("INT64", 12), "vehicle": ("BYTES", "bus")}
    inputs = [{"name": n, "datatype": kind, "shape": [1], "data": [v]} for n, (kind, v) in values.items()]
    app, path = create_app(bundle), "/v2/models/trips/infer"
    answer = ask(app, path, {"inputs": inputs}).json()
    assert [each["name"] for each in answer["outputs"]] == ["prediction"]
    refused = ask(app, path, {"inputs": inputs, "outputs": [{"name": "decision"}]})
    assert refused.status_code == 400
    assert refused.json()["error"] == 'there is no output "decision"; there is prediction'


def test_a_scored_file_has_predictions_and_no_decision(bundle: Bundle, tmp_path: Path) -> None:
    trips(10)[["trip", *bundle.names]].to_csv(tmp_path / "rows.csv", index=False)
    summary = batch.score_file(bundle, tmp_path / "rows.csv", tmp_path / "scored.csv")
    assert summary.decisions == 0
    assert list(pd.read_csv(tmp_path / "scored.csv").columns) == ["trip", "prediction", "version"]


# --- logged and watched


@pytest.fixture
def log(bundle: Bundle, tmp_path: Path) -> Iterator[PredictionLog]:
    with PredictionLog(tmp_path / "predictions.db", bundle.signature) as opened:
        yield opened


def test_the_log_keeps_numbers_as_they_are(log: PredictionLog) -> None:
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    row = {"length": [1.0], "hour": [2], "vehicle": ["bus"], "prediction": [312.25], "decision": 0}
    log.append({"key": ["a"], "time": [moment], "version": "1", **row})
    log.append_labels(["a"], [320.125], [moment + timedelta(hours=1)])
    read = log.read()
    assert (read["prediction"].tolist(), read["label"].tolist()) == ([312.25], [320.125])
    columns = [each[1] for each in sqlite3.connect(str(log.path)).execute("pragma table_info(predictions)")]
    assert "prediction" in columns
    assert "probability" not in columns


def test_a_log_of_probabilities_takes_no_numbers_and_one_of_numbers_no_probabilities(
    bundle: Bundle, tmp_path: Path
) -> None:
    classes = replace(bundle.signature, problem="classification", threshold=0.5)
    PredictionLog(tmp_path / "classes.db", classes).close()
    PredictionLog(tmp_path / "numbers.db", bundle.signature).close()
    with pytest.raises(InputError, match="is a log of probabilities, and the model answers with numbers"):
        PredictionLog(tmp_path / "classes.db", bundle.signature)
    with pytest.raises(InputError, match="is a log of numbers, and the model answers with probabilities"):
        PredictionLog(tmp_path / "numbers.db", classes)


def test_a_version_that_answers_another_question_is_refused(bundle: Bundle) -> None:
    require_same_problem(contract("regression"), bundle.folder)
    with pytest.raises(InputError, match="version 1 answers with a number, and the contract asks for a probability"):
        require_same_problem(contract("classification"), bundle.folder)


def test_the_metrics_of_a_number_that_is_never_negative_have_a_sum(bundle: Bundle) -> None:
    assert bundle.signature.low == 0
    assert min(number_edges(bundle.signature)) > 0
    assert min(number_edges(replace(bundle.signature, center=0, low=-5))) < 0
    app = create_app(bundle)
    ask(app, "/v1/predict", {"trip": "a", "length": 20.0, "hour": 12, "vehicle": "bus"})
    assert "model_prediction_sum" in ask(app, "/metrics").text


@pytest.mark.parametrize(
    ("problem", "changed", "says"),
    [
        ("regression", {"model": {"threshold": 0.5}}, r"\[model\] threshold means nothing, for the target is a number"),
        ("regression", {"tests": {"min_auc_slice": 0.6}}, r"\[tests\] min_auc_slice means nothing"),
        ("regression", {"retraining": {"alarms": ["auc", "skill"]}}, r"alarms 'auc' means nothing.*\n.*error, mean"),
        ("classification", {"tests": {"max_r2_alone": 0.6}}, r"\[tests\] max_r2_alone means nothing"),
        ("classification", {"retraining": {"alarms": ["mean"]}}, r"alarms 'mean' means nothing.*\n.*auc, base rate"),
        (
            "classification",
            {"model": {"threshold": None}},
            r"\[model\] threshold: Field required\n.*problem='regression'",
        ),
    ],
)
def test_a_setting_of_the_other_problem_is_refused(
    problem: str, changed: dict[str, Any], says: str, tmp_path: Path
) -> None:
    made = project(tmp_path, problem=problem)
    made.require_settings_of_problem()
    values = made.settings.model_dump(exclude_unset=True, context=tmp_path)
    merged = {**values, **{section: {**values[section], **keys} for section, keys in changed.items()}}
    other = made.using(config.Settings.model_validate(merged, context=tmp_path))
    with pytest.raises(InputError, match=says):
        other.require_settings_of_problem()


def window(rows: pd.DataFrame, answers: Any, scale: Scale | None) -> Window:
    columns = {**frame_columns(rows, ["length", "hour", "vehicle"]), "prediction": np.asarray(answers)}
    labels = {"label": rows["minutes"].to_numpy(), "day": rows["day"].to_numpy()}
    return Window.of("w", {**columns, **labels}, scale)


def readings(trained: training.Trained, answers: Any) -> dict[str, bool | None]:
    rows = trained.split.test
    found = monitors.outcome_readings(trained.evaluation.to_dict(), window(rows, answers, trained.scale), Thresholds())
    return {reading.monitor: reading.violated for reading in found}


def test_sound_answers_are_quiet_and_each_fault_is_told_by_its_monitor(trained: training.Trained) -> None:
    good, width = trained.answers, trained.scale.width
    assert readings(trained, good) == dict.fromkeys(("labels", "error", "skill", "mean", "calibration"), False)
    judged = trained.split.test["minutes"], good + 0.1 * width, trained.split.test["day"].to_numpy()
    means = np.mean(judged[1]) - np.mean(judged[0])
    assert monitors.judge_performance(*judged, trained.scale).gap.value == pytest.approx(means / width)
    shifted = readings(trained, good + 0.1 * width)
    assert (shifted["mean"], shifted["calibration"], shifted["skill"]) == (True, True, False)
    turned = readings(trained, 2 * good.mean() - good)
    assert (turned["error"], turned["skill"], turned["calibration"], turned["mean"]) == (True, True, True, False)
    constant = readings(trained, np.full(len(good), trained.split.test["minutes"].mean()))
    assert (constant["error"], constant["mean"]) == (True, False)


def test_too_few_labels_are_not_judged(trained: training.Trained) -> None:
    rows = trained.split.test.copy()
    rows.loc[rows.index[50:], "minutes"] = np.nan
    few = replace(window(rows, trained.answers, trained.scale), due=np.ones(len(rows), dtype=bool))
    found = monitors.outcome_readings({}, few, Thresholds(min_coverage=0))
    assert [reading.violated for reading in found] == [False, None, None, None, None]
    assert "50 known labels, at least 60" in found[1].evidence


def test_a_log_of_numbers_is_watched(bundle: Bundle, tmp_path: Path) -> None:
    rows = trips(28, seed=5)
    answers = predict_frame(bundle, rows)
    late = rows["moment"] >= rows["moment"].min() + pd.Timedelta(days=14)
    for name, made, rings in (("sound", answers, False), ("broken", np.where(late, answers + 60, answers), True)):
        place = tmp_path / f"{name}.db"
        with PredictionLog(place, bundle.signature) as opened:
            about = {"key": rows["trip"], "time": rows["moment"], "version": "1", "decision": 0}
            opened.append({**frame_columns(rows, bundle.names), **about, "prediction": made})
            opened.append_labels(rows["trip"], rows["minutes"], rows["ended"].to_numpy())
        end, page = rows["moment"].max() + pd.Timedelta(days=2), tmp_path / name / "index.html"
        options: dict[str, Any] = {"label_delay": timedelta(days=1), "thresholds": Thresholds(min_rows=100)}
        watched = watch.monitor_log(bundle.folder, place, now=end, windows=4, report_path=page, **options)
        said = {verdict.gate.partition(":")[0]: verdict.passed for verdict in watched.verdicts}
        assert (said["mean"] is False) is rings, watched.verdicts
        assert "auc" not in said
        assert "mean absolute error" in page.read_text(encoding="utf-8")


def test_the_reading_of_an_alarm_is_the_newest_that_was_judged() -> None:
    from roadworthy.monitoring.monitors import Reading
    from roadworthy.monitoring.timeline import Timeline

    windows = [
        replace(Window.of(name, {"probability": np.empty(0), "label": np.empty(0), "day": np.empty(0)}))
        for name in ("a", "b", "c")
    ]
    found = [Reading(name, "skill", "", -1.0, 0.0, True, f"bad in {name}") for name in ("a", "b")]
    found.append(Reading("c", "skill", "", np.nan, np.nan, None, "not judged: no labels"))
    (verdict,) = Timeline(windows, found, Thresholds()).verdicts()
    assert (verdict.passed, verdict.evidence) == (False, "bad in b")


# --- compared


def test_a_challenger_of_numbers_is_judged_in_their_unit(bundle: Bundle, trained: training.Trained) -> None:
    columns = frame_columns(trained.split.test, bundle.names)
    compared = compare_in_shadow(bundle, bundle, "these rows", columns)
    assert compared.invalid == 0
    assert shadow_is_sound(compared).passed is True
    assert "decisions" not in shadow_is_sound(compared).evidence
    moved = replace(compared, challenger_mean=compared.champion_mean + 0.3 * bundle.signature.width)
    assert shadow_is_sound(moved).passed is False
    assert shadow.ShadowComparison("rows", 500).width == 1.0


# --- refused


def test_a_number_takes_a_regressor_and_yes_or_no_a_classifier(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gives a LogisticRegression, and the target is a number"):
        train(tmp_path, LogisticRegression())


def test_a_number_has_no_probability_to_calibrate(tmp_path: Path) -> None:
    made = project(tmp_path)
    spec = made.settings.model.model_copy(update={"calibration": "isotonic"})
    with pytest.raises(InputError, match="the target is a number: there is no probability to calibrate"):
        training.train_model(made, split_of(trips()), spec, made.settings.tests)
