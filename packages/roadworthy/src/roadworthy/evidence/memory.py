"""What requests leave behind in memory: a service that keeps a little of each ends in the middle of a night."""

import gc
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ..service.predictor import Predictor

ROUNDS = 4


def kept(predictor: Predictor, bodies: Sequence[bytes]) -> float:
    """Bytes that stay in memory for each request: the median of all rounds but the first.

    What libraries keep for later comes and goes in one round or another; what is kept of each request grows in all of
    them. The bodies should differ, as the ids of the requests do. Only what Python and NumPy allocate is seen.
    """
    size = len(bodies) // ROUNDS
    for body in bodies:
        predictor.reader.read(body)  # pydantic keeps the newest 16,384 texts
    tracemalloc.start()
    try:
        levels = [_after(predictor, bodies, range(turn * size, (turn + 1) * size)) for turn in range(ROUNDS)]
    finally:
        tracemalloc.stop()
    return median(later - before for before, later in pairwise(levels)) / size


def _after(predictor: Predictor, bodies: Sequence[bytes], numbers: range) -> int:
    for number in numbers:
        predictor.answer(bodies[number], f"gate-{number}")
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
