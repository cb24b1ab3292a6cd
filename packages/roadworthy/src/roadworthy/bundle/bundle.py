"""The bundle: what training hands to serving. Load it only if it is whole and answers as it should, then predict.

A bundle is a folder: the model as ONNX, which cannot execute code, its signature, records with the expected answers,
and a manifest with the sum of each file. Needs NumPy and ONNX Runtime only, so that serving stays small.
"""

import hmac
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..base.errors import InputError
from ..base.files import explain_read_errors, file_sha256
from .signature import NAN, Signature

if TYPE_CHECKING:
    import pandas as pd

    from ..contract.schema import Contract

MANIFEST = "manifest.json"
SIGNED = "manifest.hmac"
KEY = "MLE_SIGNING_KEY"  # of the environment: a secret belongs in no file of the project
REQUIRED = ("model.onnx", "signature.json", "golden.json")
# Between the exported model and the fitted one: the sums of trees are float32, and grow less exact with their number.
MAX_DIFFERENCE = 1e-5
AGAIN = "a bundle is never repaired by hand: export the model again with the command `train`, or use another version"
Record = dict[str, Any]


def manifest_sums(folder: Path) -> dict[str, str]:
    """The SHA-256 sum of every file of a bundle but its manifest, by the path inside the folder."""
    own = {folder / MANIFEST, folder / SIGNED}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in own)
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}


def sign_manifest(folder: Path) -> None:
    """Sign the manifest, and with it every file that it names, with the key in MLE_SIGNING_KEY; without one do nothing.

    Where that key is set, only bundles are loaded that whoever has it has made: sums find damage, not an intruder.
    """
    if os.environ.get(KEY):
        (folder / SIGNED).write_text(_hmac(folder / MANIFEST), encoding="ascii")


class Bundle:
    """A model that is ready to predict. `Bundle.load` is the way to one."""

    def __init__(self, folder: Path, signature: Signature, session: onnxruntime.InferenceSession) -> None:
        """Put the parts together; nothing is verified here."""
        self.folder, self.signature, self._session = folder, signature, session
        self._codes = [(f.name, f.codes if f.kind == "category" else None) for f in signature.features]
        self._categories = [(f.name, f.codes) for f in signature.features if f.kind == "category"]

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> "Bundle":
        """Load a bundle that is whole and gives its golden answers to 1e-5; InputError names the file that does not.

        One thread answers single rows fastest; give more of them for large batches.
        """
        folder = Path(folder)
        _verify_sums(folder)
        with explain_read_errors(folder / "signature.json", AGAIN, "is not a signature"):
            signature = Signature.parse((folder / "signature.json").read_text(encoding="utf-8"))
        bundle = cls(folder, signature, _session(folder / "model.onnx", signature, threads))
        bundle._verify_golden()
        return bundle

    @property
    def version(self) -> str:
        """The version, which is the name of the folder in the registry."""
        return self.folder.resolve().name

    @property
    def threshold(self) -> float:
        """From this probability on, the decision is yes; infinite for a number, which is no decision."""
        return np.inf if self.signature.threshold is None else self.signature.threshold

    @property
    def names(self) -> list[str]:
        """The names of the features, in the order of the columns of X."""
        return self.signature.names

    @cached_property
    def manifest(self) -> Record:
        """Sums, packages, lineage and the time of the export."""
        return dict(_json(self.folder / MANIFEST))

    @cached_property
    def metrics(self) -> Record:
        """The figures of the evaluation; empty when the bundle has none."""
        path = self.folder / "metrics.json"
        return dict(_json(path)) if path.is_file() else {}

    @cached_property
    def golden(self) -> list[Record]:
        """Rows with the expected answers: `features` (raw values by name) and `probability` or `prediction`."""
        return list(_json(self.folder / "golden.json"))

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
        """X of some rows, float32 (rows, features): an unseen category and what is missing are NaN.

        Meant for few rows; InputError names the feature whose value is no number.
        """
        try:
            table = [
                [row.get(name) if codes is None else codes.get(row.get(name), NAN) for name, codes in self._codes]
                for row in rows
            ]
            return np.array(table, dtype=np.float64).reshape(len(table), len(self._codes)).astype(np.float32)
        except (TypeError, ValueError, OverflowError):
            # Rare, so the feature is looked for only now.
            return self.encode_columns({name: [row.get(name) for row in rows] for name in self.names})

    def encode_columns(self, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> NDArray[np.float32]:
        """X of a table given by its columns, float32 (rows, features); other columns are ignored.

        Raises InputError for a missing column and for one that holds what is no number.
        """
        missing = [name for name in self.names if name not in columns]
        if missing:
            raise InputError(f"columns are missing: {', '.join(missing)}", where="X", hint=f"needed: {self.names}")
        inputs = np.empty((len(columns[self.names[0]]), len(self.names)), dtype=np.float32)
        for i, feature in enumerate(self.signature.features):
            try:
                inputs[:, i] = feature.encode(columns[feature.name])
            except (TypeError, ValueError, OverflowError) as error:
                hint = f"allowed: {feature.rule}"
                raise InputError(f"cannot be encoded: {error}", where=feature.name, hint=hint) from error
        return inputs

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """P(target) or a number for each row of X, float64 (rows,). The sums behind it are float32."""
        (answers,) = self._session.run([self.signature.tensor], {"X": inputs})
        return np.asarray(answers[:, 0], dtype=np.float64)

    def decide(self, answers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which answers are a yes, (rows,); of numbers none is."""
        return np.asarray(answers >= self.threshold)

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """P(target) or a number for each row, given by its raw values."""
        return self.predict(self.encode(rows))

    def unseen(self, row: Mapping[str, Any]) -> list[str]:
        """The features of a row whose category training has not seen."""
        return [name for name, codes in self._categories if row.get(name) is not None and row[name] not in codes]

    def _verify_golden(self) -> None:
        where = self.folder / "golden.json"
        try:
            answers = self.predict_rows([record["features"] for record in self.golden])
            expected = np.array([record[self.signature.answer] for record in self.golden], dtype=np.float64)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"does not hold golden records: {error!r}", where=where, hint=AGAIN) from error
        if not len(expected):
            raise InputError("holds no golden record", where=where, hint=AGAIN)
        # Not `>`: NaN is greater than nothing, and an answer that is no number would pass.
        wrong = np.flatnonzero(~(np.abs(answers - expected) <= MAX_DIFFERENCE * self.signature.width))
        if len(wrong):
            first = wrong[0]
            what = f"record {first + 1} expects {expected[first]:.7f}, the model answers {answers[first]:.7f}"
            raise InputError(f"{what} ({len(wrong)} of {len(expected)} records differ)", where=where, hint=AGAIN)


def require_same_problem(contract: "Contract", folder: Path) -> None:
    """Raise InputError when a version gives probabilities and the target is a number, or the other way round.

    A bundle that is damaged is told where it is loaded.
    """
    try:
        problem = json.loads((folder / "signature.json").read_text(encoding="utf-8")).get("problem", "classification")
    except (OSError, ValueError, AttributeError):
        return
    if problem != contract.problem:
        answers = {"classification": "a probability", "regression": "a number"}
        asked = answers[contract.problem]
        what = f"version {folder.name} answers with {answers[problem]}, and the contract asks for {asked}"
        hint = "move the folder of the registry away, then train and promote a version of this contract"
        raise InputError(what, where=folder, hint=hint)


def predict_frame(bundle: Bundle, rows: "pd.DataFrame") -> NDArray[np.float64]:
    """The answer to each row of a table of features, by the exported model.

    With a `bundle` and `rows` that have its features:

    >>> answers = predict_frame(bundle, rows)
    >>> answers.shape == (len(rows),) and bool((answers >= 0).all() and (answers <= 1).all())
    True
    """
    return np.asarray(bundle.predict(bundle.encode_columns(frame_columns(rows, bundle.names))), dtype=np.float64)


def frame_columns(rows: "pd.DataFrame", names: list[str]) -> Mapping[str, NDArray[np.generic]]:
    """The named columns of a table as arrays: text with None, numbers as float64 with NaN for what is missing."""
    return {name: _frame_array(rows[name]) for name in names}


def _frame_array(values: "pd.Series") -> NDArray[np.generic]:
    import pandas as pd  # here, because the service has no tables, and must start fast

    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return values.astype(object).where(values.notna(), None).to_numpy()


def _verify_sums(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError("no such bundle", where=folder, hint="the command `registry list` shows the versions")
    # The signature comes before the sums: whoever changes a file on purpose makes its sum anew as well.
    manifest = _json(folder / MANIFEST)
    _verify_signature(folder)
    recorded = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(recorded, dict) or not set(REQUIRED) <= set(recorded):
        raise InputError(f"does not hold the sums of {', '.join(REQUIRED)}", where=folder / MANIFEST, hint=AGAIN)
    sums = manifest_sums(folder)
    for name, total in recorded.items():
        if name not in sums:
            raise InputError("no such file, but the manifest lists it", where=folder / name, hint=AGAIN)
        if sums[name] != total:
            what = f"its SHA-256 sum is not the one in {MANIFEST}: the file was changed or cut"
            raise InputError(what, where=folder / name, hint=AGAIN)


def _verify_signature(folder: Path) -> None:
    if not os.environ.get(KEY):
        return
    hint = f"{KEY} is set, so only what was exported with that key is loaded: use another version, or train again"
    try:
        signature = (folder / SIGNED).read_bytes()
    except OSError as error:
        raise InputError("is not signed", where=folder, hint=hint) from error
    # As bytes: for a text that is not ASCII, compare_digest raises TypeError.
    if not hmac.compare_digest(signature, _hmac(folder / MANIFEST).encode()):
        raise InputError("was signed with another key, or changed since", where=folder / SIGNED, hint=hint)


def _hmac(manifest: Path) -> str:
    return hmac.digest(os.environ[KEY].encode(), manifest.read_bytes(), "sha256").hex()


def _session(path: Path, signature: Signature, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Fatal errors only. All others are raised as well, and its lines would stand in a log whose lines are JSON.
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has one class for each way to fail
        raise InputError(f"is not an ONNX model that can be run: {error}", where=path, hint=AGAIN) from error
    inputs = {each.name: each.shape[-1:] for each in session.get_inputs()}
    outputs = {each.name for each in session.get_outputs()}
    if inputs != {"X": [len(signature.features)]} or signature.tensor not in outputs:
        wanted = f"{len(signature.features)} features and {signature.tensor}"
        what = f"takes {inputs} and gives {sorted(outputs)}, but the signature has {wanted}"
        raise InputError(what, where=path, hint=AGAIN)
    return session


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path, hint=AGAIN) from error
    except ValueError as error:
        raise InputError(f"is not valid JSON: {error}", where=path, hint=AGAIN) from error
