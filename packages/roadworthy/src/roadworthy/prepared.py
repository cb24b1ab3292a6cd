"""Features that were checked and computed before: kept in a file, by the sum of everything that they depend on.

Six lessons and most commands need the features of the same snapshot, which takes seven seconds of CPU. The file is only
taken when the data (whose sums are verified each time), the settings and the code behind them are the same.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import pandas as pd
from pyarrow import ArrowInvalid

from .errors import InputError
from .files import sha256, writing
from .sources import behind

LOG = logging.getLogger(__package__)
KEPT = 4  # files; those that were not used for longest are removed
Arguments = ParamSpec("Arguments")


def kept(
    folder: Path,
    parts: object,
    make: Callable[Arguments, pd.DataFrame],
    *arguments: Arguments.args,
    **named: Arguments.kwargs,
) -> pd.DataFrame:
    """The table that `make` gives, from a file in `folder` if it was made of the same `parts` by the same code.

    Without room for the file, the table is made each time.
    """
    file = folder / f"features-{_sum(parts, make)}.arrow"
    try:
        table = pd.read_feather(file)
    except (OSError, ArrowInvalid):
        table = make(*arguments, **named)
    else:
        os.utime(file)
        return table
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


def _sum(parts: object, make: Callable[..., pd.DataFrame]) -> str:
    code = [sha256(path) for path in behind(make)]
    return hashlib.sha256(repr((parts, code, pd.__version__)).encode()).hexdigest()[:32]


def _forget(folder: Path) -> None:
    files = sorted(folder.glob("features-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in files[KEPT:]:
        old.unlink(missing_ok=True)
