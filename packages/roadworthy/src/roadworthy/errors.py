"""The errors that a person can act on: what is wrong, where, and what to do."""

from pathlib import Path


class ProjectError(Exception):
    """A mistake to be told in a sentence, without a traceback; `exit_code` is the command's.

    >>> print(ProjectError("is empty", where="data/trips.csv", hint="check the export that made it"))
    data/trips.csv: is empty
      check the export that made it
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | Path = "", hint: str = "") -> None:
        """Say `what` is wrong, `where` (a file, a column, a port) and, as a `hint`, what to do."""
        self.what, self.where, self.hint = what, str(where), hint
        super().__init__(what)

    def __str__(self) -> str:
        """`where: what`, and the hint on a line of its own."""
        first = f"{self.where}: {self.what}" if self.where else self.what
        return f"{first}\n  {self.hint}" if self.hint else first


class InputError(ProjectError):
    """The input or the usage is wrong: exit code 2.

    >>> InputError("there is no column 'speed'").exit_code
    2
    """


class RedError(ProjectError):
    """A check or a gate is red: exit code 1.

    >>> RedError("not every gate is green").exit_code
    1
    """

    exit_code = 1
