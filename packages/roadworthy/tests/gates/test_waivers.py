"""A waiver lets a version pass until its day and hides nothing: neither green nor red, and no drill sees it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from roadworthy.base import errors, settings
from roadworthy.base.errors import InputError, RedError, Verdict
from roadworthy.base.settings import Waiver
from roadworthy.cli import gates as commands
from roadworthy.drills import board, practice
from roadworthy.drills.faults import Fault
from roadworthy.gates import run, scorecard
from roadworthy.gates.bench import Bench
from roadworthy.gates.run import GATES, Judged
from roadworthy.project import Project
from roadworthy.registry.registry import Registry
from roadworthy.registry.releases import stage_copy
from roadworthy.retraining import decisions
from sample import HOME

TODAY = datetime.now(UTC).date()
TOMORROW = str(TODAY + timedelta(days=1))
WAIVED = {"reason": "asked until spring", "by": "Ada", "until": TOMORROW}
ENDED = {**WAIVED, "until": str(TODAY)}
RED = Verdict("Data 5", passed=False, evidence="as measured")
GREEN = Verdict("Data 1", passed=True, evidence="as measured")


def judged(passed: bool | None, gate: str = "Data 5") -> Judged:  # noqa: FBT001
    return Judged(gate, "claim", passed, "as measured", 0.5)


@pytest.mark.parametrize("passed", [False, None])
def test_what_is_not_green_is_waived_until_the_day_and_counts_again_from_it_on(passed: bool | None) -> None:  # noqa: FBT001
    verdict = replace(RED, passed=passed, waived={**WAIVED, "until": "2027-03-01"})
    assert errors.verdict_word(verdict, date(2027, 2, 28)) == "waived"
    assert errors.verdict_word(verdict, date(2027, 3, 1)) == ("red" if passed is False else "not judged")
    before, after = (errors.verdict_evidence(verdict, date(2027, *day)) for day in ((2, 28), (3, 1)))
    assert before == "as measured; waived until 2027-03-01 by Ada: asked until spring"
    assert after == "as measured; its waiver ended on 2027-03-01"
    assert errors.verdict_word(replace(verdict, passed=True), date(2027, 2, 28)) == "green"


@given(until=st.dates(), today=st.dates(), passed=st.sampled_from([True, False, None]))
def test_a_waiver_never_makes_green_and_never_outlives_its_day(
    until: date, today: date, *, passed: bool | None
) -> None:
    verdict = replace(RED, passed=passed, waived={**WAIVED, "until": str(until)})
    plain = {True: "green", False: "red", None: "not judged"}[passed]
    assert errors.verdict_word(verdict, today) == ("waived" if not passed and today < until else plain)


def test_waived_ones_are_counted_apart_and_shown_with_their_reason() -> None:
    verdicts = [GREEN, GREEN, replace(RED, waived=WAIVED), RED, replace(RED, passed=None)]
    assert errors.count_verdicts(verdicts) == "2 green, 1 waived, 1 red, 1 not judged"
    shown = errors.verdict_table(verdicts).set_index("verdict")["evidence"]
    assert shown["waived"] == f"as measured; waived until {TOMORROW} by Ada: asked until spring"
    with pytest.raises(RedError) as red:
        errors.require_green(verdicts)
    assert str(red.value).count("Data 5") == 2
    errors.require_green(verdicts[:3])


def test_verdicts_of_older_versions_are_read_and_unwaived_ones_are_written_as_before(tmp_path: Path) -> None:
    old = '[\n {\n  "gate": "Data 5",\n  "passed": false,\n  "evidence": "as measured"\n }\n]'
    (tmp_path / "gates.json").write_text(old)
    assert errors.load_verdicts(tmp_path / "gates.json") == [RED]
    assert errors.dump_verdicts([RED]) == old, "the content of a bundle gives it its number"
    (tmp_path / "gates.json").write_text(errors.dump_verdicts([replace(RED, waived=WAIVED)]))
    assert errors.load_verdicts(tmp_path / "gates.json") == [replace(RED, waived=WAIVED)]


def test_a_waiver_is_given_by_the_settings_and_what_it_does_not_do_is_said() -> None:
    waivers = {"Data 5": Waiver.model_validate(WAIVED), "Data 1": Waiver.model_validate(ENDED)}
    given = run.with_waiver(judged(passed=False), waivers)
    assert (given.passed, given.evidence, given.waived) == (False, "as measured", WAIVED)
    assert given.to_dict()["waived"] == given.verdict.waived == WAIVED
    needless = run.with_waiver(judged(passed=True), waivers)
    assert (needless.waived, needless.evidence) == (None, "as measured; its waiver is not needed")
    ended = run.with_waiver(judged(passed=False, gate="Data 1"), waivers)
    assert (ended.waived, ended.evidence) == (None, f"as measured; its waiver ended on {TODAY}")
    other = judged(passed=False, gate="Data 2")
    assert run.with_waiver(other, waivers) is other


def test_all_gates_and_a_single_one_are_judged_with_the_waivers(
    project: Project, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, waivers = project.settings, {"Data 5": Waiver.model_validate(WAIVED)}
    changes = {"gates": config.gates.model_copy(update={"waived": waivers})}
    changes["paths"] = config.paths.model_copy(update={"registry": registry})  # type: ignore[assignment]
    own = project.using(config.model_copy(update=changes))
    monkeypatch.setattr(run, "judge_gate", lambda gate, _: judged(passed=gate.name != "Data 5", gate=gate.name))
    bench = Bench(own, 1)
    assert [each.gate for each in run.run_gates(bench) if each.waived] == ["Data 5"]
    assert run.judge_named("Data 5", bench).waived == WAIVED


def test_a_waiver_costs_no_cached_verdict(project: Project, registry: Path, tmp_path: Path) -> None:
    config, asked = project.settings, []
    paths = config.paths.model_copy(update={"registry": registry})
    for waived in ({}, {"Data 5": Waiver.model_validate(WAIVED)}):
        gates = config.gates.model_copy(update={"waived": waived})
        bench = Bench(project.using(config.model_copy(update={"paths": paths, "gates": gates})), 1)
        lock = next(gate for gate in GATES if gate.name == "Data 7")
        run.CachedVerdicts(tmp_path / "cache", bench).verdict(lock, lambda: asked.append(1) or judged(passed=True))  # type: ignore[func-returns-value]
    assert len(asked) == 1


@pytest.mark.parametrize("waived", [WAIVED, ENDED, None])
def test_the_command_ends_well_only_while_the_waiver_holds(
    project: Project, registry: Path, monkeypatch: pytest.MonkeyPatch, waived: dict[str, str] | None
) -> None:
    own = project.using(
        project.settings.model_copy(update={"paths": project.settings.paths.model_copy(update={"registry": registry})})
    )
    said = [replace(judged(passed=False), waived=waived), judged(passed=True, gate="Data 1")]
    monkeypatch.setattr(run, "run_gates", lambda *_, **__: said)
    if waived == WAIVED:
        commands.judge_and_record(own, "1", as_json=True)
    else:
        with pytest.raises(RedError, match="Data 5: as measured"):
            commands.judge_and_record(own, "1", as_json=True)
    assert Registry(registry).judged(1)[0].waived == waived


def test_a_promotion_looks_at_the_day_on_which_it_is_made(small_bundle: Path, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "other")
    number = stage_copy(small_bundle, registry)
    registry.judge(number, [GREEN, replace(RED, waived=ENDED)])
    with pytest.raises(RedError, match=f"Data 5: as measured; its waiver ended on {TODAY}"):
        registry.promote(number)
    registry.judge(number, [GREEN, replace(RED, waived=WAIVED)])
    assert registry.promote(number, reason="for the spring") == number
    reason = f"for the spring; Data 5 waived until {TOMORROW} by Ada: asked until spring"
    assert registry.history()[-1]["reason"] == reason


def test_a_challenger_passes_while_the_waiver_holds_and_a_replay_asks_about_its_own_day() -> None:
    better = Verdict("better than the champion", passed=True, evidence="by far")
    verdicts = [better, replace(RED, waived=ENDED)]
    assert decisions.rule_on_challenger([better, replace(RED, waived=WAIVED)]) == (
        True,
        "better than the champion: by far",
    )
    assert decisions.rule_on_challenger(verdicts)[0] is False
    assert decisions.rule_on_challenger(verdicts, TODAY - timedelta(days=1))[0] is True


def test_a_waived_gate_is_no_point_and_neither_good_nor_bad_on_the_scorecard(tmp_path: Path) -> None:
    faults = [Fault(name=gate.name, gate=gate.name, story="how") for gate in GATES]

    def card(**other: Any) -> tuple[scorecard.Scorecard, str]:
        said = [replace(judged(passed=True, gate=gate.name), **other.get(gate.name[:4], {})) for gate in GATES]
        made = scorecard.make_scorecard(3, said, faults, HOME, tmp_path / "drills.json")
        page = scorecard.write_scorecard(made, tmp_path / "index.html", HOME, "flights").read_text(encoding="utf-8")
        return made, page

    made, page = card(Data={"passed": False, "waived": WAIVED})
    told = made.to_dict()
    assert (told["score"], told["green"], told["waived"], told["automated"]) == (0, 21, 7, 21)
    assert "21 of 28 gates are green, 7 waived." in page
    assert "as measured; waived until" in page
    assert page.count('class="badge waived"') == 9, "seven gates, their section, the page"
    assert 'class="badge bad"' not in page
    made, page = card(Data={"passed": False, "waived": WAIVED}, Mode={"passed": False})
    assert made.counts == "14 of 28 gates are green, 7 waived, 7 red"
    assert page.count('class="badge bad"') == 9


@pytest.fixture
def ground(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[practice.ProjectCopy]:
    """A copy in which Data 5 is red and waived before a fault is planted."""
    copy = practice.copy_project(project, tmp_path / "ground")
    said = [
        {"gate": "Data 5", "passed": False, "evidence": "why", "waived": WAIVED},
        {"gate": "Model 3", "passed": True, "evidence": "why", "waived": None},
    ]

    def run_there(self: practice.ProjectCopy, *words: str, **_: str) -> "subprocess.CompletedProcess[str]":
        red = "max_iter = 3 " in (self.home / "config.toml").read_text()
        told = [said[0], {**said[1], "passed": not red, "waived": WAIVED if red else None}]
        return subprocess.CompletedProcess(words, 0, json.dumps(told), "")

    monkeypatch.setattr(practice.ProjectCopy, "run", run_there)
    monkeypatch.setattr(board, "prepare_practice", lambda *_: copy)
    monkeypatch.setattr(board, "copy_project", lambda _, target: practice.fresh_copy(copy, target))
    monkeypatch.setattr(board, "train_twice", lambda *_: None)
    yield copy
    shutil.rmtree(copy.home)


def test_a_gate_that_is_waived_has_caught_only_what_it_was_green_without(
    project: Project, ground: practice.ProjectCopy
) -> None:
    assert ground.home.is_dir()
    untuned = {"story": "s", "setting": {"model.max_iter": 3}}
    faults = [Fault(name=gate, gate=gate, **untuned) for gate in ("Data 5", "Model 3")]  # type: ignore[arg-type]
    already, caught = board.run_drills(project, faults)
    assert (already.caught, already.red) == (False, ("Model 3",)), "it was red without the fault"
    assert (caught.caught, caught.red) == (True, ("Model 3",)), "drills judge without waivers"


def test_a_waived_gate_is_no_false_alarm(ground: practice.ProjectCopy) -> None:
    (ground.home / "drills" / "clean.toml").write_text('draw = []\n[[clean]]\nname = "one"\n')
    own = Project(ground.home, ground.origin.settings, ground.origin.definition)
    (one,) = board.run_clean_variants(own, 1)
    assert (one.alarms, one.not_judged) == ({}, {})


@given(st.dates())
def test_the_day_of_a_waiver_is_read_as_it_is_written(day: date) -> None:
    for written in (day, str(day)):
        assert Waiver.model_validate({**WAIVED, "until": written}).until == day


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.datetimes(), st.text(" 0123456789-:TZ", max_size=19)))
def test_no_other_value_becomes_a_day_that_nobody_wrote(value: object) -> None:
    try:
        day = Waiver.model_validate({**WAIVED, "until": value}).until
    except ValidationError:
        return
    year = str(day.year).zfill(4)
    assert str(value).startswith(year), "never seconds since 1970"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('reason = " "\nby = "Ada"\nuntil = 2099-01-01', r'\[gates.waived."Data 5"\] reason: .* at least 1 character'),
        ('reason = "why"\nby = ""\nuntil = 2099-01-01', r'\[gates.waived."Data 5"\] by: .* at least 1 character'),
        ('reason = "why"\nby = "Ada"', r'\[gates.waived."Data 5"\] until: Field required'),
        ('reason = "why"\nby = "Ada"\nuntil = "spring"', r'\[gates.waived."Data 5"\] until: .*spring'),
        ('reason = "why"\nby = "Ada"\nuntil = 2027030100', r'\[gates.waived."Data 5"\] until: .*2027030100'),
        ('reason = "why"\nby = "Ada"\nuntil = 2099-01-01\nfor = "x"', r'\[gates.waived."Data 5"\] for: Extra'),
    ],
)
def test_a_waiver_without_reason_name_or_day_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    text = (HOME / "config.toml").read_text(encoding="utf-8")
    (tmp_path / "config.toml").write_text(f'{text}\n[gates.waived."Data 5"]\n{lines}\n', encoding="utf-8")
    with pytest.raises(InputError, match=words):
        settings.load_settings(tmp_path)


def test_a_waiver_of_no_gate_is_refused_with_the_names_there_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GATES__WAIVED", '{ "Data 8" = { reason = "why", by = "Ada", until = 2099-01-01 } }')
    with pytest.raises(InputError, match=r"waived\]: no gate is called 'Data 8'\n  there are: Data 1, .*Monitoring 7"):
        Project.open(HOME)
    own = next(iter([*project.definition.gates, "Monitoring 7"]))
    monkeypatch.setenv("MLE_GATES__WAIVED", f'{{ "{own}" = {{ reason = " why ", by = "Ada", until = 2099-01-01 }} }}')
    assert Project.open(HOME).settings.gates.waived[own].reason == "why"


def test_a_new_project_has_no_waiver(config: settings.Settings) -> None:
    assert (config.gates.waived, config.gates.no_private_columns) == ({}, "")
