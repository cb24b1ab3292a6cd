"""The library has no word of the flights, which are one domain of many."""

import re
from pathlib import Path

import pytest

import roadworthy

LIBRARY = Path(roadworthy.__file__).parent
FILES = sorted(file for kind in ("py", "sql", "html", "css", "js") for file in LIBRARY.rglob(f"*.{kind}"))
# Columns of its contract that mean something there only.
COLUMNS = (
    "tailnum|carriers?|dest|dep_time|sched_dep_time|dep_delay|arr_time|sched_arr_time|arr_delay|air_time|time_hour",
    "dewp|humid|wind_dir|wind_speed|wind_gust|precip|visib|plane_age|manufacturer|flight_id|minute_of_day|day_of_year",
    "origin_delay|faa|tzone",
)
WORDS = "flights?|airlines?|airports?|planes?|nycflights[0-9]*|EWR|JFK|LGA|New York|Newark"
FOUND = re.compile(rf"\b({'|'.join([*COLUMNS, WORDS])})\b|[\"']origin[\"']", re.IGNORECASE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(LIBRARY).as_posix())
def test_no_file_of_the_library_has_a_word_of_the_flights(file: Path) -> None:
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    assert [(number, line) for number, line in lines if FOUND.search(line)] == []
