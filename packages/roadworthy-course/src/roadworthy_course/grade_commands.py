"""The command for the instructor: grade the submissions of a cohort."""

import os
from pathlib import Path

import click


@click.command()
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--csv", "table", required=True, type=click.Path(path_type=Path), help="Where the points go.")
@click.option("--exercise", "number", default="", metavar="NN", help="Which one; what the notebooks say without it.")
@click.option("--hidden", type=click.Path(path_type=Path), metavar="FOLDER", help="Grade by check_NN.py in there.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FOLDER", help="Where pages and results go.")
@click.option("--jobs", type=click.IntRange(1, 64), default=os.cpu_count() or 1, help="Submissions at a time.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=10, show_default=True, help="For an answer.")
@click.option("--resume/--no-resume", default=True, show_default=True, help="Keep what is graded and unchanged.")
@click.option("--trusted", is_flag=True, help="Without a sandbox: limits of time and memory, but no walls.")
def grade(  # noqa: PLR0917
    submissions: Path,
    table: Path,
    number: str,
    hidden: Path | None,
    report: Path | None,
    jobs: int,
    seconds: float,
    *,
    resume: bool,
    trusted: bool,
) -> None:
    """Grade the notebooks in SUBMISSIONS (name.ipynb, or name/NN_….ipynb for each learner), question by question.

    Each is run in a sandbox, in the clean notebook with its answers. Writes the points as CSV, a page for each learner
    and one for the cohort.
    """
    from roadworthy.base.files import write_atomic
    from roadworthy.base.progress import Display

    from . import here
    from .grading import cohort_page, record, sandbox
    from .grading import grade as grading
    from .grading import submissions as handed_in

    home = here.folder()
    config = here.settings(home)
    number = number or handed_in.exercise_of(submissions)
    folder = report or config.paths.reports / "grading" / number
    kept_out = tuple(path.resolve() for path in (submissions, hidden, folder, table) if path)
    data = tuple(snapshot.folder.resolve() for snapshot in config.data.snapshots.values())
    walls = sandbox.Walls(home, readable=data, hidden=kept_out, trusted=trusted)
    limits = sandbox.Limits(seconds=seconds)
    sandbox.check(walls)
    given = grading.assignment(home, number, walls, limits, hidden)
    found = handed_in.find(submissions, given.number)
    with Display("submission") as display:
        grades = grading.cohort(given, found, folder / "results", jobs=jobs, resume=resume, tell=display.tell_step)
    write_atomic(table, record.table(grades))
    page = cohort_page.write(given, found, grades, folder)
    click.echo(f"{len(grades)} submissions are graded: {table}; the report is {page}", err=True)
