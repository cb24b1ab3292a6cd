"""The hidden checks of exercise 08: those that learners see, on data that they cannot see. Never in a project."""

from pathlib import Path

from roadworthy_course import checks

globals().update(checks.on_other_data(Path(__file__).parents[1] / "check_08.py", seeds=(71, 72)))
