"""Why a version cannot be loaded: its files, or the code that loads them."""

import json
from pathlib import Path

from ..bundle import MANIFEST, Bundle, manifest_sums
from ..errors import InputError


def refusal(folder: Path) -> str:
    """Why the bundle in `folder` cannot be loaded, with the name of the file; empty when it can."""
    try:
        Bundle.load(folder)
    except InputError as error:
        told = f"{Path(error.where).name}: {error.what}".splitlines()[0]
    except Exception as error:  # noqa: BLE001 - whatever breaks it, it is not served
        told = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        return ""
    return f"{told} (no file was changed since: look at the code that loads it)" if _intact(folder) else told


def _intact(folder: Path) -> bool:
    try:
        recorded = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(recorded == manifest_sums(folder))
