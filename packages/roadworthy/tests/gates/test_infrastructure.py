"""The gates of the infrastructure on evidence made by hand, and what gathers it on small bundles and registries."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from roadworthy.base import databases, errors, settings
from roadworthy.base.errors import InputError
from roadworthy.bundle import bundle
from roadworthy.bundle.bundle import Bundle
from roadworthy.data import snapshots
from roadworthy.drills import faults
from roadworthy.gates import promotion, reproducibility, run, whole_pipeline
from roadworthy.gates.infrastructure import Trainings
from roadworthy.model import training
from roadworthy.project import Project
from roadworthy.registry import export, releases
from roadworthy.registry.registry import Registry
from roadworthy.serving import canary, request, tracing
from sample import HOME
from small import ROW, SIGNATURE, by_hand, rows, write_bundle

JUDGES = {gate.name: gate for gate in run.GATES}
NAN, MORE, LESS = float("nan"), 1.01e-5, 0.99e-5

TRAININGS = Trainings(features=41_000, changed=0, rows=12_000, gap=0.0, refit_gap=4e-7)
SPEC = reproducibility.SpecTests(
    reached={"max_iter": True, "seed": True},
    sizes={"max_iter": (5, 5), "max_leaf_nodes": (4, 4)},
    losses=(0.6, 0.3, 0.1),
    learned={"a number": 1.0, "a category": 0.99},
    unusual=(0.2, 0.9),
    misplaced=(),
)
WHOLE = whole_pipeline.PipelineRun(
    rows={"expected": 900, "features": 900, "asked": 60, "answered": 60, "logged": 60, "labelled": 60, "scored": 60},
    versions={"champion": "1", "service": "1", "log": "1", "batch": "1"},
    log_gap=0.0,
    batch_gap=0.0,
    decisions=0,
    monitor_gap=1e-16,
)


VALIDATION = promotion.Validation(tests=10, gap=1, days=28, metrics_gap=2e-8)
TRACES = whole_pipeline.Traces(
    rows=100,
    values=140,
    from_tables=6,
    sources=230,
    unexplained=(),
    encoding=0.0,
    model=1e-7,
    service=2e-7,
    worst="A1",
    moved=1e-16,
    moved_most="hour",
)
CANARY = canary.CanaryComparison(
    requests=2000,
    refused=0,
    failed=0,
    reason="",
    mean=0.26,
    mean_before=0.25,
    psi=0.02,
    seconds=1e-4,
    seconds_before=1e-4,
)
REHEARSED = promotion.RehearsedRollback(before=1, promoted=2, after=1, answers=True, untouched=True, recorded=True)
BACK = promotion.RollbackEvidence(champion=2, by_history=2, target=1, rehearsed=REHEARSED)

GOOD: dict[str, list[Any]] = {
    "Infrastructure 1": [TRAININGS, replace(TRAININGS, refit_gap=None), replace(TRAININGS, refit_gap=LESS)],
    "Infrastructure 2": [SPEC, replace(SPEC, learned={"a number": 0.951}), replace(SPEC, unusual=(0.0, 1.0))],
    "Infrastructure 3": [WHOLE, replace(WHOLE, batch_gap=0.099), replace(WHOLE, monitor_gap=LESS)],
    "Infrastructure 4": [
        VALIDATION,
        replace(VALIDATION, metrics_gap=None),
        replace(VALIDATION, metrics_gap=LESS),
        # A candidate whose tests are red has been validated: it is never promoted.
        replace(VALIDATION, red=("rises with rain",)),
    ],
    "Infrastructure 5": [TRACES, replace(TRACES, model=LESS, service=LESS)],
    "Infrastructure 6": [CANARY, replace(CANARY, psi=0.69), replace(CANARY, seconds=2.9e-4)],
    "Infrastructure 7": [
        BACK,
        replace(BACK, champion=1, by_history=1, target=None),
        replace(BACK, champion=None, by_history=None),
    ],
}
BAD: dict[str, list[Any]] = {
    "Infrastructure 1": [
        replace(TRAININGS, changed=1),
        replace(TRAININGS, gap=1e-16),
        replace(TRAININGS, refit_gap=MORE),
        replace(TRAININGS, gap=NAN),
        replace(TRAININGS, refit_gap=NAN),
    ],
    "Infrastructure 2": [
        replace(SPEC, reached={"max_iter": True, "seed": False}),
        replace(SPEC, sizes={"max_iter": (5, 4)}),
        replace(SPEC, sizes={"max_leaf_nodes": (4, 31)}),
        replace(SPEC, losses=(0.6, 0.6, 0.1)),
        replace(SPEC, losses=(0.6, 0.3, 0.4)),
        replace(SPEC, learned={"a number": 1.0, "a category": 0.949}),
        replace(SPEC, learned={"a number": NAN}),
        replace(SPEC, unusual=(0.2, NAN)),
        replace(SPEC, unusual=(0.2, 1.1)),
        replace(SPEC, misplaced=("hour",)),
    ],
    "Infrastructure 3": [
        replace(WHOLE, rows={**WHOLE.rows, "features": 899}),
        *[replace(WHOLE, rows={**WHOLE.rows, name: 59}) for name in ("answered", "logged", "labelled", "scored")],
        *[replace(WHOLE, versions={**WHOLE.versions, name: "2"}) for name in ("service", "log", "batch")],
        replace(WHOLE, log_gap=1e-12),
        replace(WHOLE, log_gap=NAN),
        replace(WHOLE, batch_gap=0.101),
        replace(WHOLE, batch_gap=NAN),
        replace(WHOLE, decisions=1),
        replace(WHOLE, monitor_gap=MORE),
        replace(WHOLE, monitor_gap=NAN),
    ],
    "Infrastructure 4": [
        replace(VALIDATION, broken="model.onnx: its sum differs"),
        replace(VALIDATION, tests=0),
        replace(VALIDATION, gap=0),
        replace(VALIDATION, shared=1),
        replace(VALIDATION, days=27),
        replace(VALIDATION, metrics_gap=MORE),
        replace(VALIDATION, metrics_gap=NAN),
        replace(VALIDATION, alias="the champion is version 9, which does not exist"),
    ],
    "Infrastructure 5": [
        replace(TRACES, unexplained=("hour",)),
        replace(TRACES, encoding=1.0),
        replace(TRACES, model=MORE),
        replace(TRACES, service=MORE),
        replace(TRACES, service=NAN),
        replace(TRACES, moved=MORE),
    ],
    "Infrastructure 6": [
        replace(CANARY, refused=1, reason="dest is missing"),
        replace(CANARY, failed=1, reason="TypeError"),
        *[replace(CANARY, psi=psi) for psi in (0.71, NAN)],
        replace(CANARY, seconds=3.1e-4),
    ],
    "Infrastructure 7": [
        replace(BACK, problem="a rollback fails"),
        replace(BACK, by_history=None),
        replace(BACK, by_history=1),
        replace(BACK, rehearsed=replace(REHEARSED, after=2)),
        replace(BACK, rehearsed=replace(REHEARSED, promoted=1)),
        replace(BACK, rehearsed=replace(REHEARSED, answers=False)),
        replace(BACK, rehearsed=replace(REHEARSED, untouched=False)),
        replace(BACK, rehearsed=replace(REHEARSED, recorded=False)),
        replace(BACK, rehearsed=None, problem="version 1 cannot be loaded"),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_good_evidence_is_green(name: str) -> None:
    assert [JUDGES[name](each).passed for each in GOOD[name]] == [True] * len(GOOD[name])


@pytest.mark.parametrize(("name", "evidence"), [(name, each) for name, some in BAD.items() for each in some])
def test_bad_evidence_is_red_and_says_why(name: str, evidence: Any) -> None:
    verdict = JUDGES[name](evidence)
    assert verdict.passed is False
    assert len(verdict.evidence) > 10
    assert verdict.evidence != JUDGES[name](GOOD[name][0]).evidence


@pytest.mark.parametrize("name", GOOD)
def test_the_words_of_a_green_gate_fit_into_a_line(name: str) -> None:
    assert all(20 < len(JUDGES[name](each).evidence) <= 165 for each in GOOD[name])


def test_without_a_second_version_a_rollback_is_not_judged() -> None:
    verdict = JUDGES["Infrastructure 7"](replace(BACK, rehearsed=None, target=None))
    assert verdict.passed is None
    assert "no second version" in verdict.evidence


@pytest.mark.parametrize(
    ("name", "evidence", "word"),
    [
        ("Infrastructure 1", replace(TRAININGS, changed=7), "7 of 41,000 rows"),
        ("Infrastructure 2", replace(SPEC, reached={"seed": False}), "seed does not reach"),
        ("Infrastructure 3", replace(WHOLE, rows={**WHOLE.rows, "labelled": 3}), "3 rows labelled, 60 were asked"),
        ("Infrastructure 3", replace(WHOLE, batch_gap=0.2), "the batch differs from the answers by 0.2"),
        ("Infrastructure 4", replace(VALIDATION, alias="the champion is gone"), "the champion is gone"),
        ("Infrastructure 4", replace(VALIDATION, red=("rises with rain",)), "rises with rain red: never"),
        ("Infrastructure 4", replace(VALIDATION, days=7), "tested on 7 days, at least 28 are needed"),
        ("Infrastructure 5", replace(TRACES, service=0.05), "0.05: A1"),
        ("Infrastructure 6", replace(CANARY, refused=9, reason="no dest"), "9 refused and 0 failed of 2,000"),
        ("Infrastructure 7", replace(BACK, by_history=None), "the history tells of none"),
        (
            "Infrastructure 7",
            replace(BACK, rehearsed=replace(REHEARSED, after=2)),
            "from version 2 back to 2 instead of 1",
        ),
    ],
)
def test_the_words_name_what_was_found(name: str, evidence: Any, word: str) -> None:
    assert word in JUDGES[name](evidence).evidence


# --- trees, walked by hand


def stump() -> tracing.Forest:
    """Tree 0: x0 <= 2 (missing: yes) ? -1 : (x1 <= 5 (missing: no) ? +1 : +3); tree 1: a leaf of 0.5. Base 0.25."""
    return tracing.Forest(
        feature=np.array([0, 0, 1, 0, 0, 0]),
        threshold=np.array([2, 0, 5, 0, 0, 0], dtype=np.float32),
        yes=np.array([1, 1, 3, 3, 4, 5]),
        no=np.array([2, 1, 4, 3, 4, 5]),
        missing_yes=np.array([True, False, False, False, False, False]),
        weight=np.array([0, -1, 0, 1, 3, 0.5]),
        roots=np.array([0, 5]),
        base=0.25,
    )


X = np.array([[1, 9], [2, np.nan], [3, 5], [3, 6], [np.nan, 0], [3, np.nan]], dtype=np.float32)


def test_rows_reach_the_leaves_that_a_finger_on_the_tree_finds() -> None:
    assert stump().leaves(X)[:, 0].tolist() == [1, 1, 3, 4, 1, 4]
    assert stump().margins(X).tolist() == [-0.25, -0.25, 1.75, 3.75, -0.25, 3.75]


def test_contributions_belong_to_the_feature_that_was_asked() -> None:
    # Half of the background goes to -1, the other half to +1 and +3: 2 after x0, .5 before it.
    background = np.array([[1, 0], [1, 0], [3, 5], [3, 6]], dtype=np.float32)
    moved = stump().contributions(X[[0, 3]], background)
    np.testing.assert_allclose(moved, [[-1.5, 0], [1.5, 1]])


def test_a_node_that_no_background_row_passes_counts_as_the_mean_of_its_ways() -> None:
    background = np.array([[1, 0]], dtype=np.float32)
    assert stump().values(background)[[0, 2]].tolist() == [-1, 2]


def test_the_exported_trees_sum_to_what_scikit_learn_says(
    small_bundle: Path, classifier: HistGradientBoostingClassifier
) -> None:
    model = tracing.Model.read(small_bundle / "model.onnx")
    table = by_hand(rows(300, seed=9))
    expected = classifier.predict_proba(table)[:, 1]
    np.testing.assert_allclose(model.answer(model.made_of.margins(table)), expected, atol=1e-6)
    assert isinstance(model.made_of, tracing.Forest)
    assert len(model.made_of.roots) == classifier.n_iter_


def test_the_shares_of_the_features_are_the_sum(small_bundle: Path) -> None:
    trees = tracing.Model.read(small_bundle / "model.onnx").made_of
    table, background = by_hand(rows(50, seed=3)), by_hand(rows(40, seed=4))
    moved = trees.contributions(table, background).sum(axis=1)
    np.testing.assert_allclose(trees.margins(background).mean() + moved, trees.margins(table))


def test_a_bundle_of_an_earlier_release_is_followed_as_well(small_bundle: Path) -> None:
    file = small_bundle / "model.onnx"
    now = tracing.Model.read(file)
    model = onnx.load(file)
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = "log_odds"  # as it was called then
    onnx.save(model, file)
    before, table = tracing.Model.read(file), by_hand(rows(20, seed=5))
    assert before.answer(before.made_of.margins(table)).tolist() == now.answer(now.made_of.margins(table)).tolist()


def test_a_model_that_was_not_exported_by_us_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("X", "Y")]
    graph = helper.make_graph([helper.make_node("Identity", ["X"], ["Y"])], "g", ends[:1], ends[1:])
    (tmp_path / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(InputError, match="holds no sum from which"):
        tracing.Model.read(tmp_path / "model.onnx")


# --- a trace


def test_a_trace_ends_at_the_answer_of_the_service(small_bundle: Path) -> None:
    bundle, table = Bundle.load(small_bundle), pd.DataFrame(rows(30, seed=6))
    traced = tracing.trace_predictions(bundle, table)
    np.testing.assert_array_equal(traced.inputs, by_hand(rows(30, seed=6)))
    np.testing.assert_allclose(traced.explained, traced.answers, atol=1e-6)
    told = tracing.contributions_of(traced, bundle, row=3)
    assert told["moved"].sum() == pytest.approx(traced.margins[3] - traced.mean)
    assert dict(zip(told["feature"], told["value"], strict=True))["carrier"] == rows(30, seed=6)[3]["carrier"]


def test_an_answer_that_is_changed_after_the_model_does_not_fit_its_leaves(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bundle, "predict_rows", lambda self, some: self.predict(self.encode(some)) * 0.95)
    traced = tracing.trace_predictions(Bundle(*_parts(small_bundle)), pd.DataFrame([ROW]))
    gap = traced.explained[0] - traced.answers[0]
    assert gap == pytest.approx(0.05 * traced.explained[0], abs=1e-6)


def test_trees_that_are_averaged_must_beat_the_base_rate_and_boosting_itself(project: Project) -> None:
    y, answers = [0, 0, 0, 1], [np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.1, 0.9])]
    # By hand: the entropy of a share of a quarter; one tree that is right by luck is better than all of them.
    losses = partial(reproducibility.learning_losses, project.contract, y, answers)
    assert losses(averaged=True) == pytest.approx((0.562335, -np.log(0.9)))
    assert losses(averaged=False) == pytest.approx((0, -np.log(0.9)), abs=1e-9)


def test_raw_rows_alone_give_the_features(project: Project) -> None:
    connection = snapshots.connect_snapshot(project, HOME / "data" / "2013")
    key = "20130614T0030-EWR-WN1271"
    raw = tracing.raw_rows(project, connection, [key])
    found = tracing.features_of_keys(project, raw, [key]).iloc[0]
    # By hand from the tables: 20:30 on a Thursday, a plane of 2004, no gusts reported in the hour before.
    assert raw["flights"]["flight"][0].as_py() == 1271
    expected = {"carrier": "WN", "dest": "MDW", "minute_of_day": 1230, "weekday": 4, "plane_age": 9, "temp": 64.4}
    assert {name: found[name] for name in expected} == expected
    assert np.isnan(found["wind_gust"])
    others = raw["flights"].to_pylist()[1:]
    assert {row["origin"] for row in others} == {"EWR"}
    assert found["origin_delay"] == pytest.approx(np.mean([row["dep_delay"] for row in others]))
    with pytest.raises(InputError, match="no row 'nobody'"):
        tracing.features_of_keys(project, raw, ["nobody"])


def test_the_command_trace_says_what_a_key_is(monkeypatch: pytest.MonkeyPatch, registry: Path) -> None:
    from roadworthy.cli.program import commands

    monkeypatch.setenv("MLE_HOME", str(HOME))
    monkeypatch.setenv("MLE_PATHS__REGISTRY", json.dumps(str(registry)))
    ended = CliRunner().invoke(commands, ["trace", "nobody"])
    assert isinstance(ended.exception, InputError)
    assert "flight_id" in str(ended.exception)


def test_traced_rows_show_every_value_of_the_small_columns_first() -> None:
    table = pd.DataFrame({"few": list("aaaabb"), "many": ["u", "v", "w", "x", "y", None]})
    found, values = whole_pipeline.covering_rows(table, ["many", "few"], 3)
    assert found.index.tolist() == [0, 4, 1]
    assert values == 2 + 3  # a and b; u, y and v


def test_columns_that_differ_are_named_and_missing_equals_missing() -> None:
    used = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": [1, 2]})
    assert whole_pipeline.different_columns(used, used.copy(), ["a", "b", "c"]) == []
    assert whole_pipeline.different_columns(used, used.assign(a=[1.0, 0.0], b=["x", "y"]), ["a", "b", "c"]) == [
        "a",
        "b",
    ]


def test_a_number_is_infinitely_far_from_none() -> None:
    one = np.array([1.0, np.nan])
    assert whole_pipeline.largest_difference(one, np.array([1.5, np.nan])) == 0.5
    assert whole_pipeline.largest_difference(one, np.array([1.0, 2.0])) == np.inf


# --- training again


def test_features_in_another_order_are_changed_rows() -> None:
    one = reproducibility.SmallTraining(np.array([1, 2, 3], dtype=np.uint64), np.zeros(3))
    assert reproducibility.changed_rows(one, one) == 0
    assert reproducibility.changed_rows(one, replace(one, rows=np.array([2, 1, 3], dtype=np.uint64))) == 2
    assert reproducibility.changed_rows(one, replace(one, rows=np.array([1, 2], dtype=np.uint64))) == 1
    assert reproducibility.answer_difference(np.zeros(3), np.zeros(2)) == np.inf
    assert reproducibility.answer_difference(np.array([0.1, 0.2]), np.array([0.1, 0.25])) == pytest.approx(0.05)


# --- tests of the specification


@pytest.fixture(scope="module")
def spec(config: settings.Settings) -> settings.Model:
    return config.model


def build(project: Project, spec: settings.Model, original: Any = training.build_pipeline, **fixed: Any) -> Pipeline:
    """The model with parameters that ignore the specification."""
    pipeline: Pipeline = original(project, spec)
    return pipeline.set_params(**{f"estimator__{name}": value for name, value in fixed.items()})


def test_the_specification_passes_its_own_tests(project: Project, spec: settings.Model) -> None:
    assert JUDGES["Infrastructure 2"](reproducibility.run_spec_tests(project, spec)).passed


@pytest.mark.parametrize(
    ("field", "value"), [("learning_rate", 0.1), ("max_iter", 25), ("max_leaf_nodes", 31), ("random_state", 0)]
)
def test_a_parameter_that_ignores_its_field_is_found(
    project: Project, spec: settings.Model, field: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"random_state": "seed"}.get(field, field)
    assert reproducibility.field_reaches(project, spec, name)
    monkeypatch.setattr(training, "build_pipeline", lambda project, spec: build(project, spec, **{field: value}))
    assert not reproducibility.field_reaches(project, spec, name)


def test_labels_upside_down_are_not_learned(
    project: Project, spec: settings.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = project.contract.target
    rule = next(iter(reproducibility.planted_rules(*training.model_inputs(spec, project.contract.features)).values()))
    fit = training.fit_pipeline
    flipped = lambda project, rows, spec: fit(project, rows.assign(**{target: 1 - rows[target]}), spec)  # noqa: E731
    monkeypatch.setattr(training, "fit_pipeline", flipped)
    assert reproducibility.learned_auc(project, spec, rule) < 0.05


def test_a_signature_in_another_order_is_misplaced(
    project: Project, spec: settings.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, contract = list(spec.features), project.contract
    rows = reproducibility.invented_rows(contract, 300, lambda frame: (frame["hour"] > 12).to_numpy(), seed=0)
    fitted = training.fit_pipeline(project, rows, spec.model_copy(update={"max_iter": 2}))
    assert reproducibility.misplaced_features(contract, fitted, spec, rows) == []
    inputs = training.model_inputs
    _, numbers = inputs(spec, contract.features)
    swapped = [numbers[1], numbers[0], *numbers[2:]]
    monkeypatch.setattr(export, "model_inputs", lambda spec, table: (inputs(spec, table)[0], swapped))
    assert set(reproducibility.misplaced_features(contract, fitted, spec, rows)) == set(numbers[:2])
    assert set(numbers[:2]) < set(names)


def test_invented_rows_keep_the_contract(project: Project) -> None:
    contract = project.contract
    rows = reproducibility.invented_rows(contract, 2000, lambda frame: np.ones(len(frame), dtype=bool), seed=3)
    assert rows["origin"].dropna().isin(["EWR", "JFK", "LGA"]).all()
    assert rows["hour"].dropna().between(0, 24).all()
    assert 0.15 < rows["hour"].isna().mean() < 0.25
    assert (rows["late"] == 1).all()
    second = reproducibility.invented_rows(contract, 2000, lambda frame: np.ones(len(frame), dtype=bool), seed=3)
    pd.testing.assert_frame_equal(rows, second)


# --- the pipeline


def test_stages_are_compared_row_by_row() -> None:
    one = pd.DataFrame({"answer": [0.1, 0.6, 0.4], "decision": [False, True, True]}, index=["a", "b", "c"])
    two = pd.DataFrame({"answer": [0.6, 0.2, 0.4], "decision": [True, True, False]}, index=["b", "a", "c"])
    assert whole_pipeline._gap(one, two) == pytest.approx(0.1)
    assert whole_pipeline._decisions(one, two) == 1  # c: the same answer, another decision
    assert np.isnan(whole_pipeline._gap(one, two.iloc[:0]))


# --- the canary


def changed(small_files: dict[str, bytes], folder: Path, name: str, **values: Any) -> Bundle:
    """The small bundle with one feature described otherwise, not verified as a whole."""
    features = [{**f, **values} if f["name"] == name else f for f in SIGNATURE["features"]]
    write_bundle(folder, {**small_files, "signature.json": json.dumps({**SIGNATURE, "features": features}).encode()})
    return Bundle.load(folder)


def test_a_version_beside_itself_differs_in_nothing(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    found = canary.compare_versions(bundle, bundle, rows(400))
    assert (found.requests, found.refused, found.failed, found.psi) == (400, 0, 0, 0.0)
    assert found.mean == found.mean_before
    assert found.seconds > 0


def test_what_only_the_new_version_refuses_is_counted(
    small_bundle: Path, small_files: dict[str, bytes], tmp_path: Path
) -> None:
    old, sent = Bundle.load(small_bundle), rows(400)
    without = [{name: value for name, value in row.items() if name != "temp"} for row in sent]
    strict = changed(small_files, tmp_path / "strict", "temp", nullable=False)
    missing = sum(row["temp"] is None for row in sent)
    assert missing > 0
    assert canary.compare_versions(old, strict, sent).refused == missing
    found = canary.compare_versions(old, strict, without)
    assert (found.refused, found.reason) == (400, "BadRequestError: " + found.reason.partition(": ")[2])
    assert "temp is missing" in found.reason
    assert np.isnan(found.psi)
    assert canary.compare_versions(strict, old, without).refused == 0  # what the old one refuses as well is no loss
    few = changed(small_files, tmp_path / "few", "origin", allowed=["EWR", "JFK"])
    assert canary.compare_versions(old, few, sent).refused == sum(row["origin"] == "LGA" for row in sent)


def test_rows_that_a_version_does_not_take_are_known_and_cannot_be_traced(
    small_files: dict[str, bytes], tmp_path: Path
) -> None:
    sent = rows(60)
    few = changed(small_files, tmp_path / "few", "origin", allowed=["EWR", "JFK"])
    assert canary.rows_taken(few, sent).tolist() == [row["origin"] != "LGA" for row in sent]
    with pytest.raises(InputError, match="the service refuses it: origin"):
        tracing.trace_predictions(few, pd.DataFrame(sent))


def test_a_crash_is_no_refusal(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Bundle.load(small_bundle), Bundle.load(small_bundle)
    monkeypatch.setattr(new, "predict_rows", lambda _: 1 / 0)
    found = canary.compare_versions(old, new, rows(20))
    assert (found.refused, found.failed) == (0, 20)
    assert "ZeroDivisionError" in found.reason
    monkeypatch.setattr(new, "predict_rows", lambda _: np.array([NAN]))
    assert canary.compare_versions(old, new, rows(20)).failed == 20


def test_the_other_class_is_far_away(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Bundle.load(small_bundle), Bundle.load(small_bundle)
    monkeypatch.setattr(new, "predict_rows", lambda some: 1 - old.predict_rows(some))
    found = canary.compare_versions(old, new, rows(400))
    assert found.mean == pytest.approx(1 - found.mean_before)
    assert JUDGES["Infrastructure 6"](found).passed is False


# --- the registry


@pytest.fixture
def two(registry: Path, tmp_path: Path) -> Registry:
    """A registry in which version 2 replaced version 1."""
    found = Registry(tmp_path / "two")
    for trees in (releases.GREEN, [*releases.GREEN, *releases.GREEN]):
        found.promote(releases.stage_copy(registry / "versions" / "1", found, trees))
    bundle = found.path(2) / "signature.json"
    bundle.write_text(json.dumps({**SIGNATURE, "threshold": 0.4}))
    releases.reseal_bundle(found.path(2))
    return found


def test_a_staged_copy_is_whole_and_has_its_own_verdicts(two: Registry) -> None:
    assert Bundle.load(two.path(1)).version == "1"
    assert [verdict.passed for verdict in errors.load_verdicts(two.path(1) / "gates.json")] == [True]


def test_a_sound_registry_has_a_version_to_go_back_to(two: Registry, tmp_path: Path) -> None:
    assert promotion.examine_history(two, tmp_path / "copy") == promotion.RollbackEvidence(2, 2, 1)
    assert two.aliases() == {"champion": 2}
    two.rollback()
    assert promotion.examine_history(two, tmp_path / "again") == promotion.RollbackEvidence(1, 1, None)


def test_a_registry_without_a_champion_has_nothing_to_lose(tmp_path: Path) -> None:
    evidence = promotion.examine_history(Registry(tmp_path / "none"), tmp_path / "copy")
    assert evidence == promotion.RollbackEvidence(None, None, None)


def test_a_version_younger_than_its_promotion_was_written_over(two: Registry, tmp_path: Path) -> None:
    file = two.path(1) / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "created": "2999-01-01T00:00:00+00:00"}))
    assert "version 1 is younger" in promotion.examine_history(two, tmp_path / "copy").problem


def test_a_champion_that_is_not_there_or_not_green_is_named(two: Registry) -> None:
    assert promotion.alias_problem(two) == ""
    (two.path(2) / "gates.json").write_text(errors.dump_verdicts(releases.RED))
    assert promotion.alias_problem(two) == "the champion is version 2, which is not green: rehearsal"
    (two.path(2) / "gates.json").unlink()
    assert "nothing was tested" in promotion.alias_problem(two)
    shutil.rmtree(two.path(2))
    assert promotion.alias_problem(two) == "the champion is version 2, which does not exist"


class Here:
    """As much of a bench as a rehearsal needs."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self.scratch = folder, scratch


def test_a_rollback_brings_the_old_answers_back_and_one_that_does_nothing_is_found(
    two: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: Any = Here(two.path(2), tmp_path)
    here.before, here.test = Bundle.load(two.path(1)), pd.DataFrame(rows(50))
    assert promotion.rehearse_rollback(here, tmp_path / "good") == REHEARSED
    monkeypatch.setattr(Registry, "rollback", lambda *_: 1)
    found = promotion.rehearse_rollback(here, tmp_path / "idle")
    assert (found.after, found.recorded) == (2, False)
    judged = JUDGES["Infrastructure 7"](replace(BACK, rehearsed=found))
    assert judged.passed is False
    assert "from version 2 back to 2 instead of 1" in judged.evidence


# --- damage


@pytest.fixture
def copied(project: Project, two: Registry, tmp_path: Path) -> Project:
    """A copy of the project with that registry."""
    made = tmp_path / "home"
    made.mkdir()
    shutil.copy(HOME / "config.toml", made / "config.toml")
    shutil.copytree(two.folder, made / "registry")
    return project.copied_to(made)


@pytest.fixture
def damaged(copied: Project) -> Registry:
    return Registry(copied.folder / "registry")


@pytest.mark.parametrize("kind", ["flip_a_byte", "polish_metrics"])
def test_a_damaged_champion_cannot_be_loaded(copied: Project, damaged: Registry, kind: str) -> None:
    getattr(faults, kind)(copied)
    with pytest.raises(InputError, match="SHA-256"):
        Bundle.load(damaged.path())


def test_polished_metrics_with_new_sums_look_right(copied: Project, damaged: Registry) -> None:
    faults.polish_metrics_and_sums(copied)
    assert Bundle.load(damaged.path()).metrics["auc"] == pytest.approx(0.72)


def test_a_red_champion_is_whole_and_red(copied: Project, damaged: Registry) -> None:
    faults.red_champion(copied)
    assert Bundle.load(damaged.path()).version == "3"
    assert "version 3, which is not green" in promotion.alias_problem(damaged)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("delete_old_versions", "a rollback fails"),
        ("damage_the_version_before", "cannot be loaded: model.onnx: its SHA-256 sum"),
        ("write_over_the_version_before", "holds the same model as version 2"),
    ],
)
def test_what_a_rollback_needs_is_missed(
    copied: Project, damaged: Registry, tmp_path: Path, kind: str, told: str
) -> None:
    getattr(faults, kind)(copied)
    assert told in promotion.examine_history(damaged, tmp_path / "copy").problem


def test_half_a_line_of_the_history_is_named(two: Registry, tmp_path: Path) -> None:
    with (two.folder / "history.jsonl").open("a") as file:
        file.write('{"time": "20')
    evidence = promotion.examine_history(two, tmp_path / "copy")
    assert (evidence.champion, evidence.by_history, evidence.target) == (2, 2, None)
    assert "history.jsonl: line 3 is not valid JSON" in evidence.problem


def test_a_loader_that_refuses_whole_files_is_told_from_damage(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert releases.load_refusal(small_bundle) == ""
    monkeypatch.setattr(bundle, "MAX_DIFFERENCE", -1.0)
    assert "look at the code that loads it" in releases.load_refusal(small_bundle)
    monkeypatch.setattr(Bundle, "_verify_golden", lambda self: self.metrics["features"])
    assert releases.load_refusal(small_bundle).startswith("KeyError: 'features' (no file was changed since")
    (small_bundle / "golden.json").write_text("[]")
    assert releases.load_refusal(small_bundle).endswith("the file was changed or cut")


def test_a_lost_history_tells_of_no_champion(copied: Project, damaged: Registry, tmp_path: Path) -> None:
    faults.empty_history(copied)
    evidence = promotion.examine_history(damaged, tmp_path / "copy")
    assert (evidence.champion, evidence.by_history, evidence.target) == (2, None, None)


def test_a_request_of_a_plain_row_is_allowed(small_bundle: Path) -> None:
    reader = request.RequestReader(Bundle.load(small_bundle).signature, 1)
    table = pd.DataFrame(rows(20, seed=8)).astype({"hour": float})
    for row in databases.plain_records(table, list(ROW)):
        reader.read(json.dumps(row, allow_nan=False).encode())


def _parts(folder: Path) -> tuple[Path, Any, Any]:
    bundle = Bundle.load.__func__(_Unverified, folder)  # type: ignore[attr-defined]
    return folder, bundle.signature, bundle._session


class _Unverified(Bundle):
    def _verify_golden(self) -> None:
        """The answers are changed on purpose."""
