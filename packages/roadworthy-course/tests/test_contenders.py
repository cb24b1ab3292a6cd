from pathlib import Path

import pytest

from roadworthy.base import files
from roadworthy.model import evaluation
from roadworthy.project import Project
from roadworthy_course import contenders, interrupted, notes, releases

FACTS = {  # kind: whether the interval of the difference lies above 0, and below it
    "better": (True, False),
    "equal": (False, False),
    "worse": (False, True),
    "slice": (True, False),
    "two days": (False, False),
}


@pytest.mark.parametrize("kind", contenders.KINDS)
def test_the_library_finds_of_each_challenger_what_is_known_of_it(kind: str, project: Project) -> None:
    found = contenders.meeting(project, 0, kind)
    rows = found.judged
    said = evaluation.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    assert (said.brier_low > 0, said.brier_high < 0) == FACTS[kind]
    worse = set()
    for name, part in rows.groupby("carrier"):
        of = evaluation.compare(part["late"], part["champion"], part["challenger"], part["day"])
        worse |= {name} if of.brier_high < 0 else set()
    assert found.slice in worse if kind == "slice" else kind != "better" or not worse
    assert rows["day"].min() > found.learned_until
    assert rows["day"].nunique() == contenders.NEW


def test_the_label_of_a_flight_is_known_after_it_has_left_or_never(project: Project) -> None:
    rows = contenders.days_of(project, 3, 10)
    assert rows["id"].is_unique
    assert rows["day"].nunique() == 10
    assert (rows["known"].isna() == rows["late"].isna()).all()
    assert (rows["known"] > rows["scheduled"])[rows["known"].notna()].all()


@pytest.mark.parametrize("case", releases.CASES, ids=lambda case: case.story)
def test_every_story_of_weeks_is_decided_by_the_column_it_names(case: releases.Case) -> None:
    weeks = releases.weeks(4, case)
    newest = weeks.iloc[-1]
    holds = {
        "data_quality": newest["data_quality"],
        "new_days": newest["new_days"] < 28,
        "performance": weeks["performance"].iloc[-2:].all(),
        "age": newest["age"] > 180,
        "nothing": True,
    }
    assert next(name for name, fits in holds.items() if fits) == case.reason


def test_the_steps_of_a_write_are_seen_however_it_is_done(tmp_path: Path) -> None:
    place = tmp_path / "state"
    for write in (lambda: place.write_text("new"), lambda: place.open("ab").close()):
        assert [(step.event, step.path.name) for step in interrupted.steps(write, tmp_path)] == [("open", "state")]
    last = interrupted.steps(lambda: files.write_atomic(place, "new"), tmp_path)
    renamed = [step for step in last if step.path == tmp_path.resolve() / "state"]
    assert [step.event for step in renamed] == ["os.rename"]
    assert not interrupted.steps(place.read_text, tmp_path)


def test_a_process_killed_at_a_step_does_nothing_afterwards(tmp_path: Path) -> None:
    place, beside = tmp_path / "state", tmp_path / "beside"
    place.write_text("old")

    def action() -> None:
        try:
            beside.write_text("new")
            beside.replace(place)
        finally:
            place.write_text("")

    interrupted.killed(action, tmp_path, 1)
    assert (place.read_text(), beside.read_text()) == ("old", "new")
    action()
    assert place.read_text() == "", "nobody is watched any more"


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("it is better", True),
        ("no difference beyond chance", False),
        ("neither better nor worse", False),
        ("The difference is not in doubt. It is better", True),
        ("nothing changes, but it is better", True),
        ("an improved score", True),
    ],
)
def test_a_claim_counts_unless_it_is_denied_in_its_sentence(text: str, *, claimed: bool) -> None:
    assert notes.claims(text, notes.BETTER) == claimed


def test_the_numbers_of_a_note_are_read_with_their_signs() -> None:
    assert notes.numbers("version 12: \N{MINUS SIGN}0.0031 [+0.5, -2] on 2023-05-01, at 10:30") == [
        12,
        -0.0031,
        0.5,
        -2,
    ]
    assert notes.missing("from -0.00310 to 0.5000:", [-0.0031, 0.5]) == ["-0.0031"]
    assert notes.lines("**Risk:** a few\n- Way back: none") == {"Risk": "a few", "Way back": "none"}
