"""The commands around the library in vendor/: verify it, accept an edit, put a newer release in its place."""

import getpass
import json
from dataclasses import asdict
from pathlib import Path

import click

from . import vendored
from .errors import RedError
from .project import Project


@click.group()
def vendor() -> None:
    """Compare the library in vendor/ with its release, and accept edits of it."""


@vendor.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def verify(*, as_json: bool) -> None:
    """List every file in vendor/ that is not as it was released; an edit that nobody accepted is exit code 1."""
    home = Project.open().folder
    found = vendored.edits(home)
    waiting = vendored.unaccepted(home, found)
    rows = [{**asdict(edit), "accepted": edit not in waiting} for edit in found]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        for edit in found:
            click.echo(f"{edit}{'' if edit in waiting else ', accepted'}")
    passed, evidence = vendored.verdict(home, found)
    if not passed:
        raise RedError(f"{len(waiting)} files are not as they were released", where="vendor", hint=vendored.HINT)
    click.echo(f"The library is {evidence.removeprefix('the library is ')}", err=True)


@vendor.command()
@click.option("--reason", required=True, help="Why; it is kept in vendor/accepted.json and shown by the gates.")
@click.option("--by", default="", help="Who decides; the user of this machine without it.")
def accept(reason: str, by: str) -> None:
    """Accept every edit in vendor/ as it is now: gates and promotions are no longer stopped by it."""
    for edit in vendored.accept(Project.open().folder, reason, by or getpass.getuser()):
        click.echo(f"Accepted: {edit}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--discard-edits", is_flag=True, help="Give up the edits of the library that was here before.")
def upgrade(file: Path, *, discard_edits: bool) -> None:
    """Put the library in FILE (a wheel, a zip file or a folder) in the place of the one in vendor/.

    Its sums are verified first. Then the project's tests and gates are run with it; if they are red, the library of
    before is put back and the exit code is 1.
    """
    from . import upgrading

    project = Project.open()
    done = upgrading.upgrade(
        project.folder,
        file,
        project.settings.paths.registry,
        discard=discard_edits,
        tell=lambda said: click.echo(said, err=True),
    )
    click.echo("\n".join(done.lines))
