"""The hidden checks of exercise 06: those that learners see, on data that they cannot see. Never in a project."""

from pathlib import Path

from roadworthy_course import checks

globals().update(checks.on_other_data(Path(__file__).parents[1] / "check_06.py", seeds=(61, 62, 63)))
