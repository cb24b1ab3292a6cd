"""The command `adopt`: what it asks people, and what it tells them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..base.errors import InputError
from ..contract.workspace import folder_of_project
from .output import say, show_rows

MOST_QUESTIONS = 5


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--target", default="", help="The column to be predicted.")
@click.option("--time", default="", help="The column that says when a prediction is asked for.")
@click.option("--key", default="", help="A column that is another one in each row; without it one is made.")
@click.option("--after", multiple=True, metavar="NAME", help="A column that is known only afterwards; several times.")
@click.option("--positive", default="", metavar="VALUE", help="Which value of the target is yes.")
@click.option("--delay", default="", metavar="DAYS", help="How many days after its time the target is known.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the safe side, and say so.")
@click.option("--again", is_flag=True, help="Compare another delivery with the contract; write nothing but a page.")
def adopt(
    files: tuple[Path, ...], *, yes: bool, again: bool, target: str, after: tuple[str, ...], **others: str
) -> None:
    """Draft contract, features, settings, examples and drills from the table in FILE (CSV, Parquet, JSON lines)."""
    home = folder_of_project()
    if again:
        _again(home, files)
        return
    if not target:
        raise InputError(
            "no target is named", where="--target", hint="say which column is to be predicted: --target NAME"
        )
    from ..project.adoption.adopt import adopt_files
    from ..project.adoption.page import write_adoption
    from ..project.adoption.roles import Asked

    asked = Asked(target, after=after, **others)
    questions = Questions(nobody=yes or not sys.stdin.isatty(), said=yes)
    adopted = adopt_files(home, files, asked, questions.ask, say)
    page = write_adoption(home, adopted, questions.answered)
    say(f"The page with every decision is {page}")
    say("Look at it, then: roadworthy check, roadworthy train, roadworthy registry promote 1, roadworthy gates")


class Questions:
    """Asks people, or takes the safe side where nobody is there; remembers what was answered."""

    def __init__(self, *, nobody: bool, said: bool) -> None:
        """`said`: somebody has said that nothing shall be asked."""
        self._nobody, self._said = nobody, said
        self.answered: list[tuple[str, str, str]] = []

    def ask(self, question: str, choices: Sequence[str], safe: str) -> str:
        """The answer to a question; InputError when nobody can be asked, and nobody has said that this is wanted."""
        if not self._nobody and len(self.answered) < MOST_QUESTIONS:
            options: dict[str, Any] = {"type": click.Choice(list(choices))} if 1 < len(choices) <= 12 else {}
            answer = str(click.prompt(question, default=safe, err=True, **options))
            self.answered.append((question, answer, "you"))
            return answer
        if not self._said and self._nobody:
            hint = "answer on a terminal, or give --yes: then the safe side is taken, and said"
            raise InputError(f"somebody has to decide: {question}", where="adopt", hint=hint)
        say(f"{question} Taken: {safe}")
        self.answered.append((question, safe, "the safe side, by --yes"))
        return safe


def _again(home: Path, files: Sequence[Path]) -> None:
    from ..project import Project
    from ..project.adoption.again import compare_delivery, require_unchanged

    compared = compare_delivery(Project.open(home), files)
    show_rows([vars(change) for change in compared.changes])
    say(f"The page with every difference is {compared.page}")
    require_unchanged(compared, files[0])
