"""The judges of the monitoring gates on evidence made by hand, each limit from both sides, and how it is measured."""

import json
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import onnx
import pandas as pd
import pytest

from contracts import sound_contract
from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.bundle.signature import Signature
from roadworthy.contract.rules import Finding
from roadworthy.contract.schema import Column, Contract, Table
from roadworthy.drills import faults
from roadworthy.gates import alarms, dependencies, expectations, skew, speed
from roadworthy.gates import monitoring as gates
from roadworthy.gates.bench import Gate
from roadworthy.gates.monitoring import Age, Invariants
from roadworthy.model.evaluation import Difference
from roadworthy.monitoring import timeline, watch
from roadworthy.monitoring.distributions import numeric_bins
from roadworthy.project import Project
from roadworthy.registry import releases
from roadworthy.registry.export import make_reference
from roadworthy.serving import tracing
from sample import HOME
from small import SIGNATURE
from small import rows as small_rows

HELD = Finding("weather", "law wind", passed=True, rows=0, evidence="all of it")
BROKEN = Finding("weather", "law wind", passed=False, rows=0, evidence="share of rows: 0.97, normal 0 to 0.01")
STABILITY = speed.Stability(
    infinite=(),
    inner=900,
    inner_bad=0,
    largest=0.4,
    answers=5000,
    outside=0,
    certain=0.0,
    extreme=80,
    extreme_outside=0,
    batches=3e-8,
)
SPEED = speed.Speed(
    request=speed.Cost("a request", 90, 85),
    row=speed.Cost("a row of a file", 13, 13),
    loading=speed.Cost("loading", 16_000, 16_000),
    bytes_now=495_000,
    bytes_before=490_000,
    largest_file="model.onnx",
)
SIDE = alarms.VersionSide(gap=0.03, decisions=0.24)
SAME = Difference(0.001, -0.004, 0.006, 0.0, -0.002, 0.002)
REGRESSION = alarms.Regression(184, SAME, SIDE, SIDE)
WAYS = tuple(skew.WayDifference(name, 0, 0, 4e-7) for name in ("exported", "Parquet file", "CSV file", "request"))
AGE = Age(3, date(2013, 12, 31), date(2013, 6, 30), 3, date(2013, 6, 30), 190)

WRONG = ("late", "false", "moved", "untold", "dead")

GOOD: dict[str, list[Any]] = {
    "Monitoring 1": [dependencies.Dependencies(197, 6, 53, ()), dependencies.Dependencies(197, 6, 0, ())],
    "Monitoring 2": [
        Invariants("2013", (HELD,), 1000, 1),
        Invariants("2013", (HELD,), 1000, 1, served=expectations.Refusals(60)),
    ],
    "Monitoring 3": [
        skew.ComparedWays(1700, notebook=True, ways=WAYS),
        skew.ComparedWays(1700, notebook=False, ways=WAYS[1:]),
    ],
    "Monitoring 4": [
        AGE,
        replace(AGE, newest=date(2014, 1, 6)),
        replace(AGE, champion=1, champion_until=date(2012, 1, 1)),
    ],
    "Monitoring 5": [
        STABILITY,
        replace(STABILITY, largest=9.9),
        replace(STABILITY, certain=0.019),
        replace(STABILITY, batches=9e-7),
    ],
    "Monitoring 6": [
        SPEED,
        replace(SPEED, request=speed.Cost("a request", 168, 85)),
        replace(SPEED, row=speed.Cost("a row of a file", 24, 20)),
        replace(SPEED, bytes_now=970_000),
    ],
    "Monitoring 7": [
        REGRESSION,
        replace(REGRESSION, difference=replace(SAME, auc=-0.02, auc_low=-0.03, auc_high=-0.009)),
        replace(REGRESSION, difference=replace(SAME, brier=0.01, brier_low=0.0049, brier_high=0.02)),
        replace(REGRESSION, now=replace(SIDE, gap=-0.129)),
        replace(REGRESSION, now=replace(SIDE, decisions=0.025)),
        replace(REGRESSION, alarms=alarms.Alarms(planted=19)),
    ],
}
BAD: dict[str, list[Any]] = {
    "Monitoring 1": [dependencies.Dependencies(197, 6, 53, ("numpy 1 is installed, 2 is locked",))],
    "Monitoring 2": [
        Invariants("2013", (HELD, BROKEN), 1000, 1),
        Invariants("2013", error="weather: has no rows"),
        Invariants("2013", (HELD,), 1000, 1, served=expectations.Refusals(60, ("hour 25",))),
    ],
    "Monitoring 3": [
        skew.ComparedWays(1700, notebook=True, ways=(*WAYS[:3], skew.WayDifference("request", 5, 0, 0.0))),
        skew.ComparedWays(1700, notebook=True, ways=(*WAYS[:3], skew.WayDifference("request", 0, 1, 2e-6))),
    ],
    "Monitoring 4": [replace(AGE, newest=date(2014, 1, 7))],
    "Monitoring 5": [
        replace(STABILITY, infinite=("seats",)),
        replace(STABILITY, error="frame: Out of Range Error: cannot take logarithm of zero"),
        replace(STABILITY, inner_bad=1),
        replace(STABILITY, largest=10.1),
        replace(STABILITY, outside=1),
        replace(STABILITY, certain=0.021),
        replace(STABILITY, extreme_outside=1),
        replace(STABILITY, batches=1.1e-6),
        replace(STABILITY, batches=float("nan")),
    ],
    "Monitoring 6": [
        replace(SPEED, request=speed.Cost("a request", 172, 85)),
        replace(SPEED, row=speed.Cost("a row of a file", 51, 25)),
        replace(SPEED, loading=speed.Cost("loading", 32_100, 16_000)),
        replace(SPEED, bytes_now=990_000),
        replace(SPEED, bytes_now=20_100_000, bytes_before=20_000_000),
    ],
    "Monitoring 7": [
        replace(REGRESSION, difference=replace(SAME, auc=-0.02, auc_low=-0.03, auc_high=-0.011)),
        replace(REGRESSION, difference=replace(SAME, brier=0.01, brier_low=0.0051, brier_high=0.02)),
        replace(REGRESSION, now=replace(SIDE, gap=-0.131)),
        replace(REGRESSION, now=replace(SIDE, decisions=0.023)),
        replace(REGRESSION, before=replace(SIDE, decisions=0.02)),
        *(replace(REGRESSION, alarms=alarms.Alarms(19, **{wrong: ("drift of x",)})) for wrong in WRONG),
    ],
}
JUDGES = {each.name: each for each in vars(gates).values() if isinstance(each, Gate)}


@pytest.mark.parametrize(("name", "evidence"), [(name, each) for name, many in GOOD.items() for each in many])
def test_good_evidence_is_green(name: str, evidence: Any) -> None:
    verdict = JUDGES[name](evidence)
    assert verdict.passed is True, verdict.evidence


@pytest.mark.parametrize(("name", "evidence"), [(name, each) for name, many in BAD.items() for each in many])
def test_bad_evidence_is_red(name: str, evidence: Any) -> None:
    verdict = JUDGES[name](evidence)
    assert verdict.passed is False, verdict.evidence


@pytest.mark.parametrize(
    ("name", "evidence", "told"),
    [
        ("Monitoring 1", BAD["Monitoring 1"][0], "numpy 1 is installed"),
        ("Monitoring 2", BAD["Monitoring 2"][0], "weather: law wind: share of rows: 0.97"),
        ("Monitoring 2", BAD["Monitoring 2"][1], "has no rows"),
        ("Monitoring 2", BAD["Monitoring 2"][2], "a request may hold hour 25, which the contract forbids"),
        ("Monitoring 2", GOOD["Monitoring 2"][0], "it is not asked, see Infrastructure 4"),
        ("Monitoring 2", GOOD["Monitoring 2"][1], "the version refuses 60 forbidden values"),
        ("Monitoring 3", BAD["Monitoring 3"][0], "request: 5 inputs"),
        ("Monitoring 4", BAD["Monitoring 4"][0], "191 days, at most 190"),
        ("Monitoring 4", GOOD["Monitoring 4"][2], "the champion, 1: 730 days"),
        ("Monitoring 5", BAD["Monitoring 5"][0], "seats has infinite values"),
        ("Monitoring 6", BAD["Monitoring 6"][0], "2.0 times the CPU of the version before"),
        ("Monitoring 6", BAD["Monitoring 6"][1], "a row of a file takes 2.0 times the CPU of the version before"),
        ("Monitoring 7", BAD["Monitoring 7"][0], "AUC -0.020"),
        ("Monitoring 7", GOOD["Monitoring 7"][-1], "the monitors ring for each of 19 planted faults"),
        ("Monitoring 7", BAD["Monitoring 7"][-1], "ask for what nothing exposes: drift of x"),
    ],
)
def test_the_evidence_is_told(name: str, evidence: Any, told: str) -> None:
    assert told in JUDGES[name](evidence).evidence


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("Monitoring 2", Invariants("2013")),
        ("Monitoring 2", Invariants("2013", (HELD,), 1000, 1, served=expectations.Refusals(0))),
        ("Monitoring 3", skew.ComparedWays(0, notebook=True, ways=())),
    ],
)
def test_without_evidence_nothing_is_judged(name: str, evidence: Any) -> None:
    assert JUDGES[name](evidence).passed is None


# Monitoring 1

LOCK = """# a comment
numpy==2.4.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
some-thing==1.0 ; sys_platform == 'nowhere' \\
    --hash=sha256:cc
Click==0.1
"""


def test_a_lock_is_read_with_its_markers_and_sums() -> None:
    found = dependencies.pinned_requirements(LOCK)
    assert {name: (pin.version, pin.sums, pin.applies) for name, pin in found.items()} == {
        "numpy": ("2.4.1", 2, True),
        "some-thing": ("1.0", 1, False),
        "click": ("0.1", 0, True),
    }


def test_each_difference_of_wish_lock_and_installation_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / dependencies.LOCKED).write_text(LOCK)
    (tmp_path / dependencies.WISHED).write_text(
        "numpy>=3  # why\n-c other.txt\nunlocked\nnone; sys_platform == 'nowhere'\nclick\n"
    )
    monkeypatch.setattr(dependencies, "installed_version", {"numpy": "2.4.1", "click": ""}.get)
    assert dependencies.package_changes(tmp_path) == (
        2,
        [
            "numpy is locked at 2.4.1, requirements.in wants >=3",
            "unlocked is in requirements.in but not in requirements.txt",
            "click missing is installed, 0.1 is locked",
            "click is locked without a sum",
        ],
    )


def test_an_entry_that_is_no_pin_is_named() -> None:
    loose = 'requests>=2 ; python_version == "3.11" \\\n    --hash=sha256:aa\nurllib3\nsix==1.*\n./local\n--no-index\n'
    said = [
        told.partition(" in the.lock allows")[0] for told in dependencies.unpinned_entries(LOCK + loose, "the.lock")
    ]
    assert said == ['requests>=2 ; python_version == "3.11"', "urllib3", "six==1.*", "./local"]
    assert "requests" not in dependencies.pinned_requirements(LOCK + loose)


def test_what_is_needed_at_a_distance_must_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {
        "a": ["B[fast]>=1", "never; sys_platform == 'nowhere'", "unasked; extra == 'more'"],
        "b": ["c", "quick; extra == 'fast'"],
        "c": ["a", "d"],
    }
    monkeypatch.setattr(dependencies, "requires", needs.get)
    wishes = dependencies.wished_requirements("a")
    assert dependencies.unlocked_packages(wishes, {"a", "b", "c", "d", "quick"}, "the.lock") == []
    assert dependencies.unlocked_packages(wishes, {"a", "b", "c"}, "the.lock") == [
        "d, which c needs, is not in the.lock",
        "quick, which b needs, is not in the.lock",
    ]


def test_a_wished_package_that_is_not_installed_needs_nothing() -> None:
    assert (
        dependencies.unlocked_packages(dependencies.wished_requirements("no-such-package-anywhere"), set(), "the.lock")
        == []
    )


def test_the_service_has_the_versions_of_the_lock(tmp_path: Path) -> None:
    assert dependencies.differing_locks("numpy==2.4.1 \\\n    --hash=sha256:aa\n", LOCK, ("service", "all")) == []
    (tmp_path / dependencies.LOCKED).write_text("numpy==2.4.1 --hash=sha256:aa\n")
    (tmp_path / dependencies.WISHED).write_text("")
    (tmp_path / dependencies.SERVICE).write_text("NumPy==2.4.0\nother==1\nloose\n")
    assert dependencies.package_changes(tmp_path)[1][:3] == [
        "loose in requirements-service.txt allows more than one version: a lock needs == and sums",
        "numpy 2.4.0 in requirements-service.txt, 2.4.1 in requirements.txt",
        "other 1 in requirements-service.txt, nothing in requirements.txt",
    ]


def test_a_library_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "installed_version", {"numpy": "2", "pandas": "3"}.get)
    assert dependencies.library_changes({"numpy": "2", "pandas": "2"}) == [
        "pandas 3 is installed, the model was made with 2"
    ]


def test_a_column_with_another_type_or_name_is_named() -> None:
    columns = (
        Column(name="n", kind="integer", about=""),
        Column(name="gone", kind="text", about=""),
        Column(name="maybe", kind="integer", about="", max_null=0.5),
    )
    table = Table(name="t", columns=columns, key=("n",))
    contract = sound_contract(tables=(table,))
    connection = duckdb.connect()
    connection.execute("create table t as select 1.5::double as n, 2.0::double as maybe, 'x' as extra")
    assert dependencies.table_changes(connection, contract) == [
        "t.n is DOUBLE, the contract says integer",
        "t.gone is missing",
        "t.extra is new",
    ]


# Monitoring 2


COLUMNS = (
    Column(name="carrier", kind="category", about="", pattern="^[0-9A-Z]{2}$"),
    Column(name="origin", kind="category", about="", allowed=("EWR", "JFK", "LGA")),
    Column(name="maker", kind="category", about="", max_null=0.5),
    Column(name="hour", kind="integer", about="", low=0, high=24),
    Column(name="temp", kind="number", about="", low=-40, high=130, max_null=0.1),
    Column(name="distance", kind="number", about="", max_null=0.1),
    Column(name="no feature", kind="number", about="", low=0),
)


def of_columns(*columns: Column) -> Contract:
    """A contract with these columns in the place of those of the same names."""
    named = {column.name: column for column in (*COLUMNS, *columns)}
    return sound_contract(*named.values())


def test_what_the_contract_forbids_is_refused(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    both = zip(COLUMNS, bundle.signature.features, strict=False)
    assert [list(expectations.forbidden_values(*each)) for each in both] == [
        [None, "?"],
        [None, "?"],
        [],
        [None, -1, 25, 0.5],
        [-41, 131],
        [],
    ]
    assert expectations.measure_refusals(of_columns(), bundle) == expectations.Refusals(10)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (Column(name="carrier", kind="category", about="", pattern="^[A-Z]{2}$"), ('carrier "B6"',)),
        (Column(name="maker", kind="category", about="", pattern="^[A-Z]+$", max_null=0.5), ('maker "?"',)),
        (Column(name="origin", kind="category", about="", allowed=("EWR",)), ('origin "JFK"', 'origin "LGA"')),
        (Column(name="hour", kind="integer", about="", low=5, high=23), ("hour 4", "hour 24")),
        (Column(name="temp", kind="number", about="", low=-40, high=130), ("temp null",)),
        (Column(name="distance", kind="integer", about="", low=80, max_null=0.1), ("distance 79", "distance 80.5")),
    ],
)
def test_what_a_version_of_another_contract_takes_is_named(
    small_bundle: Path, column: Column, told: tuple[str, ...]
) -> None:
    assert expectations.measure_refusals(of_columns(column), Bundle.load(small_bundle)).taken == told


def test_a_version_that_refuses_its_golden_rows_shows_nothing(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    bundle.golden = [{"features": {**each, "temp": 999.0}, "probability": 0.5} for each in small_rows(3)]
    assert expectations.measure_refusals(of_columns(), bundle) == expectations.Refusals(0)


# Monitoring 3


def test_a_text_that_training_has_not_seen_keeps_the_rule(small_bundle: Path) -> None:
    carrier, origin, maker = Bundle.load(small_bundle).signature.features[:3]
    assert skew.unseen_categories(carrier) == ["AB", "AC", "AD", "NA"]  # two letters, and none that training knows
    assert skew.unseen_categories(origin) == []
    assert "AIRBUA" in skew.unseen_categories(maker)


def test_a_row_out_of_bounds_is_refused_everywhere_and_says_nothing(small_bundle: Path) -> None:
    features = Bundle.load(small_bundle).signature.features
    table = pd.DataFrame(small_rows(4)).assign(hour=[0, 24, 25, 1], temp=[np.nan, 130.0, 20.0, np.inf])
    assert skew.allowed_rows(table, features).tolist() == [True, True, False, False]


def test_values_stand_on_both_sides_of_each_threshold(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    thresholds = tracing.read_numbers(small_bundle / "model.onnx").thresholds_of
    table = pd.DataFrame(small_rows(50))
    temp = bundle.names.index("temp")
    edge = skew.rows_at_thresholds(table, bundle.signature.features[temp], thresholds(temp))["temp"].to_numpy(
        np.float32
    )
    for threshold in thresholds(temp)[np.isfinite(thresholds(temp))]:
        assert {threshold, np.nextafter(threshold, np.float32(np.inf))} <= set(edge)


def test_a_way_counts_other_inputs_and_answers_and_a_refused_row_is_another() -> None:
    def result(inputs: list[list[float]], answers: list[float]) -> skew._Result:
        return skew._Result(np.array(inputs, np.float32), np.array(answers))

    keys = pd.Series(["a", "b", "c"])
    reference = result([[1, np.nan], [2, 2], [3, 3]], [0.1, 0.2, 0.3])
    other = result([[1, np.nan], [2, 0], [3, 3]], [0.1 + 9e-6, 0.2 + 2e-5, np.nan])
    way = skew._way("file", other, reference, keys)
    assert (way.inputs, way.answers, way.largest) == (1, 2, 1.0)
    assert way.example.startswith("c:")


# Monitoring 5


def test_infinite_features_are_named() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, -np.inf], "c": [1e39, 0.0], "d": ["x", None]})
    assert speed.infinite_features(frame, ["a", "b", "c", "d"]) == ("b", "c")


def test_answers_beyond_0_and_1_and_none_are_outside() -> None:
    signature, answers = Signature.parse(json.dumps(SIGNATURE)), np.array([0.0, 1.0, -0.1, np.nan, 0.5, 1e-9])
    assert speed.answers_outside(answers, signature) == 2
    assert speed.answers_outside(answers, replace(signature, problem="regression")) == 1


def test_every_number_is_made_extreme(project: Project, small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    seen = np.concatenate(list(speed.extreme_inputs(project.contract, bundle, pd.DataFrame(small_rows(4)))))
    temp = seen[:, bundle.names.index("temp")]
    assert {-40.0, 130.0, np.finfo(np.float32).max, np.finfo(np.float32).min} <= set(temp.tolist())
    assert np.isnan(seen).all(axis=1).any()
    assert speed.batch_difference(bundle, seen) <= 1e-6


# Monitoring 6


def test_the_least_of_the_repeats_counts_for_each_call() -> None:
    little, much = speed.least_micros([partial(sum, range(20_000)), partial(sum, range(400_000))], [10, 5])
    assert 10 < much / little < 160  # 20 times the work, half of the count
    assert little < 10_000


# Monitoring 7


def test_a_side_tells_gap_and_decisions() -> None:
    answers = np.array([0.1] * 10 + [0.9] * 10)
    labels = np.array([0.0] * 10 + [1.0] * 10)
    found = alarms.version_side(labels, answers, 0.5)
    assert found.gap == pytest.approx(0.0)
    assert found.decisions == 0.5


@pytest.fixture
def watched(project: Project, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """As much of a bench as the monitors need: the small bundle, with a reference."""
    table, bundle = small_rows(2000), Bundle.load(small_bundle)
    features = bundle.signature.features
    described = [asdict(feature) for feature in features]
    kinds = {each.name: object if each.kind == "category" else np.float64 for each in features}
    columns = {name: np.array([row[name] for row in table], dtype=kind) for name, kind in kinds.items()}
    answers = np.linspace(0.05, 0.9, len(table))
    reference = make_reference(columns, answers, np.arange(len(table)) % 2, described)
    monkeypatch.setattr(watch, "load_reference", lambda _: (bundle, reference))
    (tmp_path / "planted").mkdir()
    made = {"project": project, "contract": project.contract, "config": project.settings, "home": project.folder}
    return SimpleNamespace(**made, folder=small_bundle, bundle=bundle, scratch=tmp_path / "planted")


def test_the_monitors_ring_for_what_is_planted_and_for_nothing_else(watched: Any) -> None:
    assert alarms.measure_alarms(watched) == alarms.Alarms(planted=8)


def test_as_many_rows_are_planted_as_the_settings_ask_of_a_window(watched: Any) -> None:
    limits = watched.config.monitoring.model_copy(update={"min_rows": 2000, "max_unjudged_days": 60.0})
    watched.config = watched.config.model_copy(update={"monitoring": limits})
    assert alarms.measure_alarms(watched) == alarms.Alarms(planted=8)


@pytest.mark.parametrize("mean", [0.0005, 0.02, 0.98])
def test_what_is_planted_is_quiet_however_rare_the_event_is(watched: Any, mean: float) -> None:
    spread = np.random.default_rng(0).beta(10 * mean, 10 * (1 - mean), 2000)
    watch.load_reference(watched.folder)[1]["prediction"] = numeric_bins(spread)
    found = alarms.measure_alarms(watched)
    assert (found.late, found.false, found.moved) == ((), (), ())


def test_limits_that_nothing_exceeds_are_named(watched: Any) -> None:
    limits = watched.config.monitoring.model_copy(update={"max_psi": 20, "max_unseen": 1})
    watched.config = watched.config.model_copy(update={"monitoring": limits})
    assert set(alarms.measure_alarms(watched).late) == {
        *(f"unseen of {name}" for name in ("carrier", "origin")),
        *(f"drift of {name}" for name in ("hour", "temp", "distance")),
    }


def test_an_alarm_that_is_late_early_or_never_ends_is_named(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(history: Any) -> list[bool]:
        return [each for each in history if each is not None]

    late = lambda history, n, *_: [sum(seen(history[: at + 1])) > n for at in range(len(history))]  # noqa: E731
    early = lambda history, *_: [any(seen(history[: at + 1])) for at in range(len(history))]  # noqa: E731
    always = lambda history, *_: [True] * len(history)  # noqa: E731
    for alarm, missing, false in ((late, 8, 0), (early, 0, 8)):
        monkeypatch.setattr(timeline, "alarm_history", alarm)
        found = alarms.measure_alarms(watched)
        assert (len(found.late), len(found.false)) == (missing, false)
    monkeypatch.setattr(timeline, "alarm_history", always)
    assert {"drift of temp", "prediction of prediction", "calibration"} <= set(alarms.measure_alarms(watched).false)


@pytest.mark.parametrize("fault", ["another version", "not due"])
def test_rows_that_must_not_count_are_told(watched: Any, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut, read_rows = watch._windows, watch._rows

    def windows(rows: Any, *how: Any) -> Any:
        return cut({**rows, "due": np.ones(len(rows["time"]), dtype=bool)}, *how)

    def versions(*where: Any) -> Any:
        rows = read_rows(*where)
        return {**rows, "version": np.full(len(rows["time"]), watched.bundle.version, dtype=object)}

    monkeypatch.setattr(watch, *(("_windows", windows) if fault == "not due" else ("_rows", versions)))
    moved = alarms.measure_alarms(watched).moved
    assert "labels" in moved
    assert ("drift of temp" in moved) == (fault == "another version")


def test_an_alarm_that_prometheus_never_sees_is_told(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline.Timeline, "states", lambda self, *_: ["alarming"] * len(self.windows))
    assert len(alarms.measure_alarms(watched).untold) == 8


def test_a_rule_that_asks_for_what_nothing_exposes_is_named(tmp_path: Path) -> None:
    rules = HOME / alarms.RULES
    assert alarms.unexposed_metrics(rules) == ()
    text = rules.read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(text.replace("prediction_log_dropped_total[", "prediction_log_lost_total["))
    assert alarms.unexposed_metrics(tmp_path / "rules.yml") == ("prediction_log_lost_total",)
    (tmp_path / "rules.yml").write_text(text.replace("max by (job) (model_age_seconds)", "max(model_age)"))
    assert alarms.unexposed_metrics(tmp_path / "rules.yml") == ("model_age",)
    assert alarms.unexposed_metrics(tmp_path / "none.yml") == ()


# Damage


@pytest.fixture
def copied(project: Project, tmp_path: Path, registry: Path) -> Project:
    """A copy of the project with the small bundle as its champion, in a registry with the names of the settings."""
    config = HOME / "config.toml"
    (tmp_path / "config.toml").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    assert registry == tmp_path / "registry"
    return project.copied_to(tmp_path)


def test_a_damaged_leaf_keeps_the_golden_answers_and_is_found(copied: Project) -> None:
    folder = copied.folder / "registry" / "versions" / "1"
    # Golden records of one row reach few leaves.
    golden = json.loads((folder / "golden.json").read_text())[:1]
    (folder / "golden.json").write_text(json.dumps(golden))
    releases.reseal_bundle(folder)
    faults.leaf_without_a_number(copied)
    Bundle.load(folder)
    steps = tracing.read_numbers(folder / "model.onnx").steps
    assert (~(np.abs(steps) < 10)).sum() == 1


def test_the_oldest_version_serves_again(copied: Project) -> None:
    registry = copied.folder / "registry"
    (registry / "versions" / "2").mkdir()
    (registry / "aliases.json").write_text('{"champion": 2}')
    (registry / "history.jsonl").write_text("")
    faults.old_champion(copied)
    assert json.loads((registry / "aliases.json").read_text()) == {"champion": 1}


def test_trees_are_read_and_anything_else_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    inside = tracing.read_numbers(small_bundle / "model.onnx")
    assert len(inside.features) == len(inside.thresholds) > 0
    assert set(inside.features) <= set(range(len(SIGNATURE["features"])))
    empty = onnx.helper.make_model(onnx.helper.make_graph([], "none", [], []))
    onnx.save(empty, tmp_path / "none.onnx")
    with pytest.raises(InputError, match="holds no sum from which"):
        tracing.read_numbers(tmp_path / "none.onnx")


def test_a_cut_table_cannot_be_read(project: Project, tmp_path: Path) -> None:
    from roadworthy.data import snapshots

    home = project.folder
    (tmp_path / "config.toml").write_text((home / "config.toml").read_text(encoding="utf-8"), encoding="utf-8")
    folder = tmp_path / "data" / "2013"
    folder.mkdir(parents=True)
    for file in (home / "data" / "2013").glob("*.parquet"):
        (folder / file.name).write_bytes(file.read_bytes())
    faults.cut_table(project.copied_to(tmp_path))
    with pytest.raises(InputError, match="cannot be read"):
        snapshots.connect_snapshot(project, folder)
