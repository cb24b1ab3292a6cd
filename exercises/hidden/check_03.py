"""The hidden checks of exercise 03: those that learners see, on data that they cannot see. Never in a project."""

from pathlib import Path

from roadworthy_course import checks

globals().update(checks.on_other_data(Path(__file__).parents[1] / "check_03.py", seeds=(51, 52, 53)))
