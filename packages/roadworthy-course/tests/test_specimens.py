import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from roadworthy.project import Project
from roadworthy_course import faulty, specimens, suspects
from roadworthy_course.checks import Fault
from roadworthy_course.specimens import Floats, Model
from roadworthy_course.trials import Trial

SEEDS = (1, 2)
STORM = {"hour": 20, "wind_speed": 30.0, "precip": 0.5, "visib": 1.0, "origin_delay": 60.0}
BY_TABLE = {"fills in place", "adds a column"}  # what they answer is right
BY_TIME = {"random", "warming up"}


def asked(model: Model, rows: pd.DataFrame) -> Floats:
    return np.array(model(rows.copy()), dtype=float)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", specimens.SOUND)
def test_a_sound_model_gives_probabilities_that_rise_with_bad_weather_and_with_nothing_else(
    name: str, seed: int, project: Project
) -> None:
    model, rows = specimens.sound(seed)[name].model(), specimens.rows(project, seed)
    p = asked(model, rows)
    assert p.shape == (150,)
    assert 0 <= p.min() < p.max() <= 1
    for column, low, high in (("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)):
        rise = asked(model, rows.assign(**{column: high})).mean() - asked(model, rows.assign(**{column: low})).mean()
        assert rise > 0.02, column
    for column in ("flight_id", "tailnum", "dep_delay", "origin"):
        assert np.array_equal(p, asked(model, rows.assign(**{column: rows[column].to_numpy()[::-1]}))), column
    backwards = asked(model, rows.iloc[::-1].reset_index(drop=True))[::-1]
    alone = [asked(model, rows.iloc[[at]])[0] for at in range(20)]
    np.testing.assert_allclose(backwards, p, rtol=0, atol=5e-7)
    np.testing.assert_allclose(alone, p[:20], rtol=0, atol=5e-7)
    missing = asked(model, rows.assign(**dict.fromkeys(specimens.NULLABLE, np.nan), carrier="ZZ"))
    assert np.isfinite(missing).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_planted_fault_shows_in_some_table(seed: int, project: Project) -> None:
    rows = specimens.rows(project, seed)
    missing = dict.fromkeys(specimens.NULLABLE, np.nan)
    tables = [rows, rows.assign(**STORM), rows.iloc[::-1], rows.assign(**missing), rows.assign(carrier="ZZ")]
    for name, each in faulty.faulty(seed).items():
        assert each.twin is not None
        twin, model = each.twin.model(), each.model()
        answers = [(asked(twin, table), asked(model, table)) for table in tables]
        off = [a.shape != b.shape or not np.allclose(a, b, rtol=0, atol=1e-3) for a, b in answers]
        assert any(off) != (name in BY_TABLE), name
        assert name in BY_TIME or np.array_equal(asked(model, rows), answers[0][1], equal_nan=True), name


@pytest.mark.parametrize("name", sorted(BY_TABLE))
def test_a_model_that_changes_its_table_does_so(name: str, project: Project) -> None:
    rows = specimens.rows(project, 1)
    handed = rows.copy()
    faulty.faulty(1, [name])[name].model()(handed)
    assert not handed.equals(rows)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["wavy", "capped"])
def test_outcomes_are_what_the_sound_model_says_up_to_chance(name: str, seed: int, project: Project) -> None:
    late, rows = specimens.outcomes(project, name, seed, 1000), specimens.rows(project, seed, 1000)
    p = pd.Series(asked(specimens.sound(seed)[name].model(), rows), index=rows.index)
    for at in rows.groupby("carrier").groups.values():
        assert abs((late[at] - p[at]).sum()) <= 1.6 * np.sqrt((p[at] * (1 - p[at])).sum())
    assert roc_auc_score(late, p) > 0.58


@pytest.mark.parametrize("seed", SEEDS)
def test_only_guilty_features_are_late_or_too_good(seed: int, project: Project) -> None:
    given = suspects.features(project, seed)
    assert len(given.guilty) == 4
    for name in given.table:
        auc = 0.5
        if pd.api.types.is_numeric_dtype(given.table[name]):
            there = given.table[name].dropna()
            auc = roc_auc_score(given.late[there.index], there)
        suspicious = bool((given.known[name] > given.asked).any()) or not 0.23 < auc < 0.77
        assert suspicious == (name in given.guilty), (name, auc)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", suspects.STORIES)
def test_only_the_bad_slice_is_beyond_chance_and_tolerance(seed: int, fault: str, project: Project) -> None:
    given = suspects.slices(project, seed, fault)
    found = {}
    for carrier, flights in given.answers.groupby("carrier"):
        late, said = int(flights["late"].sum()), float(flights["p"].mean())
        found[carrier] = binomtest(late, len(flights), said).pvalue
        if abs(flights["late"].mean() - said) <= suspects.TOLERANCE:
            found[carrier] = 1.0
    bad = [carrier for carrier, chance in found.items() if chance < 0.01]
    assert bad == [given.bad] if fault else bad == []
    assert not fault or found[given.bad] < 1e-5


def test_a_model_is_not_asked_without_end(project: Project) -> None:
    model, rows = specimens.sound(1)["additive"].model(), specimens.rows(project, 1).head(2)
    for _ in range(specimens.CALLS):
        model(rows)
    with pytest.raises(Fault, match="at most 100 questions"):
        model(rows)


def test_a_trial_takes_returned_and_raised_verdicts_alike(project: Project) -> None:
    def returned(model: Model, rows: pd.DataFrame) -> bool:
        return bool(np.max(model(rows)) <= 1)

    def raised(model: Model, rows: pd.DataFrame) -> None:
        assert np.max(model(rows)) <= 1

    def stopped(model: Model, rows: pd.DataFrame) -> bool:
        return np.max(model(rows)) <= 1 or bool(1 / 0)

    for test in (returned, raised, stopped):
        tried = Trial(project, 1, test)
        tried.quiet()
        tried.catches(["percent"], "")
        with pytest.raises(Fault, match="red on the faulty model 'no wind'"):
            tried.catches(["no wind"], "")


def test_a_trial_gives_no_point_for_a_test_that_is_always_red(project: Project) -> None:
    with pytest.raises(Fault, match="green on the sound model"):
        Trial(project, 1, lambda _model, _rows: False).catches(["percent"], "")


def test_a_trial_sees_that_a_test_changes_its_rows(project: Project) -> None:
    def changing(model: Model, rows: pd.DataFrame) -> bool:
        rows["wind_speed"] = 5.0
        return len(np.asarray(model(rows))) == len(rows)

    with pytest.raises(Fault, match="unchanged"):
        Trial(project, 1, changing).leaves_rows()
