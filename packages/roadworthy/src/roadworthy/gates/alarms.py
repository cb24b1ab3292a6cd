"""A version beside the one before it; and whether its monitors ring for what is planted and for nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from ..bundle.bundle import predict_frame
from ..bundle.signature import Scale
from ..model import evaluation
from ..monitoring import watch
from ..monitoring.distributions import Columns, expected_counts, largest_psi
from ..monitoring.limits import DAYS
from ..monitoring.log import PredictionLog
from ..monitoring.monitors import Thresholds, answer_column
from ..monitoring.notifications import Exposition
from ..monitoring.timeline import Timeline
from ..serving.predictor import Metrics
from .bench import Bench

END = datetime(2001, 1, 1, tzinfo=UTC)
FAR = 3.0  # times the unit of limits by which a label is planted to be off
DELAY = timedelta(days=1)  # after which a label is due
ROWS = 1400  # of a window, or twice as many as the settings ask for
UNSEEN_CATEGORY = "planted, never seen"
CERTAIN_DRIFT = 1.0  # PSI; .25 is another population by convention, so no limit should be beyond that
RULES = "deploy/prometheus/rules.yml"
# Over all versions, because what they watch is the service; and what needs rows as they really come together.
OF_ALL, OF_WHOLE_ROWS = {"volume", "freshness"}, {"relation", "auc"}
EXPRESSION = re.compile(r"^ +expr: *(.*(?:\n(?! *(?:for|labels|annotations|record|- alert):).*)*)", re.MULTILINE)
KINDS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "summary": ("", "_count", "_sum")}


@dataclass(frozen=True)
class Alarms:
    """How many faults were planted, and what went wrong, by monitor and subject.

    late: does not ring in the window in which it should. false: rings over the reference itself, or too early. moved:
    counts rows of another version or labels that are not due. untold: rings and Prometheus does not read 1. dead:
    names in the rules of alerts that nothing exposes.
    """

    planted: int = 0
    late: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()


@dataclass(frozen=True)
class VersionSide:
    """One version on the test rows: mean prediction minus mean label, share of decisions (of numbers 0)."""

    gap: float
    decisions: float


@dataclass(frozen=True)
class Regression:
    """The paired difference, of which more quality and less error are better, and each version by itself.

    Of numbers, errors are in the unit of limits. alarms: whether the monitors of the version would tell of it in
    service.
    """

    days: int
    difference: evaluation.Difference | evaluation.NumberDifference
    now: VersionSide
    before: VersionSide
    alarms: Alarms = field(default_factory=Alarms)
    problem: evaluation.Problem = evaluation.CLASSIFICATION


def measure_regression(bench: Bench) -> Regression:
    """Both versions answer about 40,000 test rows, from every day."""
    test = bench.test
    day, bundle, older, unit = test[bench.contract.day].to_numpy(), bench.bundle, bench.before, bench.scale.apply
    labels, now, before = (
        unit(values)
        for values in (test[bench.contract.target], predict_frame(bundle, test), predict_frame(older, test))
    )
    difference = bench.problem.compare(labels, now, before, day)
    sides = version_side(labels, now, bundle.threshold), version_side(labels, before, older.threshold)
    return Regression(len(np.unique(day)), difference, *sides, alarms=measure_alarms(bench), problem=bench.problem)


def version_side(labels: np.ndarray, answers: np.ndarray, threshold: float) -> VersionSide:
    """What one version says about these rows, (rows,), and how often it decides with its own threshold."""
    return VersionSide(float(answers.mean() - labels.mean()), float((answers >= threshold).mean()))


def measure_alarms(bench: Bench) -> Alarms:
    """Let the monitors watch planted windows under the thresholds of the settings."""
    limits = Thresholds.of(bench.config.monitoring)
    reference = watch.load_reference(bench.folder)[1]
    quiet, disturbed = _quiet_timelines(bench, reference, limits)
    # Not one window more than an alarm needs: otherwise one that rings too late would go unnoticed.
    log = _write_log(bench, "broken", broken_windows(reference, limits.n, _rows(limits)))
    ringing = _watch(bench, log, limits)
    wanted = expected_alarms(reference)
    rung = {key: list(ringing.alarms(*key).values()) for key in wanted}
    late = [key for key in wanted if not rung[key][-1]]
    watched = {(r.monitor, r.subject) for r in quiet.readings if r.monitor not in OF_ALL | OF_WHOLE_ROWS}
    false = sorted(key for key in watched if any(quiet.alarms(*key).values()))
    false += [key for key in wanted if any(rung[key][:-1]) and key not in false]
    exposed = exposed_alarms(ringing)
    untold = [key for key in wanted if key not in late and exposed.get(key) != 1]
    return Alarms(
        len(wanted),
        _named(late),
        _named(false),
        _named(_moved(quiet, disturbed)),
        _named(untold),
        unexposed_metrics(bench.home / RULES),
    )


def _quiet_timelines(bench: Bench, reference: Mapping[str, Any], limits: Thresholds) -> tuple[Timeline, Timeline]:
    """Windows like the reference; and once more, when rows came that must not count."""
    rows = usual_windows(reference, limits.n, _rows(limits))
    young = [time > END - DELAY for time in rows["time"]]
    log = _write_log(bench, "quiet", rows, young)
    before = _watch(bench, log, limits)
    other = broken_windows(reference, limits.n, _rows(limits))
    other |= {"key": [f"other {key}" for key in other["key"]], "version": f"not {bench.bundle.version}"}
    with PredictionLog(log, bench.bundle.signature) as opened:
        _append(opened, other)
        late = [at for at, is_young in enumerate(young) if is_young]
        answers = [_wrong_label(reference, rows[bench.bundle.signature.answer][at]) for at in late]
        opened.append_labels([rows["key"][at] for at in late], answers, [END] * len(late))
    return before, _watch(bench, log, limits)


def _wrong_label(reference: Mapping[str, Any], answer: float) -> float:
    """A label that is far from an answer."""
    scale = watch.scale_of(reference)
    return float(answer < 0.5) if scale is None else answer + FAR * scale.width


def _write_log(bench: Bench, name: str, rows: Mapping[str, Any], without: list[bool] | None = None) -> Path:
    """A log of these rows as answers of the version, the labels of some left out."""
    file = bench.scratch / f"planted-{name}.db"
    file.unlink(missing_ok=True)
    with PredictionLog(file, bench.bundle.signature) as log:
        _append(log, {"version": bench.bundle.version, **rows}, without)
    return file


def _append(log: PredictionLog, rows: Mapping[str, Any], without: list[bool] | None = None) -> None:
    log.append({"decision": 0, **rows})
    known = [at for at in range(len(rows["key"])) if not (without and without[at])]
    times = [min(rows["time"][at] + DELAY, END) for at in known]
    log.append_labels([rows["key"][at] for at in known], [rows["label"][at] for at in known], times)


def _watch(bench: Bench, log: Path, limits: Thresholds) -> Timeline:
    options: dict[str, Any] = {"now": END, "windows": limits.n, "label_delay": DELAY}
    return watch.monitor_log(bench.folder, log, thresholds=limits, **options).timeline


def _moved(before: Timeline, after: Timeline) -> list[tuple[str, str]]:
    """The monitors that read something else now."""
    one, two = (
        {(r.window, r.monitor, r.subject): (r.evidence, r.violated) for r in each.readings if r.monitor not in OF_ALL}
        for each in (before, after)
    )
    return sorted({key[1:] for key in {*one, *two} if one.get(key) != two.get(key)})


def _named(keys: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(" of ".join(filter(None, key)) for key in keys)


def exposed_alarms(timeline: Timeline) -> dict[tuple[str, str], float]:
    """What Prometheus reads about the alarm of each monitor and subject."""
    exposition = Exposition(every=1)
    exposition.show(timeline, took=0)
    families = text_string_to_metric_families(exposition.text().decode())
    samples = (sample for family in families if family.name == "monitor_alarm" for sample in family.samples)
    return {(sample.labels["monitor"], sample.labels["subject"]): sample.value for sample in samples}


def unexposed_metrics(rules: Path) -> tuple[str, ...]:
    """The metrics that the rules of alerts ask for, by a first word of what we expose, and that nothing exposes."""
    if not rules.is_file():
        return ()
    families = [*Metrics().registry.collect(), *Exposition(every=1).collect()]
    exposed = {f"{each.name}{end}" for each in families for end in KINDS.get(each.type, ("",))}
    text = rules.read_text(encoding="utf-8")
    asked = " ".join(EXPRESSION.findall(re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", text)))
    prefixes = "|".join(sorted({name.partition("_")[0] for name in exposed}))
    recorded = set(re.findall(r"record: *(\S+)", text))
    return tuple(sorted(set(re.findall(rf"\b(?:{prefixes})_[a-zA-Z0-9_:]+", asked)) - exposed - recorded))


def expected_alarms(reference: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The monitors and subjects that what is broken concerns, without numbers that the season moves as far."""
    first = "auc" if watch.scale_of(reference) is None else "error"
    wanted = [(first, ""), ("skill", ""), ("calibration", "")]
    seasonal = reference.get("limits", {}).get("drift", {})
    for name, bins in reference["features"].items():
        if bins["kind"] == "category":
            wanted.append(("unseen", name))
        elif largest_psi(expected_counts(bins)) > max(CERTAIN_DRIFT, 2 * seasonal.get(name, 0.0)):
            wanted.append(("drift", name))
    return wanted


def _rows(limits: Thresholds) -> int:
    """So many rows that a window is none too small."""
    return max(ROWS, 2 * limits.min_rows)


def usual_windows(reference: Mapping[str, Any], windows: int, count: int = ROWS, seed: int = 0) -> dict[str, Any]:
    """Windows of `count` predictions before `END`: each feature as in training, and labels that bear them out."""
    order, scale = np.random.default_rng(seed), watch.scale_of(reference)
    answer = answer_column(scale)
    bins = {**reference["features"], answer: reference["prediction"]}
    columns = {name: [order.permutation(_drawn(each, count)) for _ in range(windows)] for name, each in bins.items()}
    rows: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    rows[answer] = rows[answer].astype(np.float64)
    if scale is not None:
        return {**_keys_and_times(windows, count), **rows, "label": rows[answer]}
    # No closer to the middle: with .001 the answers of a rare event left their bins, and sound monitors rang.
    rows[answer] = np.clip(rows[answer], 0, 1)
    return {**_keys_and_times(windows, count), **rows, "label": _frequent_labels(rows[answer])}


def broken_windows(reference: Mapping[str, Any], windows: int, count: int = ROWS) -> dict[str, Any]:
    """The same with nothing as in training: categories unseen, numbers all in their rarest bin, ranks upside down."""
    rows = usual_windows(reference, windows, count)
    for name, bins in reference["features"].items():
        value = UNSEEN_CATEGORY if bins["kind"] == "category" else _rarest(bins)
        rows[name] = np.full(windows * count, value, dtype=object)
    scale = watch.scale_of(reference)
    if scale is not None:
        return {**rows, "label": _mirrored(rows["prediction"].reshape(windows, count), scale)}
    parts = rows["probability"].reshape(windows, count)
    return {**rows, "label": (np.argsort(np.argsort(parts, axis=1), axis=1) < count // 2).astype(int).ravel()}


def _mirrored(answers: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Labels (windows * rows,) in the opposite order of the answers, and far apart from each other."""
    ranks = np.argsort(np.argsort(answers, axis=1), axis=1)
    return np.asarray(scale.center + FAR * scale.width * (0.5 - ranks / (answers.shape[1] - 1))).ravel()


def _keys_and_times(windows: int, count: int) -> dict[str, Any]:
    """Keys and times, evenly over the windows."""
    rows, step = windows * count, timedelta(days=DAYS) / count
    times = [END - (rows - at - 0.5) * step for at in range(rows)]
    return {"key": [f"planted {at}" for at in range(rows)], "time": times}


def _drawn(bins: Mapping[str, Any], count: int) -> NDArray[Any]:
    """So many values, in the bins as in training; a number is the least of its bin."""
    counts = expected_counts(bins).vector
    share = np.cumsum(counts) / counts.sum()
    at = np.searchsorted(share, (np.arange(count) + 0.5) / count)
    values: Columns = {"values": np.array([*_values(bins), None, UNSEEN_CATEGORY], dtype=object)}
    return values["values"][at]


def _values(bins: Mapping[str, Any]) -> list[Any]:
    if bins["kind"] == "category":
        return list(bins["categories"])
    edges = [float(edge) for edge in bins["edges"]]
    return [float(np.nextafter(np.float32(edges[0]), np.float32(-np.inf))) if edges else 0.0, *edges]


def _rarest(bins: Mapping[str, Any]) -> Any:
    counts = np.asarray(bins["counts"], dtype=np.float64)
    return _values(bins)[int(np.argmin(np.where(counts > 0, counts, np.inf)))]


def _frequent_labels(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """Labels (0 or 1) that are as frequent as each probability says, evenly over the rows that have it."""
    label = np.zeros(len(probability), dtype=np.int64)
    for each in np.unique(probability):
        rows = np.flatnonzero(probability == each)
        label[rows] = np.diff(np.floor(np.arange(len(rows) + 1) * each + 0.5)).astype(np.int64)
    return label
