"""Features that were checked and computed before: kept in a file, by the sum of everything that they depend on.

Six lessons and most commands need the features of the same snapshot, which takes seven seconds of CPU. The file is only
taken when the data (whose sums are verified each time), the settings and every line of the package are the same.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pyarrow import ArrowInvalid

from .errors import InputError
from .files import writing

LOG = logging.getLogger(__package__)
KEPT = 4  # files; older ones are removed


def kept(folder: Path, parts: object, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The table that `make` gives, from a file in `folder` if it was made of the same `parts` by the same code.

    Without room for the file, the table is made each time.
    """
    file = folder / f"features-{_sum(parts)}.arrow"
    try:
        return pd.read_feather(file)
    except (OSError, ArrowInvalid):
        table = make()
    try:
        with writing(file):
            folder.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(f".{os.getpid()}")
            table.to_feather(beside, compression="lz4")
            beside.replace(file)
            _forget(folder)
    except InputError as error:
        LOG.warning("the features are not kept: %s", error)
    return table


def _sum(parts: object) -> str:
    package = Path(__file__).parent
    files = sorted(path for path in package.rglob("*") if path.suffix in {".py", ".sql"})
    code = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256(repr((parts, code, pd.__version__)).encode()).hexdigest()[:32]


def _forget(folder: Path) -> None:
    files = sorted(folder.glob("features-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in files[KEPT:]:
        old.unlink(missing_ok=True)
