import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from capstones import ALARM, METRICS, SALES, TESTS, answered, change, complete, replace, snapshot, write
from roadworthy.base.errors import InputError, RedError
from roadworthy_course import capstone, here, rubric
from roadworthy_course.exercise_commands import exercise
from roadworthy_course.project import NOTE
from sample import HOME

RUBRIC = here.questions(HOME) / rubric.FILE
CONTRACT = Path("src", "shop", "contract.py")
VERSION = Path("registry", "versions", "1")
MONITORED = Path("reports", "monitoring", "index.json")
CHECKED = Path("reports", "data", "year", "index.json")
DECISION = Path("registry", "decisions", "0001")
TESTED = Path("reports", "tests.xml")
Damage = Callable[[Path], object]


def edited(path: Path, old: str, new: str) -> Damage:
    """A text replaced in a file of the project."""
    return lambda home: replace(home / path, old, new)


def changed(path: Path, **values: object) -> Damage:
    """Values changed in a JSON file of the project."""
    return lambda home: change(home / path, **values)


def removed(path: Path) -> Damage:
    """A file or folder of the project removed."""

    def remove(home: Path) -> None:
        shutil.rmtree(home / path) if (home / path).is_dir() else (home / path).unlink()

    return remove


def periods(train_end: str) -> Damage:
    """A version that has learned until that day."""

    def damage(home: Path) -> None:
        file = home / VERSION / "manifest.json"
        lineage = json.loads(file.read_text(encoding="utf-8"))["lineage"]
        lineage["periods"]["train"][1] = train_end
        change(file, lineage=lineage)

    return damage


def metrics(**values: float) -> Damage:
    """Other metrics of the version; sums are not what is asked here."""
    return lambda home: write(home / VERSION / "metrics.json", json.dumps({**METRICS, **values}))


def column_more(home: Path) -> None:
    """A column that the contract does not know; sealed again."""
    snapshot(home, SALES.append_column("colour", pa.array(["red", "blue"])))


def column_less(home: Path) -> None:
    """A column that the snapshot does not have; sealed again."""
    snapshot(home, SALES.drop_columns(["price"]))


def log(count: int, labels: int) -> Damage:
    """Another prediction log."""

    def damage(home: Path) -> None:
        (home / "monitoring" / "predictions.db").unlink()
        answered(home, count, labels)

    return damage


# The item that must be red, what is damaged, and words of its evidence. Other items may be red with it.
PLANTED: list[tuple[str, Damage, str]] = [
    ("own_contract", edited(CONTRACT, '"shelf", kind', '"carrier", kind'), "1 of 3 features"),
    ("every_column", column_more, "not in the contract: sales.colour"),
    ("every_column", column_less, "not in the snapshot: sales.price"),
    ("limits", edited(CONTRACT, "low=0, high=1000", "low=0"), "sales.price"),
    ("limits", edited(CONTRACT, ', pattern="^[0-9]+$"', ""), "features.sale"),
    ("limits", edited(CONTRACT, 'about="on the label"', 'about=""'), "sales.price"),
    ("known_at", edited(CONTRACT, ', known_at="at + interval 14 day"', ""), "but since when? sales.back"),
    ("known_at", edited(CONTRACT, 'weeks", known="after"', 'weeks"'), "'returned', the label, is said to be"),
    ("known_at", edited(CONTRACT, 'known_at="known_at"', 'known_at=""'), "known_at is empty"),
    ("known_at", edited(CONTRACT, ', known="after", known_at="at + interval 14 day"', ""), "where does the label"),
    ("sealed", edited(Path("data", "year", "SHA256SUMS"), "sales.parquet", "other.parquet"), "sales.parquet"),
    ("data_checked", removed(CHECKED), "was not written yet"),
    ("data_checked", changed(CHECKED, contract="another"), "the contract has changed"),
    ("data_checked", changed(CHECKED, passed=False), "red"),
    ("trained", removed(VERSION), "there is no version"),
    ("trained", column_more, "not made of year as it is now"),
    ("trained", edited(CONTRACT, "high=1000", "high=2000"), "made by another contract"),
    ("split_in_time", periods("2024-08-01"), "train 2024-01-01 to 2024-08-01, test 2024-07-01"),
    ("better_than_guessing", metrics(auc_low=0.49), "[0.490"),
    ("better_than_guessing", metrics(brier_high=0.17), "0.1700"),
    ("better_than_guessing", metrics(days=9), "fewer than 14 days"),
    ("all_gates", removed(Path("registry", "judged")), "28 of 28 gates"),
    (
        "all_gates",
        edited(NOTE, "Model 5", "Model 55"),
        "not explained in the note under 'Red gates and alarms': Model 5",
    ),
    ("drilled", edited(Path("reports", "scorecard", "drills.json"), '"caught": 1', '"caught": 0'), "none of 1"),
    ("drilled", removed(Path("reports", "scorecard")), "was not written yet"),
    ("golden", edited(VERSION / "golden.json", '"probability": 0.', '"probability": 0.9'), "golden.json"),
    ("asked", removed(Path("monitoring")), "nobody has asked"),
    ("asked", log(99, 30), "99 predictions"),
    ("asked", log(120, 0), "0 labels"),
    ("monitored", edited(NOTE, "nulls", "zeros"), "nulls"),
    ("monitored", changed(MONITORED, verdicts=[{**ALARM, "passed": None}]), "none of 1 monitors could judge"),
    ("decided", edited(DECISION / "decision.json", "all_gates", "tests_only"), "was judged by tests_only"),
    ("decided", edited(DECISION / "decision.json", '"decided"', '"stopped"'), "nothing was decided yet"),
    ("model_card", removed(DECISION / "card.json"), "was not written yet"),
    ("model_card", changed(DECISION / "card.json", version=7), "of version 7"),
    ("tests_passed", removed(TESTED), "pytest --junitxml"),
    ("tests_passed", edited(TESTED, 'failures="0"', 'failures="2"'), "2 failed"),
    ("tests_passed", edited(TESTED, 'tests="12"', 'tests="1"'), "1 tests"),
    ("tests_passed", edited(TESTED, TESTS, "<broken"), "ParseError"),
    ("note_filled_in", edited(NOTE, "It is said", "FILL IN: It is said"), "still to fill in: The question"),
    ("note_filled_in", edited(NOTE, "## The question", "## Empty\n\n## The question"), "fewer than 15 words: Empty"),
    ("own_readme", edited(Path("README.md"), "Which sale", "Whether a flight\nfrom New York"), "still says"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    return complete(tmp_path_factory.mktemp("capstone") / "shop", small_files)


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "shop"))


def judge(home: Path) -> dict[str, rubric.Judged]:
    return {judged.item.check: judged for judged in rubric.judge(home, rubric.load(RUBRIC)) if judged.item.check}


def test_a_complete_project_has_every_automatic_item(whole: Path) -> None:
    assert {name: judged.evidence for name, judged in judge(whole).items() if not judged.passed} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "damage", "words"), PLANTED, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(PLANTED)])
def test_an_item_is_red_when_it_is_missing_and_green_again(
    name: str, damage: Damage, words: str, home: Path, whole: Path
) -> None:
    check = partial(rubric.judge, items=[item for item in rubric.load(RUBRIC) if item.check == name])
    damage(home)
    (red,) = check(home)
    assert red.passed is False
    assert words in red.evidence
    assert (red.points, red.item.to_do in "\n".join(red.lines)) == (0, True)
    shutil.rmtree(home)
    shutil.copytree(whole, home)
    (green,) = check(home)
    assert green.passed
    assert green.points == green.item.points


def test_every_automatic_item_has_a_fault_that_is_planted() -> None:
    named = [item.check for item in rubric.load(RUBRIC) if item.check]
    assert sorted(named) == sorted(capstone.CHECKS)
    assert {name for name, _, _ in PLANTED} == set(named)


def test_the_points_are_a_hundred_as_the_text_says() -> None:
    items = rubric.load(RUBRIC)
    automatic = sum(item.points for item in items if item.check)
    assert sum(item.points for item in items) == 100
    text = (HOME / "docs" / "capstone.md").read_text(encoding="utf-8")
    assert f"100 points, of which {automatic} are automatic" in text


def test_a_note_that_says_why_there_is_no_drill_is_enough(home: Path) -> None:
    removed(Path("reports", "scorecard"))(home)
    replace(home / NOTE, "nulls ring", "nulls ring; a drill needs green gates")
    assert judge(home)["drilled"].passed


def test_a_contract_that_cannot_be_imported_is_told_and_the_other_items_are_judged(home: Path) -> None:
    write(home / CONTRACT, "1 / 0")
    judged = judge(home)
    assert "ZeroDivisionError" in judged["limits"].evidence
    assert str(home) not in judged["limits"].evidence
    assert judged["golden"].passed


def test_the_command_judges_another_folder_and_is_red_until_it_is_complete(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_HOME", str(HOME))
    done = CliRunner().invoke(exercise, ["capstone", str(home)])
    assert done.exit_code == 0, done.output
    assert "by hand   ? of 6" in done.output
    removed(TESTED)(home)
    red = CliRunner().invoke(exercise, ["capstone", str(home), "--json"])
    assert isinstance(red.exception, RedError)
    said = {each["name"]: each for each in json.loads(red.stdout)}
    assert (said["tests"]["points"], said["tests"]["of"], said["question"]["points"]) == (0, 4, None)


def test_a_folder_that_is_no_project_and_a_rubric_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no project"):
        rubric.judge(tmp_path, [])
    write(tmp_path / "a.toml", RUBRIC.read_text(encoding="utf-8").replace('check = "sealed"', 'check = "sealt"'))
    with pytest.raises(InputError, match="no check 'sealt'"):
        rubric.load(tmp_path / "a.toml")
    write(tmp_path / "b.toml", "[[item]]\nname = 'x'\n")
    with pytest.raises(InputError, match="is no rubric"):
        rubric.load(tmp_path / "b.toml")
