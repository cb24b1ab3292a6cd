"""The hidden checks of exercise 01: those that learners see, on data that they cannot see. Never in a project."""

from pathlib import Path

from roadworthy_course import checks

# Not 42: on its nine days even the hour says little (AUC .545), and a right answer to the open question would fail.
globals().update(checks.on_other_data(Path(__file__).parents[1] / "check_01.py", seeds=(43, 44, 45)))
