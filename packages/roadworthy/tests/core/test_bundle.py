"""The loader refuses every bundle that is not what was exported; the rest is arithmetic."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle, manifest_sums, sign_manifest
from small import ROW, SIGNATURE, by_hand, rows, write_bundle

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(width=32), st.text(), st.lists(st.integers()))


def test_it_answers_as_scikit_learn_does(built_registry: Path, classifier: HistGradientBoostingClassifier) -> None:
    table = rows(500, seed=3)
    expected = classifier.predict_proba(by_hand(table))[:, 1]
    bundle = Bundle.load(built_registry / "versions/1")
    assert np.abs(bundle.predict_rows(table) - expected).max() < 1e-6


def test_rows_and_columns_are_encoded_alike(built_registry: Path) -> None:
    table = rows(50, seed=4)
    bundle = Bundle.load(built_registry / "versions/1")
    columns = {name: [row[name] for row in table] for name in bundle.names}
    for encoded in (bundle.encode(table), bundle.encode_columns(columns)):
        assert encoded.dtype == np.float32
        np.testing.assert_array_equal(encoded, by_hand(table))


def test_no_rows_are_no_answers(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions/1")
    assert bundle.encode([]).shape == (0, 6)
    assert bundle.predict_rows([]).shape == (0,)


def test_it_knows_its_version_threshold_and_figures(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions/1")
    assert (bundle.version, bundle.threshold, bundle.metrics) == ("1", 0.35, {"auc": 0.7})
    assert bundle.unseen({**ROW, "carrier": "ZZ", "maker": None}) == ["carrier"]


def test_the_sums_of_a_folder_leave_out_the_manifest(small_bundle: Path) -> None:
    (small_bundle / "pages").mkdir()
    (small_bundle / "pages/empty.txt").touch()
    sums = manifest_sums(small_bundle)
    assert sorted(sums) == ["golden.json", "metrics.json", "model.onnx", "pages/empty.txt", "signature.json"]
    # The sum of nothing, as published with SHA-256.
    assert sums["pages/empty.txt"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("name", ["model.onnx", "signature.json", "golden.json", "metrics.json"])
def test_a_changed_file_is_named(small_bundle: Path, name: str) -> None:
    file = small_bundle / name
    file.write_bytes(file.read_bytes()[:-1] + b" ")
    with pytest.raises(InputError, match="was changed or cut") as refusal:
        Bundle.load(small_bundle)
    assert refusal.value.where.endswith(name)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "metrics.json"])
def test_a_lost_file_is_named(small_bundle: Path, name: str) -> None:
    (small_bundle / name).unlink()
    with pytest.raises(InputError) as refusal:
        Bundle.load(small_bundle)
    assert refusal.value.where.endswith(name)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"sha256": {}}', '{"sha256": 1}', "\x00"])
def test_a_broken_manifest_is_refused(small_bundle: Path, text: str) -> None:
    (small_bundle / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        Bundle.load(small_bundle)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such bundle"):
        Bundle.load(tmp_path / "7")


def test_a_wrong_golden_record_is_named(small_bundle: Path, small_files: dict[str, bytes]) -> None:
    golden = json.loads(small_files["golden.json"])
    golden[4]["probability"] += 2e-5
    write_bundle(small_bundle, {**small_files, "golden.json": json.dumps(golden).encode()})
    with pytest.raises(InputError, match=r"record 5 expects .* \(1 of 21 records differ\)"):
        Bundle.load(small_bundle)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.onnx", "not a model", "not an ONNX model"),
        ("golden.json", [], "no golden record"),
        ("golden.json", [{"probability": 0.5}], "golden records"),
        ("golden.json", [{"features": {"temp": "warm"}, "probability": 0.5}], "temp"),
        ("golden.json", [{"features": ROW, "probability": float("nan")}], "record 1"),
        ("signature.json", {**SIGNATURE, "features": SIGNATURE["features"][:-1]}, "5 features"),
        ("signature.json", {**SIGNATURE, "features": [{"name": "x", "kind": "odd"}]}, "unknown kind 'odd'"),
        ("signature.json", {**SIGNATURE, "surprise": 1}, "surprise"),
        ("signature.json", [], "not a signature"),
    ],
)
def test_right_sums_do_not_excuse_wrong_content(
    small_bundle: Path, small_files: dict[str, bytes], name: str, content: Any, says: str
) -> None:
    write_bundle(small_bundle, {**small_files, name: json.dumps(content).encode()})
    with pytest.raises(InputError, match=says):
        Bundle.load(small_bundle)


def test_a_missing_column_is_named(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions/1")
    with pytest.raises(InputError, match="columns are missing: temp, distance"):
        bundle.encode_columns({name: [1] for name in ("carrier", "origin", "maker", "hour")})


def test_any_row_is_encoded_or_refused_in_a_sentence(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions/1")

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.fixed_dictionaries({}, optional=dict.fromkeys([*ROW, "other"], VALUES)))
    def encode(row: dict[str, Any]) -> None:
        with contextlib.suppress(InputError):
            assert 0 <= bundle.predict_rows([row])[0] <= 1

    encode()


def test_what_is_no_number_is_refused_with_the_name_of_the_feature(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions/1")
    with pytest.raises(InputError, match=r"hour: cannot be encoded.*\n.*whole number from 0 to 24"):
        bundle.encode([{**ROW, "hour": "noon"}])


def test_with_a_signing_key_only_what_was_signed_with_it_is_loaded(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_manifest(small_bundle)  # without a key: nothing happens
    assert not (small_bundle / "manifest.hmac").exists()
    monkeypatch.setenv("MLE_SIGNING_KEY", "first")
    with pytest.raises(InputError, match="is not signed"):
        Bundle.load(small_bundle)
    sign_manifest(small_bundle)
    Bundle.load(small_bundle)
    monkeypatch.setenv("MLE_SIGNING_KEY", "second")
    with pytest.raises(InputError, match="signed with another key") as refusal:
        Bundle.load(small_bundle)
    assert "second" not in str(refusal.value)
    monkeypatch.delenv("MLE_SIGNING_KEY")
    Bundle.load(small_bundle)


def test_whoever_changes_a_signed_bundle_with_its_sums_is_found_out(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_SIGNING_KEY", "key")
    sign_manifest(small_bundle)
    (small_bundle / "metrics.json").write_text('{"auc": 1.0}', encoding="utf-8")
    manifest = small_bundle / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**content, "sha256": manifest_sums(small_bundle)}), encoding="utf-8")
    with pytest.raises(InputError, match="changed since"):
        Bundle.load(small_bundle)
