"""Renders the default project from the template as it stands, without a question and without a trace of it at home."""

from pathlib import Path

from cookiecutter.main import cookiecutter
from machine import REPOSITORY


def rendered(scratch: Path, *, hooks: bool) -> Path:
    """The project, in the empty folder `scratch`; without `hooks` its vendor/ is missing."""
    settings = scratch / "settings.yaml"
    settings.write_text(f"replay_dir: {scratch}/replay\n", encoding="utf-8")
    options = {"output_dir": f"{scratch}/made", "config_file": str(settings)}
    return Path(cookiecutter(str(REPOSITORY), no_input=True, accept_hooks=hooks, **options))
