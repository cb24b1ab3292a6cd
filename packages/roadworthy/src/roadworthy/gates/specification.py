"""Whether a version is what was committed: specification, signature, training rows; offline and online alike."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base import databases, settings
from ..base.settings import FILE
from ..bundle import bundle
from ..bundle.bundle import Bundle
from ..contract.schema import Contract
from ..contract.workspace import Workspace
from ..data.snapshots import thin_rows
from ..model import evaluation, training
from ..monitoring.log import PredictionLog
from ..registry import export
from ..registry.export import reference_of_rows
from ..serving.predictor import Metrics, Predictor, Recorder
from ..serving.request import BadRequestError
from .bench import Bench, NotJudgedError, of_the_present, read_json

COMPARED = ("spec", "contract", "features_sql", "feature_steps", "model", "periods", "tests")  # parts of the lineage
FEWEST_OF_SLICE = 1000  # rows of a slice: its share of the target is known to .03
WEEKDAY = "day of the week"
BLOCK = 30  # days, about a month
FEWEST = 3  # blocks; a correlation of two points is always 1 or -1
ROWS = 1_200  # of a block: a tenth of the labels decides nothing here, for both ways see the same rows
BODY = 500  # rows in a request


@dataclass(frozen=True)
class CommittedDifferences:
    """What differs from the trained specification, and what git says.

    `differences`: one sentence each. `compared`: how many values were. `foreign`: what in the bundle belongs to
    another specification or other rows. `commit` is empty when the project is in no git repository; `uncommitted` are
    the files that differ from it.
    """

    differences: tuple[str, ...]
    compared: int
    commit: str = ""
    uncommitted: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def compare_committed(bench: Bench) -> CommittedDifferences:
    """Compare the lineage of the version with the settings, the contract and the code as they are now.

    Not compared are the sums of the data, which come and go, and the packages, which Monitoring 1 watches. A version
    that retraining made has the periods of [retraining].
    """
    trained, config = dict(bench.manifest["lineage"]), bench.config
    splits = [each.split for each in (config, settings.challenger_settings(config))]
    made = [training.lineage_of(bench.project, (), split, config.model, config.tests) for split in splits]
    now = json.loads(json.dumps(made))  # lists for tuples, as in the manifest
    differences = min((tuple(_differences(trained, each)) for each in now), key=len)
    compared = sum(len(part) if isinstance(part, dict) else 1 for part in (now[0][kind] for kind in COMPARED))
    return CommittedDifferences(differences, compared, *git_state(bench.project))


def _differences(trained: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for kind in COMPARED:
        before, after = trained.get(kind), now[kind]
        if not isinstance(after, dict) or not isinstance(before, dict):
            if before != after:
                yield f"{kind}: trained with the sum {str(before)[:8]}, committed {str(after)[:8]}"
            continue
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                change = _plainly if kind == "periods" else _change
                yield f"{name}: {change(before.get(name), after.get(name))}"


def _change(before: Any, after: Any) -> str:
    if isinstance(before, list) and isinstance(after, list):
        gone, new = [x for x in before if x not in after], [x for x in after if x not in before]
        if gone or new:
            changes = [f"committed without {gone}"] * bool(gone) + [f"trained without {new}"] * bool(new)
            return " and ".join(changes).replace("'", "")
    return _plainly(before, after)


def _plainly(before: Any, after: Any) -> str:
    return f"trained with {before}, committed {after}".replace("'", "")


def git_state(project: Workspace) -> tuple[str, tuple[str, ...]]:
    """The commit of the project and the files of the specification that differ from it; nothing without git."""
    home = project.folder
    package, sql = home / "src" / project.settings.project.package, project.definition.sql
    own = {*package.rglob("*.py"), *package.rglob("*.sql"), *sql.rglob("*.sql")}
    files = [home / FILE, *sorted(own)]
    # Settings that git does not keep (a copy for a drill, an installed package) are no working tree of this project.
    if not _git_output(home, "ls-files", "--", FILE):
        return "", ()
    inside = [str(file) for file in files if file.resolve().is_relative_to(home.resolve())]
    changed = _git_output(home, "status", "--porcelain", "--", *inside)
    return _git_output(home, "rev-parse", "--short", "HEAD"), tuple(line[3:] for line in changed.splitlines())


def _git_output(home: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=home, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.rstrip() if done.returncode == 0 else ""


def foreign_entries(bench: Bench) -> tuple[str, ...]:
    """What in signature.json and reference.json is other than this specification and these training rows make it.

    Nothing is said about a bundle that cannot be loaded, or about one of other data or settings: other gates do.
    """
    try:
        names = bench.bundle.names
        if not of_the_present(bench):
            return ()
        rows = bench.split.train
    except NotJudgedError:
        return ()
    signature, reference = (read_json(bench.folder / name) for name in ("signature.json", "reference.json"))
    seen = {each["name"]: each.get("categories", []) for each in signature["features"]}
    scale, labels = bench.scale, rows[bench.contract.target]
    of_numbers = scale if bench.contract.regression else None
    made = reference_of_rows(bundle.frame_columns(rows, names), labels, signature["features"], of_numbers)
    signed = export.signature_of(bench.contract, bench.trained_spec, seen, scale)
    return (
        *_other_entries("signature.json", signature, signed),
        *_other_entries("reference.json", reference, made),
    )


def _other_entries(file: str, has: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    plain = json.loads(json.dumps(wanted))
    return [f"{file}: {name}{_shown(has.get(name), value)}" for name, value in plain.items() if has.get(name) != value]


def _shown(one: Any, other: Any) -> str:
    """Single values are shown; of long ones it is said whose they are not."""
    plain = isinstance(other, str | int | float)
    shown = f" is {one}, but {other} by specification and training rows"
    return shown if plain else " is that of another model or of other rows"


def mean_answers_by_slice(bench: Bench) -> pd.DataFrame:
    """`calibration_by_slice` of a sample of the training rows; no row when the version is of another period."""
    periods = bench.manifest["lineage"]["periods"]
    if periods["train"] != [str(day) for day in bench.config.split.train]:
        return pd.DataFrame()
    rows, half_life = bench.train, bench.split.half_life
    weights = training.weights_by_age(rows[bench.contract.day], half_life) if half_life else np.ones(len(rows))
    scale = bench.bundle.signature.scale
    off = scale.apply(bundle.predict_frame(bench.bundle, rows)) - scale.apply(rows[bench.contract.target])
    return calibration_by_slice(bench.contract, rows, bench.config.tests.slices, off, weights)


def calibration_by_slice(
    contract: Contract, rows: pd.DataFrame, names: Sequence[str], off: NDArray[np.float64], weights: NDArray[np.float64]
) -> pd.DataFrame:
    """Slice, rows and gap (mean answer less mean label): all rows, then each large slice and weekday.

    `off` is each row's answer less its label. Every table has days, and a week is in most of what people do.
    """
    columns = {name: rows[name] for name in names} | {WEEKDAY: rows[contract.day].dt.day_of_week + 1}
    slices = [{"slice": "all rows", "rows": len(rows), "gap": _mean(off, weights)}] if len(rows) else []
    for name, column in columns.items():
        for value, count in column.value_counts().items():
            if count >= FEWEST_OF_SLICE:
                at = (column == value).to_numpy(dtype=bool)
                slices.append({"slice": f"{name} = {value}", "rows": count, "gap": _mean(off[at], weights[at])})
    return pd.DataFrame(slices, columns=["slice", "rows", "gap"])


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(np.average(values, weights=weights))


@dataclass(frozen=True)
class Replay:
    """Quality by block, `blocks`: first_day, offline, online; how many rows were sent, refused, found with a label.

    `quality` says what it is: AUC or R2.
    """

    blocks: pd.DataFrame
    sent: int
    refused: int
    labelled: int
    quality: str = "AUC"


def replay_test_period(bench: Bench) -> Replay:
    """Replay the test period in blocks of about a month, at least three of them."""
    test = bench.split.test
    days = np.sort(test[bench.contract.day].unique())
    parts = np.array_split(days, max(FEWEST, round(len(days) / BLOCK)))
    rows = pd.concat([thin_rows(test[test[bench.contract.day].isin(part)], ROWS) for part in parts if len(part)])
    online, refused = _online(bench, rows)
    # Under names of its own: the target may be called `label` in the contract.
    asked = {"day": rows[bench.contract.day].to_numpy(), "target": rows[bench.contract.target].to_numpy()}
    both = pd.DataFrame({**asked, "offline": bundle.predict_frame(bench.bundle, rows)}, index=rows[bench.contract.key])
    both = both.join(online)
    blocks = [_block(bench.problem, both[both["day"].isin(part)]) for part in parts if len(part)]
    labelled = int(online["label"].notna().sum())
    return Replay(pd.DataFrame(blocks), len(rows), refused, labelled, bench.problem.quality)


def _block(problem: evaluation.Problem, rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "first_day": rows["day"].min(),
        "offline": _quality(problem, rows["target"], rows["offline"], rows["day"]),
        "online": _quality(problem, rows["label"], rows["online"], rows["day"]),
    }


def _quality(problem: evaluation.Problem, y: pd.Series, p: pd.Series, day: pd.Series) -> float:
    known = y.notna() & p.notna()
    if y[known].nunique() < 2:
        return float("nan")
    return problem.evaluate(y[known], p[known], day[known], draws=1).quality.value


def _online(bench: Bench, rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """What the log holds after the requests and the labels, by key: columns online, label; and the rows refused."""
    bundle = bench.bundle
    file = bench.scratch / "replay.db"
    refused = _send(bundle, PredictionLog(file, bundle.signature), rows)
    with PredictionLog(file, bundle.signature) as log:
        log.append_labels(rows[bench.contract.key], rows[bench.contract.target], rows[bench.contract.time])
        columns = log.read()
    online = pd.DataFrame({"online": columns[bundle.signature.answer], "label": columns["label"]}, index=columns["key"])
    return online[~online.index.duplicated()], refused


def _send(bundle: Bundle, log: PredictionLog, rows: pd.DataFrame) -> int:
    """Ask for rows; how many are refused. The recorder closes the log when all answers are written."""
    metrics = Metrics()
    recorder = Recorder(log, metrics, bundle.signature.key)
    predictor = Predictor(bundle, metrics, recorder, BODY)
    refused = 0
    recorder.start()
    for number, first in enumerate(range(0, len(rows), BODY)):
        part = rows.iloc[first : first + BODY]
        try:
            predictor.answer(request_body(bundle, part), f"replay-{number}")
        except BadRequestError:
            refused += len(part)
    recorder.stop()
    return refused


def request_body(bundle: Bundle, rows: pd.DataFrame) -> bytes:
    """Rows of a table of features as the body of a request, missing values as null."""
    return json.dumps({"rows": databases.plain_records(rows, [bundle.signature.key, *bundle.names])}).encode()
