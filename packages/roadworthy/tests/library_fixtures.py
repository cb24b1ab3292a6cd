"""A small bundle that every test of serving can use, made of scikit-learn's trees without a training of ours.

Its expected answers come from scikit-learn, so that a mistake in the export cannot hide one in the loader.
"""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from databases import cluster, database
from roadworthy.base import settings
from roadworthy.data import snapshots
from roadworthy.model import training
from roadworthy.model.estimators import read_sum
from roadworthy.project import Project
from roadworthy.registry.onnx_graph import write_onnx
from sample import HOME
from small import ROW, SIGNATURE, by_hand, rows, write_bundle

__all__ = ["cluster", "database"]
# A busy machine is no failure.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")
# In the background of a script Ctrl-C is ignored, and by all that is started there: it could not be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _in_the_project() -> Iterator[None]:
    """The working folder is the project's, as for whoever gives a command."""
    before = Path.cwd()
    os.chdir(HOME)
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def classifier() -> HistGradientBoostingClassifier:
    """A few trees on invented flights: late in the evening, later with the carrier UA."""
    table = rows(600)
    chance = [0.1 + 0.02 * row["hour"] + 0.2 * (row["carrier"] == "UA") for row in table]
    late = np.random.default_rng(1).random(len(table)) < chance
    return HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=5, random_state=0).fit(by_hand(table), late)


@pytest.fixture(scope="session")
def small_model(classifier: HistGradientBoostingClassifier) -> bytes:
    """The same trees as ONNX."""
    return as_onnx(classifier)


def as_onnx(classifier: HistGradientBoostingClassifier) -> bytes:
    """The trees alone as ONNX; what they answer is compared with scikit-learn wherever a bundle is loaded."""
    return write_onnx(read_sum(classifier, "passthrough"), classifier.n_features_in_)


@pytest.fixture(scope="session")
def small_files(classifier: HistGradientBoostingClassifier, small_model: bytes) -> dict[str, bytes]:
    """The files of the bundle but its manifest."""
    table = [ROW, *rows(20, seed=2)]
    answers = classifier.predict_proba(by_hand(table))[:, 1]
    golden = [{"features": row, "probability": float(p)} for row, p in zip(table, answers, strict=True)]
    texts = {"signature.json": SIGNATURE, "golden.json": golden, "metrics.json": {"auc": 0.7}}
    return {"model.onnx": small_model, **{name: json.dumps(text).encode() for name, text in texts.items()}}


@pytest.fixture(scope="session")
def built_registry(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    """A registry with one version, the champion; read only."""
    registry = tmp_path_factory.mktemp("built") / "registry"
    write_bundle(registry / "versions" / "1", small_files)
    (registry / "aliases.json").write_text('{"champion": 1}')
    return registry


@pytest.fixture
def registry(built_registry: Path, tmp_path: Path) -> Path:
    """A copy of that registry that a test may break."""
    return Path(shutil.copytree(built_registry, tmp_path / "registry"))


@pytest.fixture
def small_bundle(registry: Path) -> Path:
    """The folder of its bundle."""
    return registry / "versions" / "1"


@pytest.fixture(scope="session")
def wider_files() -> dict[str, bytes]:
    """A version of the same contract with the feature `wind` besides, which is what it goes by."""
    table = rows(400, seed=4)
    wind = np.random.default_rng(4).uniform(0, 40, len(table)).astype(np.float32)
    inputs = np.column_stack([by_hand(table), wind])
    trees = HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=5, random_state=0).fit(inputs, wind > 20)
    probability = float(trees.predict_proba(np.column_stack([by_hand([ROW]), [30.0]]))[0, 1])
    feature = {"name": "wind", "kind": "number", "low": 0, "nullable": True}
    texts = {
        "signature.json": {**SIGNATURE, "features": [*SIGNATURE["features"], feature]},
        "golden.json": [{"features": {**ROW, "wind": 30.0}, "probability": probability}],
        "metrics.json": {"auc": 0.9},
    }
    return {"model.onnx": as_onnx(trees), **{name: json.dumps(text).encode() for name, text in texts.items()}}


@pytest.fixture(scope="session")
def built_versions(
    tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes], wider_files: dict[str, bytes]
) -> Path:
    """A registry with green gates: 1 the champion, 2 with the same trees, 3 the wider one; read only."""
    registry = tmp_path_factory.mktemp("versions") / "registry"
    again = {**small_files, "metrics.json": b'{"auc": 0.71}'}
    for number, files in enumerate((small_files, again, wider_files), start=1):
        verdicts = json.dumps([{"gate": "sound", "passed": True, "evidence": "yes"}]).encode()
        write_bundle(registry / "versions" / str(number), {**files, "gates.json": verdicts})
    (registry / "aliases.json").write_text('{"champion": 1}')
    return registry


@pytest.fixture
def versions(built_versions: Path, tmp_path: Path) -> Path:
    """A copy of that registry that a test may break."""
    return Path(shutil.copytree(built_versions, tmp_path / "registry"))


@pytest.fixture(scope="session")
def project() -> Project:
    """The project with a smaller model, judged on few slices as it is judged on few days."""
    whole = Project.open(HOME)
    small = {"model": {"max_iter": 25}, "tests": {"slices": ("origin",)}}
    sections = {name: getattr(whole.settings, name).model_copy(update=values) for name, values in small.items()}
    return whole.using(whole.settings.model_copy(update=sections))


@pytest.fixture(scope="session")
def config(project: Project) -> settings.Settings:
    """Its settings."""
    return project.settings


@pytest.fixture(scope="session")
def flights(project: Project) -> pd.DataFrame:
    """The features of 2013."""
    return snapshots.make_features(project, snapshots.connect_snapshot(project, HOME / "data" / "2013"))


@pytest.fixture(scope="session")
def split(project: Project, flights: pd.DataFrame) -> snapshots.Split:
    """Three months that teach, one that judges."""
    periods = (date(2013, 4, 1), date(2013, 7, 1)), (date(2013, 7, 1), date(2013, 8, 1))
    return snapshots.split_periods(project.contract, flights, *periods)


@pytest.fixture(scope="session")
def trained(project: Project, split: snapshots.Split) -> training.Trained:
    """A model of these months."""
    return training.train_model(project, split, project.settings.model, project.settings.tests)
