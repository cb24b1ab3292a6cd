import json
from pathlib import Path

import nbformat
import pytest

from mle_standin import exercises
from mle_standin.errors import InputError

HOME = Path(__file__).parents[2]
WEATHER = "select carrier, flight, f.time_hour, temp, wind_speed from flights f"
ASOF = "on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= "
LATE = "avg((arr_delay >= 15)::int) as late_share"
CARRIERS = f"select carrier, name, count(*) as flights, {LATE} from flights join airlines using (carrier)"
CHOSEN = "count(*) filter (arr_delay > 14) / count(arr_delay) as late_share"
COUNTED = f"select carrier, count(*) as flights, {CHOSEN} from flights group by 1"
KNOWN = "select origin, time_hour + interval 1 hour as t, temp, wind_speed from weather"
RIGHT = {
    "q1": [
        f"{CARRIERS} group by carrier, name",
        f"select a.*, f.flights, f.late_share from ({COUNTED}) f join airlines a using (carrier)",
    ],
    "q2": [
        f"{WEATHER} left join weather w using (origin, time_hour)",
        f"{WEATHER} left join weather w on f.origin = w.origin and f.time_hour = w.time_hour",
    ],
    "q3": [
        f"{WEATHER} asof left join weather w {ASOF} w.time_hour + interval 1 hour",
        f"{WEATHER} asof left join ({KNOWN}) w {ASOF} w.t",
    ],
}
WRONG = [
    ("q1", 42, "SQL as text"),
    ("q1", "select carrier, count(*) as flights from flights group by 1", "column 'name'"),
    ("q1", f"{CARRIERS} where arr_delay is not null group by carrier, name", "without an arrival delay"),
    ("q1", f"{CARRIERS} group by carrier, name, origin", "grouped by carrier"),
    ("q1", f"{CARRIERS} group by carrier, name".replace("avg", "sum"), "Is it a count?"),
    ("q1", f"{CARRIERS} group by carrier, name".replace(">= 15", "> 15"), "late is >= 15"),
    ("q1", "select", "stopped with ParserException"),
    ("q2", f"{WEATHER} left join weather w using (time_hour)", "join by origin too"),
    ("q2", f"{WEATHER} join weather w using (origin, time_hour)", "inner join loses"),
    (
        "q2",
        f"{WEATHER} left join weather w on f.origin = w.origin and f.time_hour = w.time_hour + interval 1 hour",
        "own",
    ),
    ("q3", f"{WEATHER} asof left join weather w {ASOF} w.time_hour", "a leak"),
    ("q3", f"{WEATHER} asof left join weather w {ASOF} w.time_hour + interval 2 hour", "not the last full hour"),
    ("q3", f"{WEATHER} left join weather w using (time_hour)", "keeps each of them once"),
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learner's own progress stays as it is."""
    monkeypatch.setenv(exercises.ELSEWHERE, str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


@pytest.mark.parametrize(("question", "answer"), [(q, sql) for q, answers in RIGHT.items() for sql in answers])
def test_a_right_answer_passes(question: str, answer: str) -> None:
    outcome = exercises.check("01", question, answer, HOME)
    assert outcome.passed, outcome


@pytest.mark.parametrize(("question", "answer", "said"), WRONG)
def test_a_wrong_answer_fails_with_the_message_meant_for_it(question: str, answer: object, said: str) -> None:
    outcome = exercises.check("01", question, answer, HOME)
    assert not outcome.passed
    assert said in outcome.message


@pytest.mark.parametrize("question", RIGHT)
def test_a_blank_is_not_answered_yet(question: str, elsewhere: Path) -> None:
    assert exercises.check("01", question, ..., HOME).message == exercises.BLANK
    assert json.loads(elsewhere.read_text())["01"][question]["passed"] is False


def test_an_unknown_question_or_exercise_is_named() -> None:
    with pytest.raises(InputError, match="no question 'q9'"):
        exercises.check("01", "q9", "", HOME)
    with pytest.raises(InputError, match="check_77"):
        exercises.check("77", "q1", "", HOME)


def project(folder: Path, answers: dict[str, str]) -> Path:
    """A project whose exercise 01 is answered so."""
    (folder / "exercises").mkdir(parents=True)
    for path in (HOME / "exercises").glob("*01*"):
        (folder / "exercises" / path.name).write_bytes(path.read_bytes())
    (folder / "data").symlink_to(HOME / "data")
    (folder / "config.toml").write_bytes((HOME / "config.toml").read_bytes())
    (notebook,) = (folder / "exercises").glob("*.ipynb")
    document = nbformat.read(notebook, 4)
    for cell in document.cells:
        question = cell.source.partition(" ")[0]
        cell.source = answers.get(question, cell.source) if "answer" in cell.metadata.get("tags", ()) else cell.source
    nbformat.write(document, notebook)
    return folder


@pytest.mark.slow
def test_the_terminal_gives_the_verdicts_of_the_notebook(tmp_path: Path) -> None:
    answers = {"q1": f'q1 = "{RIGHT["q1"][0]}"', "q2": f'q2 = "{WRONG[7][1]}"'}
    home = project(tmp_path / "some", answers)
    first, second, third = exercises.check_notebook("01", home)
    assert (first.passed, second.passed, third.passed) == (True, False, False)
    assert "join by origin too" in second.message
    assert third.message == exercises.BLANK
    assert exercises.status(home)["01_sql_for_features"] == {"q1": True, "q2": False, "q3": False}


@pytest.mark.slow
def test_an_answer_that_ends_the_kernel_is_told(tmp_path: Path) -> None:
    home = project(tmp_path / "some", {"q2": "import os\nos._exit(3)"})
    outcomes = exercises.check_notebook("01", home)
    assert outcomes[0].message == exercises.BLANK
    assert "the kernel died" in outcomes[1].message
