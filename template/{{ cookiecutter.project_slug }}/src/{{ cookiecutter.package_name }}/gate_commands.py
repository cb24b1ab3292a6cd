"""The commands around the gates: judge a version, tune it, plant faults."""

import json
from pathlib import Path

import click

from . import settings
from .errors import RedError


@click.command()
@click.option("--version", default="champion", show_default=True, help="A version's number or an alias.")
@click.option("--train", is_flag=True, help="Train a version first and judge that one.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep verdicts in a folder, by what they depend on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def gates(version: str, cache: Path | None, *, train: bool, as_json: bool) -> None:
    """Judge a version by the 28 gates of the ML Test Score; one that is not green is exit code 1."""
    from . import gates as of_gates
    from . import release
    from .display import Display

    config = settings.load()
    with Display("gate", show=not as_json) as display:
        judged = release.judge(
            config, settings.find_home().resolve(), version, train=train, cache=cache, tell=display.tell_step
        )
    if as_json:
        click.echo(json.dumps([each.to_dict() for each in judged.gates], indent=1))
    else:
        _table(judged.table)
    hint = "read the evidence; the gate's function and its threshold are in gates/"
    of_gates.require([each.verdict for each in judged.gates], where=f"version {judged.version}", hint=hint)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All drills of drills/.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Drills at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def drill(names: tuple[str, ...], *, every: bool, jobs: int, as_json: bool) -> None:
    """Plant faults in copies of the project and show which gates are red; without a name, list the faults."""
    import pandas as pd

    from .display import Display
    from .drills import board
    from .drills import faults

    home = settings.find_home().resolve()
    found = faults.load(home, names)
    if not names and not every:
        _table(pd.DataFrame([{"drill": f.name, "gate": f.gate, "story": f.story} for f in found]))
        return
    with Display("drill", show=not as_json) as display:
        drilled = board.drill(home, found, jobs, display.tell_step)
    if as_json:
        click.echo(json.dumps([each.to_dict() for each in drilled], indent=1))
    else:
        _table(pd.DataFrame([each.to_dict() for each in drilled])[["fault", "gate", "caught", "red", "seconds"]])
    missed = [each.fault for each in drilled if not each.caught]
    if missed:
        raise RedError(f"{len(missed)} of {len(drilled)} faults are not caught by their gate: {', '.join(missed)}")


@click.command()
@click.option("--quick", is_flag=True, help="The few candidates that the gate Model 3 tries, not the whole grid.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def tune(*, quick: bool, as_json: bool) -> None:
    """Try hyperparameters on weeks of the training period; say what to write into config.toml. Changes nothing."""
    from . import data
    from . import steps
    from . import tuning
    from .cli import show

    config = settings.load()
    parts = config.split
    rows = data.split(steps.features(config), parts.train, parts.test, every=parts.every).train
    base, found = tuning.tune(rows, config.model, tuning.QUICK if quick else tuning.grid())
    show(tuning.table(found), as_json)
    click.echo(tuning.advice(base, found), err=True)


def _table(table: object) -> None:
    from .cli import show

    show(table, as_json=False)
