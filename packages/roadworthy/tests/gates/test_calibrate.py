"""Limits from clean variants of the history: the figures are those of the gates, proposals follow from them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from roadworthy.base.errors import InputError, RedError
from roadworthy.base.settings import Limits, load_settings
from roadworthy.cli import program
from roadworthy.data.snapshots import Split
from roadworthy.gates import alarms, calibrate, clean_history, run
from roadworthy.gates.calibrate import Calibrated
from roadworthy.gates.clean_history import CleanVariant, FittedVariant
from roadworthy.model import training
from roadworthy.model.evaluation import Difference
from roadworthy.project import Project
from roadworthy.registry import export
from roadworthy.reports import charts
from roadworthy.serving import tracing
from sample import HOME

# Around the median 0 with a spread of 1 to the upper side: two figures there, so the 99% point of Student's t with two
# degrees of freedom, 6.965 by the tables, times the root of 1 + 1/2.
EVEN = (-1.0, -1.0, 1.0, 1.0)
POINT = 6.965 * 1.5**0.5


def proposed(name: str, *figures: float, **limits: float) -> Calibrated:
    measured = [{name: each} for each in figures]
    (found,) = calibrate.calibrated_limits(Limits.model_validate(limits), measured)
    return found


def test_the_rate_of_false_alarms_is_that_of_students_distribution() -> None:
    assert calibrate.false_alarms(EVEN, POINT) == pytest.approx(0.01, abs=1e-5)
    assert calibrate.false_alarms(EVEN, 0) == pytest.approx(0.5)
    assert calibrate.false_alarms(EVEN, -POINT) == pytest.approx(0.99, abs=1e-5)
    assert calibrate.false_alarms((-9.0, -1.0, 1.0, 1.0), POINT) == pytest.approx(0.01, abs=1e-5), "a long lower side"
    assert [calibrate.false_alarms((2.0,) * 4, limit) for limit in (1.9, 2, 2.1)] == [1, 0, 0]
    assert calibrate.false_alarms((1.0, 1.0, 1.0, float("inf")), 3) == 0.25


def test_a_limit_against_harm_is_widened_only_where_it_refuses_too_many_sound_models_and_never_narrowed() -> None:
    stays = proposed("max_step", *EVEN)
    assert (stays.limit, stays.proposed, stays.changed, stays.guards) == (10, 10, False, "harm: decided")
    at_it = proposed("max_step", *EVEN, max_step=1)
    assert at_it.proposed == 8.6, "no figure of now is refused, but one in a hundred of others would be"
    wider = proposed("max_step", *EVEN, max_step=0.9)
    assert wider.proposed == 8.6  # 8.53, rounded up to two digits
    assert wider.rate(8.6) < 0.01 < wider.rate(0.9)


def test_a_figure_that_hardly_any_variant_has_gives_a_share_and_no_distribution() -> None:
    assert [calibrate.false_alarms((1.0,), limit) for limit in (0.5, 1, 2)] == [1, 0, 0]
    assert calibrate.false_alarms((0.0, 1.0, 3.0), 2) == pytest.approx(1 / 3)
    found = proposed("max_slice_drop", 0.1)
    assert (found.proposed, found.row["false_alarms"]) == (None, 0)


def test_a_limit_may_be_asked_to_refuse_fewer_sound_models() -> None:
    # Student's t with two degrees of freedom is 22.327 at 99.9%, by the tables.
    (found,) = calibrate.calibrated_limits(Limits(), [{"max_reversal": each / 1000} for each in EVEN], allowed=0.001)
    assert found.proposed == 0.028  # .001 * 22.327 * the root of 1.5 is .0273, rounded up


def test_a_limit_against_chance_is_derived_to_both_sides_within_its_range() -> None:
    narrower = proposed("max_reversal", *(each / 10_000 for each in EVEN))
    assert (narrower.proposed, narrower.guards) == (0.00086, "chance: derived")
    assert proposed("max_reversal", *(each / 100 for each in EVEN)).proposed == 0.086
    assert proposed("max_reversal", *(each / 100 - 1 for each in EVEN)).proposed == 0, "no limit is below 0"
    assert proposed("max_certain", 0.9, 0.95, 0.99, 0.9).proposed == 1, "and no share above 1"


def test_without_enough_figures_or_with_one_that_has_no_end_nothing_is_proposed() -> None:
    for figures in ((5.0, 5.0, 50.0), (5.0, 5.0, 5.0, float("inf"))):
        found = proposed("max_decision_factor", *figures)
        assert (found.proposed, found.changed) == (None, False)
        assert found.row["proposed"] == 10
    assert calibrate.calibrated_limits(Limits(), [{"max_step": float("nan")}] * 5) == []


@pytest.mark.parametrize(("now", "before"), [(0.2, 0.2), (0.3, 0.2), (0.05, 0.2), (0.009, 0.002), (0.04, 0.002)])
def test_the_factor_of_the_decisions_is_the_least_that_the_gate_passes(now: float, before: float) -> None:
    (gate,) = [each for each in run.GATES if each.name == "Monitoring 7"]
    sides = alarms.VersionSide(0.0, now), alarms.VersionSide(0.0, before)
    evidence = alarms.Regression(90, Difference(0, 0, 0, 0, 0, 0), *sides)
    factor = clean_history.decision_factor(now, before)
    assert gate(evidence, Limits(max_decision_factor=factor + 1e-6)).passed is True
    if factor > 1:
        assert gate(evidence, Limits(max_decision_factor=factor - 1e-6)).passed is False


def test_a_model_that_decides_for_the_first_time_or_no_more_has_no_factor() -> None:
    assert clean_history.decision_factor(0.0, 0.0) == 1
    assert clean_history.decision_factor(0.0, 0.2) == clean_history.decision_factor(0.2, 0.0) == float("inf")


@pytest.fixture(scope="module")
def variants(project: Project, split: Split) -> list[CleanVariant]:
    """Three variants of four months; the project's own split would be a year."""
    patched = pytest.MonkeyPatch()
    patched.setattr(clean_history, "split_features", lambda _: split)
    found = list(clean_history.draw_variants(project, 4))
    patched.undo()
    return found


def test_a_variant_is_judged_on_days_after_those_that_it_has_learned(
    project: Project, split: Split, variants: list[CleanVariant]
) -> None:
    day = project.contract.day
    assert [each.spec.seed for each in variants] == [0, 1, 2, 3]
    for each in variants:
        assert each.train[day].max() < each.test[day].min()
        assert each.train[day].nunique() < (each.train[day].max() - split.train[day].min()).days, "drawn again"
        assert len(each.groups) == len(each.test) == len(each.groups.dropna())
        assert each.groups["airport"].tolist() == each.test["origin"].tolist()
        assert each.history[day].max() > each.test[day].min() or each is variants[2]
    assert variants[0].test[day].max() < variants[1].test[day].min(), "other months are held out"
    assert not variants[0].train[day].equals(variants[3].train[day]), "of the same part, other days"


def test_a_history_of_a_few_days_is_refused(project: Project, split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean_history, "split_features", lambda _: replace(split, train=split.test, test=split.test))
    with pytest.raises(InputError, match="has 31 labelled days, at least 60 are needed"):
        next(clean_history.draw_variants(project, 4))
    with pytest.raises(InputError, match="of 3 variants the spread is not known"):
        calibrate.calibrate_limits(project, 3)


@pytest.mark.slow
def test_every_figure_is_measured_and_sound_models_keep_their_limits(
    project: Project, variants: list[CleanVariant]
) -> None:
    figures = clean_history.measure_variant(project, variants[0])
    assert set(figures) < set(Limits.model_fields)
    assert len(figures) == 18
    assert all(np.isfinite(each) for each in figures.values())
    for name in ("max_slice_drop", "max_group_over", "max_version_psi", "max_step", "max_certain", "max_gap_worse"):
        assert figures[name] < getattr(Limits(), name), name


@pytest.mark.slow
def test_answers_that_are_honestly_certain_get_a_limit_of_their_own(
    project: Project, variants: list[CleanVariant]
) -> None:
    """Where the hour decides alone, sound models are certain: the gate would be red whatever the team does."""
    target = project.contract.target
    certain = [
        replace(each, **{name: getattr(each, name).assign(**{target: getattr(each, name)["hour"] > 12})
                         for name in ("train", "test")}, spec=each.spec.model_copy(update={"max_iter": 150}))
        for each in variants
    ]  # fmt: skip
    measured = [clean_history.figures_of_numbers(FittedVariant(project, each)) for each in certain]
    found = {each.name: each for each in calibrate.calibrated_limits(Limits(), measured)}
    assert found["max_certain"].rate(0.02) > 0.99
    assert found["max_certain"].proposed == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_the_largest_step_is_that_of_the_exported_model(
    project: Project, trained: training.Trained, variants: list[CleanVariant], tmp_path: Path
) -> None:
    export.write_bundle(trained, tmp_path)
    fitted = FittedVariant(project, variants[0])
    vars(fitted)["pipeline"] = trained.pipeline
    steps = tracing.read_numbers(tmp_path / "model.onnx").steps
    assert clean_history.figures_of_numbers(fitted)["max_step"] == pytest.approx(np.abs(steps).max())


def test_the_picture_has_a_strip_for_each_limit_with_its_figures_and_both_limits() -> None:
    figures = {"max_step": [0.1, 0.2], "max_certain": [0.3, float("inf")]}
    picture = charts.limits(figures, {"max_step": (10, 10), "max_certain": (0.02, 0.4)}, title="limits")
    first, second = picture.axes
    assert [axes.get_yticklabels()[0].get_text() for axes in (first, second)] == ["max_step", "max_certain"]
    at = [[float(np.asarray(line.get_xdata())[0]) for line in axes.lines] for axes in (first, second)]
    assert at == [[0.1, 10], [0.3, 0.02, 0.4]]


FOUND = [
    Calibrated("max_step", 10.0, EVEN, 10.0),
    Calibrated("max_certain", 0.02, (0.3, 0.31, 0.3, 0.32), 0.41),
    Calibrated("max_reversal", 0.01, EVEN, 0.025),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose variants are measured already."""
    (tmp_path / "src").symlink_to(HOME / "src")
    shutil.copy(HOME / "config.toml", tmp_path)
    monkeypatch.setenv("MLE_HOME", str(tmp_path))
    monkeypatch.setattr(calibrate, "calibrate_limits", lambda *_, **__: FOUND)
    return tmp_path


def invoke(*words: str) -> Result:
    return CliRunner().invoke(program.commands, ["calibrate", *words], standalone_mode=False)


def test_the_command_shows_the_limits_and_changes_nothing_but_the_page(home: Path) -> None:
    before = (home / "config.toml").read_bytes()
    told = invoke("--json")
    rows = {row["limit"]: row for row in json.loads(told.stdout)}
    assert rows["max_certain"]["now"] == 0.02
    assert (rows["max_certain"]["proposed"], rows["max_certain"]["guards_against"]) == (0.41, "harm: decided")
    (left,) = [line for line in told.stderr.splitlines() if line.startswith("Not measured, so they stay: ")]
    assert set(left.partition(": ")[2].split(", ")) == set(Limits.model_fields) - set(rows)
    assert "written with --write: max_certain = 0.41, max_reversal = 0.025" in told.stderr
    page = (home / "reports" / "calibration" / "index.html").read_text(encoding="utf-8")
    assert "3 limits of config.toml measured" in page
    assert "<svg" in page or "data:image" in page
    assert (home / "config.toml").read_bytes() == before


def test_what_is_written_holds_from_then_on_and_is_never_replaced_without_a_word(home: Path) -> None:
    file = home / "config.toml"
    before = file.read_bytes()
    told = invoke("--write")
    assert told.exception is None
    assert file.read_bytes().startswith(before), "not another byte"
    limits = load_settings(home).limits
    assert (limits.max_certain, limits.max_reversal, limits.max_step) == (0.41, 0.025, 10)
    assert "max_certain = 0.41  # calibrate 20" in file.read_text(encoding="utf-8")
    written = file.read_bytes()
    again = invoke("--write").exception
    assert isinstance(again, InputError)
    assert "sets already: max_certain, max_reversal" in str(again)
    assert file.read_bytes() == written
    assert invoke("--write", "--replace").exception is None
    assert file.read_bytes() == written


def test_to_replace_without_to_write_is_a_mistake(home: Path) -> None:
    assert isinstance(invoke("--replace").exception, InputError)
    assert not (home / "reports").exists()


def test_the_limits_of_now_are_tried_and_a_refused_variant_ends_with_1(home: Path) -> None:
    before = (home / "config.toml").read_bytes()
    told = invoke("--check", "--json")
    rows = {row["limit"]: row for row in json.loads(told.stdout)}
    # Of EVEN two figures are above .01, and none above 10; all four answers are above .02.
    assert {name: row["refused"] for name, row in rows.items()} == {"max_step": 0, "max_certain": 4, "max_reversal": 2}
    assert isinstance(told.exception, RedError)
    assert "max_certain refuses 4, max_reversal refuses 2 of 12 clean variants" in str(told.exception)
    assert "6 false alarms of 3 limits on 12 clean variants" in told.stderr
    assert (home / "config.toml").read_bytes() == before
    assert isinstance(invoke("--check", "--write").exception, InputError)


def test_another_seed_draws_other_days_and_the_same_seed_the_same(project: Project) -> None:
    drawn = [list(clean_history.draw_variants(project, 4, seed)) for seed in (0, 0, 10**12)]
    draws = [[len(each.test) for each in some] for some in drawn]
    seeds = [[each.spec.seed for each in some] for some in drawn[1:]]
    assert draws[0] == draws[1] != draws[2]
    assert not set(seeds[0]) & set(seeds[1])
    assert max(seeds[1]) < 2**32, "estimators take 32 bits"
