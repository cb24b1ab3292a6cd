import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from roadworthy.base.errors import InputError, RedError
from roadworthy.bundle import bundle
from roadworthy.bundle.bundle import Bundle, frame_columns
from roadworthy.data import snapshots
from roadworthy.model import estimators, evaluation, training
from roadworthy.project import Project
from roadworthy.registry import export
from roadworthy.registry.registry import Registry
from roadworthy.serving import tracing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(trained: training.Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundle")
    export.write_bundle(trained, made)
    return made


def exported(trees: HistGradientBoostingClassifier) -> bytes:
    return export.to_onnx(Pipeline([("inputs", "passthrough"), ("estimator", trees)]))


def test_the_bundle_agrees_with_scikit_learn_on_every_row(folder: Path, trained: training.Trained) -> None:
    answers = bundle.predict_frame(Bundle.load(folder), trained.split.test)
    np.testing.assert_allclose(answers, trained.answers, rtol=0, atol=1e-6)


def test_a_value_between_two_roundings_takes_the_same_branch() -> None:
    # The threshold lies between two float32 neighbours; rounded to nearest it would be the upper one, and x <= it.
    x = np.float32(0.1)
    above = np.nextafter(x, np.float32(1))
    middle = (float(x) + float(above)) / 2
    for threshold in (np.nextafter(middle, 1), np.nextafter(middle, 0), float(x), float(above)):
        rounded = estimators._round_down(np.array([threshold]))[0]
        for value in (x, above):
            assert (value <= rounded) == (float(value) <= threshold)


def test_a_tree_on_neighbouring_floats_is_exported_exactly() -> None:
    values = np.float32(1) + np.arange(400, dtype=np.float32) * np.finfo(np.float32).eps
    x, y = values.reshape(-1, 1), np.arange(400) % 2
    trees = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=1, max_bins=255).fit(x, y)
    session = onnxruntime.InferenceSession(exported(trees), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(
        session.run(["probabilities"], {"X": x})[0][:, 0], trees.predict_proba(x)[:, 1], atol=1e-6
    )


class FittedOnHalf(HistGradientBoostingClassifier):  # type: ignore[misc]
    """Trees as a project may derive them: other rows are fitted, the answers are those of the trees."""

    def fit(self, X: NDArray[np.float32], y: NDArray[np.int64]) -> "FittedOnHalf":  # noqa: N803
        super().fit(X[::2], y[::2])
        return self


def test_an_estimator_that_a_project_derives_from_the_trees_is_exported_as_it_answers() -> None:
    x = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    derived = FittedOnHalf(max_iter=10, min_samples_leaf=5).fit(x, np.asarray(x[:, 0] > 0).astype(int))
    session = onnxruntime.InferenceSession(exported(derived), providers=["CPUExecutionProvider"])
    answers = session.run(["probabilities"], {"X": x})[0][:, 0]
    np.testing.assert_allclose(answers, derived.predict_proba(x)[:, 1], atol=1e-6)
    assert type(derived) is FittedOnHalf


def test_an_export_that_differs_is_refused(
    project: Project, trained: training.Trained, split: snapshots.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = training.fit_pipeline(project, split.train.head(5000), project.settings.model)
    right = export.to_onnx
    monkeypatch.setattr(export, "to_onnx", lambda _: right(other))
    with pytest.raises((RedError, InputError), match=r"differ|golden"):
        export.register_version(trained, Registry(tmp_path))
    assert Registry(tmp_path).versions() == []
    assert list((tmp_path / "versions").iterdir()) == [], "nothing half-written is left"


@pytest.mark.parametrize(("wrong", "says"), [("temp", "without some nullable values"), ("origin", "unseen categories")])
def test_what_is_wrong_only_where_values_are_missing_or_unseen_is_refused(
    folder: Path, trained: training.Trained, monkeypatch: pytest.MonkeyPatch, wrong: str, says: str
) -> None:
    # No row of this test period lacks a value or has an origin that training has not seen.
    rows = trained.split.test.dropna(subset=list(trained.spec.features)).head(300)
    known = replace(trained, split=snapshots.Split(trained.split.train, rows), answers=trained.predict(rows))
    bundle = Bundle.load(folder)
    export.verify_parity(bundle, known)
    place, dewp, right = bundle.names.index(wrong), bundle.names.index("dewp"), bundle.predict

    def predict(inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        return right(inputs) + 2e-5 * (np.isnan(inputs[:, place]) & ~np.isnan(inputs[:, dewp]))

    monkeypatch.setattr(bundle, "predict", predict)
    with pytest.raises(RedError, match=says):
        export.verify_parity(bundle, known)


def test_every_row_of_both_years_is_answered_as_by_scikit_learn(
    project: Project, folder: Path, trained: training.Trained
) -> None:
    bundle = Bundle.load(folder)
    for name, count in (("2013", 336_776), ("2023", 435_352)):
        source = project.settings.snapshot(name)
        rows = snapshots.make_features(project, snapshots.connect_snapshot(project, source.folder, source.repair))
        assert len(rows) == count
        assert rows[bundle.names].isna().any(axis=1).sum() > 10_000
        assert export.prediction_difference(bundle, rows, trained.predict(rows)).max() <= 1e-6


def test_the_exported_trees_are_followed_to_the_answers_of_scikit_learn(
    folder: Path, trained: training.Trained
) -> None:
    rows = trained.split.test.head(500)
    inputs = Bundle.load(folder).encode_columns(bundle.frame_columns(rows, list(trained.spec.features)))
    model = tracing.Model.read(folder / "model.onnx")
    np.testing.assert_allclose(model.answer(model.made_of.margins(inputs)), trained.predict(rows), rtol=0, atol=1e-6)


def test_a_row_alone_is_answered_to_the_last_bit_as_among_others(folder: Path, trained: training.Trained) -> None:
    bundle, rows = Bundle.load(folder), trained.split.test.head(300)
    inputs = bundle.encode_columns(frame_columns(rows, bundle.names))
    alone = [float(bundle.predict(one)[0]) for one in np.split(inputs, len(inputs))]
    assert bundle.predict(inputs).tolist() == alone


def test_the_same_model_is_registered_once(trained: training.Trained, tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert export.register_version(trained, registry) == export.register_version(trained, registry) == 1


def test_the_signature_says_what_the_contract_says(project: Project, folder: Path) -> None:
    told = {feature["name"]: feature for feature in json.loads((folder / "signature.json").read_text())["features"]}
    assert set(told) == set(project.settings.model.features)
    assert told["origin"]["allowed"] == ["EWR", "JFK", "LGA"]
    assert told["origin"]["categories"] == ["EWR", "JFK", "LGA"]
    visib = project.contract.features.column("visib")
    assert (told["visib"]["low"], told["visib"]["high"], told["visib"]["nullable"]) == (visib.low, visib.high, True)
    assert (told["distance"]["unit"], told["distance"]["nullable"]) == ("miles", False)


def test_golden_records_hold_missing_values_and_an_unseen_category(folder: Path) -> None:
    rows = [record["features"] for record in json.loads((folder / "golden.json").read_text())]
    assert any(row["carrier"] == evaluation.UNSEEN for row in rows)
    assert any(row["temp"] is None and row["manufacturer"] is None for row in rows)


def test_nothing_in_a_bundle_is_a_pickle(folder: Path) -> None:
    assert {path.suffix for path in folder.iterdir()} == {".json", ".onnx"}


def test_an_export_is_signed_when_a_key_is_set(
    trained: training.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_SIGNING_KEY", "key")
    export.write_bundle(trained, tmp_path)  # it loads what it wrote
    assert len((tmp_path / "manifest.hmac").read_text(encoding="ascii")) == 64
