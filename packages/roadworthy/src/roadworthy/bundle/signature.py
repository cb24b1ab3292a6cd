"""The signature of an exported model: what a row must look like and how it becomes numbers.

The request model, batch scoring, the prediction log and the monitors are derived from it. Training writes it from the
contract into the bundle; nothing here needs more than NumPy.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["category", "integer", "number"]
LARGEST = float(np.finfo(np.float32).max)
LARGEST_WHOLE = float(2**53)  # beyond it a float64 does not hold every whole number
LONGEST = 256  # characters of a text; longer ones are no category but an accident or an attack
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of the model: its type and what it may hold; `categories` are those that training has seen.

    `allowed` is a closed set, `pattern` a regular expression that is searched in the text, `low` and `high` are
    inclusive and in `unit`. A private value never reaches a log.
    """

    name: str
    kind: Kind
    about: str = ""
    unit: str = ""
    nullable: bool = False
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    high: float | None = None
    private: bool = False
    categories: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest number; without a limit, what the model's float32 and a request can hold."""
        largest = LARGEST_WHOLE if self.kind == "integer" else LARGEST
        return -largest if self.low is None else self.low, largest if self.high is None else self.high

    @cached_property
    def codes(self) -> dict[Any, float]:
        """The number that stands for each category."""
        return {category: float(code) for code, category in enumerate(self.categories)}

    @cached_property
    def rule(self) -> str:
        """What is allowed, in words."""
        null = ", or null" if self.nullable else ""
        if self.kind == "category":
            open_set = f"a text that matches {self.pattern}" if self.pattern else "a text"
            return (f"one of {', '.join(self.allowed)}" if self.allowed else open_set) + null
        low = "" if self.low is None else f" from {self.low:g}"
        high = "" if self.high is None else f" to {self.high:g}"
        unit = f" {self.unit}" if self.unit else ""
        return f"{'a whole number' if self.kind == 'integer' else 'a number'}{low}{high}{unit}{null}"

    def encode(self, values: Sequence[Any] | NDArray[Any]) -> NDArray[np.float32]:
        """Values as the model reads them: the code of a category, NaN for an unseen one and for what is missing.

        Numbers go through float64 on every way, so that one row and a million rows are rounded alike. Raises TypeError
        or ValueError for what is no number.
        """
        if self.kind == "category":
            items = values.tolist() if isinstance(values, np.ndarray) else values
            return np.array([self.codes.get(value, NAN) for value in items], dtype=np.float32)
        return np.asarray(values, dtype=np.float64).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a model takes and gives: the features in the order of its input, the target, the threshold of a decision.

    `key` names the column that identifies a row, `time` that of the prediction time.
    """

    name: str
    version_of_contract: str
    target: str
    key: str
    time: str
    threshold: float
    features: tuple[Feature, ...]

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Read signature.json. Raises ValueError, KeyError or TypeError when it is not one."""
        content = json.loads(text)
        return cls(**{**content, "features": tuple(map(_feature, content["features"]))})

    @property
    def names(self) -> list[str]:
        """The names of the features, in the order of the model's input."""
        return [feature.name for feature in self.features]

    @cached_property
    def by_name(self) -> dict[str, Feature]:
        """The features by their names."""
        return {feature.name: feature for feature in self.features}


def _feature(content: Mapping[str, Any]) -> Feature:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in content.items()}
    feature = Feature(**values)
    if feature.kind not in {"category", "integer", "number"}:
        raise ValueError(f"feature {feature.name!r} has the unknown kind {feature.kind!r}")
    # A pattern that cannot be compiled stops the loading here, and not the first request.
    re.compile(feature.pattern)
    return feature
