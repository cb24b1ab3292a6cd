"""The signature of an exported model: what a row must look like and how it becomes numbers.

The request model, batch scoring, the prediction log and the monitors are derived from it. Training writes it from the
contract into the bundle; nothing here needs more than NumPy.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind = Literal["category", "integer", "number"]
LARGEST = float(np.finfo(np.float32).max)
LARGEST_WHOLE = float(2**53)  # beyond it a float64 does not hold every whole number
LONGEST = 256  # characters of a text; longer ones are no category but an accident or an attack
NAN = float("nan")
ANSWERS = {"classification": "probability", "regression": "prediction"}
TENSORS = {"classification": "probabilities", "regression": "predictions"}  # what model.onnx calls its answers


class Scale(NamedTuple):
    """The unit in which limits are kept: of probabilities 1, of numbers two standard deviations around their mean.

    A yes/no target that is even has a standard deviation of one half, so that a limit means about the same for both
    (Gelman 2008, Scaling regression inputs by dividing by two standard deviations).
    """

    center: float = 0.0
    width: float = 1.0

    @classmethod
    def of(cls, labels: NDArray[Any]) -> "Scale":
        """That of numbers, (rows,), some of them NaN; 1 wide where all are the same."""
        width = 2 * float(np.nanstd(labels))
        return cls(float(np.nanmean(labels)), width if width > 0 else 1.0)

    def apply(self, values: ArrayLike) -> NDArray[np.float64]:
        """Labels or answers in this unit, (rows,)."""
        return np.asarray((np.asarray(values, dtype=np.float64) - self.center) / self.width)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of the model: its type and what it may hold; `categories` are those that training has seen.

    `allowed` is a closed set, `pattern` a regular expression that is searched in the text, `low` and `high` are
    inclusive and in `unit`. A private value never reaches a log. `spelled` is another name that requests may use.
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
    spelled: str = ""
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

    `key` names the column that identifies a row, `time` that of the prediction time. A number as target has no
    threshold; `center` and `width` are its scale, `low` is its least value by the contract.
    """

    name: str
    version_of_contract: str
    target: str
    key: str
    time: str
    threshold: float | None = None
    features: tuple[Feature, ...]
    problem: Literal["classification", "regression"] = "classification"
    center: float = 0.0
    width: float = 1.0
    low: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Read signature.json. Raises ValueError, KeyError or TypeError when it is not one."""
        content = json.loads(text)
        return cls(**{**content, "features": tuple(map(_feature, content["features"]))})

    @property
    def regression(self) -> bool:
        """Whether the target is a number, and not yes or no."""
        return self.problem == "regression"

    @property
    def answer(self) -> str:
        """What an answer is called in responses, files and the log."""
        return ANSWERS[self.problem]

    @property
    def tensor(self) -> str:
        """What model.onnx calls its answers."""
        return TENSORS[self.problem]

    @property
    def scale(self) -> Scale:
        """The unit in which limits are kept."""
        return Scale(self.center, self.width)

    @property
    def names(self) -> list[str]:
        """The names of the features, in the order of the model's input."""
        return [feature.name for feature in self.features]

    @property
    def spelled(self) -> dict[str, str]:
        """The other names under which files and requests may bring features, each with that of the feature."""
        return {feature.spelled: feature.name for feature in self.features if feature.spelled}

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
