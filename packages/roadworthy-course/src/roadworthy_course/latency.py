"""The figures of a load test, each with those that known mistakes give, by what has to be said about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import pandas as pd

LATENCIES = {"p50": ("sent", 50), "p99": ("sent", 99), "p99_planned": ("planned", 99)}
SECONDS = "Milliseconds: the table has seconds"
ERRORS = "Of the successes alone: an error comes at once, and makes the service look fast"
BETWEEN = 'Between two measured latencies is nothing: without method="inverted_cdf" percentiles are interpolated'
MEAN = "A mean hides the few that wait: sort, and count"
LARGEST = "Is it the largest? One in a hundred may be slower than the p99"
OMITTED = (
    "From {} to done. A client that waits for an answer sends its next requests late, and the time from sent hides it: "
    "coordinated omission"
)


@dataclass(frozen=True)
class Figure:
    """What is right, what usually helps, and the wrong values that say more: a sentence for each."""

    right: float
    hint: str
    mistakes: Mapping[str, float]


def figures(rows: pd.DataFrame) -> dict[str, Figure]:
    """Throughput, errors and latencies of a load test, see `serving.load_test`; there must be a success."""
    latencies = {name: _latency(rows, *of) for name, of in LATENCIES.items()}
    return {"throughput": _throughput(rows), "errors": _errors(rows), **latencies}


def rank(values: pd.Series, percent: int) -> float:
    """The smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values.to_list())
    return float(ordered[ceil(percent * len(ordered) / 100) - 1])


def _good(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["status"] == 200]


def _throughput(rows: pd.DataFrame) -> Figure:
    count, begin, end = len(_good(rows)), min(rows["sent"].to_list()), max(rows["done"].to_list())
    one, other = rows.iloc[0], rows.iloc[-1]
    mistakes = {
        "An error is no work done: count the successes alone": len(rows) / (end - begin),
        "The rows are in no order: from the smallest sent to the largest done": count / (other["done"] - one["sent"]),
        "The last request takes time, too: up to the last done": count / (rows["sent"].max() - begin),
    }
    return Figure(count / (end - begin), "Successes over (last done - first sent), in seconds", mistakes)


def _errors(rows: pd.DataFrame) -> Figure:
    wrong, count = len(rows) - len(_good(rows)), len(rows)
    mistakes = {
        "It is a share of all requests, between 0 and 1: not a count": wrong,
        "It is a share, between 0 and 1: not a percentage": 100 * wrong / count,
        "Of all requests, not for each success": wrong / (count - wrong),
        "There are other errors besides 503: whatever is not 200": (rows["status"] == 503).mean(),
    }
    return Figure(wrong / count, "Only 200 is a success", mistakes)


def _latency(rows: pd.DataFrame, since: str, percent: int) -> Figure:
    other = "sent" if since == "planned" else "planned"
    all_of_them, taken = 1000 * (rows["done"] - rows[since]), 1000 * (_good(rows)["done"] - _good(rows)[since])
    right = rank(taken, percent)
    mistakes = {
        SECONDS: right / 1000,
        ERRORS: rank(all_of_them, percent),
        BETWEEN: float(taken.quantile(percent / 100)),
        MEAN: float(taken.mean()),
        LARGEST: float(taken.max()),
        OMITTED.format(since): rank(1000 * (_good(rows)["done"] - _good(rows)[other]), percent),
    }
    return Figure(right, f"Sort the successes: the smallest that at least {percent}% do not exceed", mistakes)
