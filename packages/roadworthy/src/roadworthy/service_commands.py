"""The commands around the service: `keys new`."""

from pathlib import Path

import click

from .errors import InputError
from .settings import load


@click.group()
def keys() -> None:
    """Make API keys for the service."""


@keys.command("new")
@click.argument("name")
@click.option("--file", type=click.Path(path_type=Path), help="The file of keys; that of config.toml without it.")
def keys_new(name: str, file: Path | None) -> None:
    """Make a key for NAME, show it once and append its SHA-256 sum to the file of keys."""
    from .service import keys as made

    path = file or load().service.keys_file
    if path is None:
        hint = 'set [service] keys_file = "keys.txt" in config.toml, or give --file'
        raise InputError("no file of keys is set", where="keys new", hint=hint)
    click.echo(made.add(path, name))
    click.echo(f"This is the only time that the key is shown; {path} holds its sum", err=True)
