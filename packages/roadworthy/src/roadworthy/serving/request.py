"""Read a request: JSON to rows that the model can take, or a list of what is wrong with them.

The request model is derived from the signature. Types are strict, unknown fields are refused, numbers are finite: what
passes here cannot fail later.
"""

import difflib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AliasChoices,
    AwareDatetime,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
    create_model,
    with_config,
)
from pydantic_core import CoreSchema, ErrorDetails, core_schema
from typing_extensions import TypedDict

from ..bundle.signature import LONGEST, Feature, Signature

MAX_PROBLEMS = 20
MAX_VALUE = 60
Row = dict[str, Any]
ROWS = re.compile(rb'\s*\{\s*"rows"\s*:\s*\[')
TIME = "a time with its zone, such as 2013-07-01T14:05:00Z"
WRONG = {
    "finite_number": "is not finite",
    "greater_than_equal": "is too small",
    "int_from_float": "is not whole",
    "less_than_equal": "is too large",
    "literal_error": "is not one of them",
    "string_pattern_mismatch": "does not match",
    "string_too_long": "is too long",
    "string_unicode": "is not Unicode",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong in one place: the number of the row (None when there is only one), the field, the value as sent."""

    row: int | None
    field: str
    value: str
    allowed: str
    message: str


class BadRequestError(Exception):
    """A request that cannot be answered; `problems` are the first of them, `count` is how many there are."""

    def __init__(self, problems: list[Problem], count: int) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems, self.count = problems, count


def parse_json(body: bytes) -> Any:
    """The content of a body of JSON in which no object has a name twice. Raises BadRequestError."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_with_unique_names)
    except (ValueError, RecursionError) as error:
        message = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequestError([Problem(None, "", "", "", f"the body is not valid JSON: {message}")], 1) from error


class RequestReader:
    """Reads the bodies of requests for one signature: a row, or `{"rows": [...]}` with at most `max_rows` of them.

    With `times` a row may name its prediction time; `time` is the name of that field, else None.
    """

    def __init__(self, signature: Signature, max_rows: int, example: Row | None = None, *, times: bool = False) -> None:
        self.signature, self.max_rows, self.time = signature, max_rows, signature.time if times else None
        row = row_type(signature, example, times=times)
        some: Any = Annotated[list[row], Field(min_length=1, max_length=max_rows)]  # type: ignore[valid-type]
        self.row: TypeAdapter[Row] = TypeAdapter(row)
        self.rows: TypeAdapter[Any] = TypeAdapter(create_model("Rows", __config__=_strict(), rows=(some, ...)))

    def read(self, body: bytes) -> tuple[list[Row], bool]:
        """The rows of a body, and whether it holds a list of them. Raises BadRequestError."""
        try:
            # By its first name: a union of both forms would tell each problem once for each of them.
            many = ROWS.match(body) is not None
            rows = self.rows.validate_json(body).rows if many else [self.row.validate_json(body)]
        except ValidationError as error:
            raise self._refusal(error) from error
        # As many colons as names: none is given twice. A colon in a text is rare, then it is looked at closely.
        if body.count(b":") != sum(map(len, rows)) + many:
            parse_json(body)
        return rows, many

    def check(self, rows: list[Row]) -> list[Row]:
        """Rows that did not come as JSON, by the same rules. Raises BadRequestError."""
        try:
            return list(self.rows.validate_python({"rows": rows}).rows)
        except ValidationError as error:
            raise self._refusal(error) from error

    def alternative(self, name: str) -> str:
        """What a name that is not known may have been meant for, in words."""
        names = [*self.signature.names, self.signature.key, *([self.time] if self.time else [])]
        near = difflib.get_close_matches(name, names, n=1)
        return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"

    def _refusal(self, error: ValidationError) -> BadRequestError:
        errors = error.errors(include_url=False)
        return BadRequestError([self._problem(each) for each in errors[:MAX_PROBLEMS]], len(errors))

    def _problem(self, error: ErrorDetails) -> Problem:
        place = list(error["loc"])
        row = None
        if len(place) > 1 and place[0] == "rows":
            row = int(place[1])
            place = place[2:]
        field = str(place[0]) if place else ""
        if not place or place == ["rows"]:
            return Problem(row, "", "", "", _about_the_body(error, row))
        named = field or '""'
        where = named if row is None else f"row {row}, {named}"
        if error["type"] == "extra_forbidden":
            return Problem(row, field, _short(error["input"]), "", f"{where} is not known; {self.alternative(field)}")
        feature = self.signature.by_name.get(field)
        allowed = feature.rule if feature else TIME if field == self.time else f"a text of at most {LONGEST} characters"
        if error["type"] == "missing":
            return Problem(row, field, "", allowed, f"{where} is missing; allowed: {allowed}")
        value = _short(error["input"])
        wrong = WRONG.get(error["type"], "has the wrong type")
        return Problem(row, field, value, allowed, f"{where}: {value} {wrong}; allowed: {allowed}")


def row_type(signature: Signature, example: Row | None = None, *, times: bool = False) -> Any:
    """The type of a row as a typed dictionary, so that a feature may have any name and a row is a plain dictionary."""
    fields = {feature.name: _field(feature) for feature in signature.features}
    key = Annotated[str, Field(max_length=LONGEST, description="identifies the row in the answer and in the log")]
    about = {signature.key: NotRequired[key | None]}
    if times:
        described = Field(description="the prediction time of the row in the log; without it, that of the request")
        about[signature.time] = NotRequired[Annotated[AwareDatetime, described]]
    row = TypedDict("Row", {**about, **fields})  # type: ignore[misc]
    return with_config(_strict(example))(row)


def _strict(example: Row | None = None) -> ConfigDict:
    extra = {"example": example} if example else None
    return ConfigDict(extra="forbid", strict=True, json_schema_extra=extra)  # type: ignore[typeddict-item]


def _field(feature: Feature) -> Any:
    allowed: Any = _text(feature) if feature.kind == "category" else _number(feature)
    unit = f", {feature.unit}" if feature.unit else ""
    names: Any = AliasChoices(feature.name, feature.spelled) if feature.spelled else None
    described = Field(description=f"{feature.about}{unit}" if feature.about else None, validation_alias=names)
    return NotRequired[Annotated[allowed | None, described]] if feature.nullable else Annotated[allowed, described]


def _text(feature: Feature) -> Any:
    if feature.allowed:
        return Literal[feature.allowed]
    return Annotated[str, Field(pattern=feature.pattern or None, max_length=LONGEST)]


def _number(feature: Feature) -> Any:
    low, high = feature.bounds
    if feature.kind == "integer":
        return Annotated[int, Whole(low, high), Field(json_schema_extra={"type": "integer"})]
    return Annotated[float, Field(ge=low, le=high, allow_inf_nan=False)]


@dataclass(frozen=True)
class Whole:
    """A whole number that may be written 250.0, as in JSON Schema: missing values make floats of a column of integers.

    Pydantic's own strict integer refuses 250.0, the lax one takes "250" and true as well.
    """

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A strict number that is then turned into an integer."""
        del source, handler
        number = core_schema.float_schema(strict=True, allow_inf_nan=False, ge=self.low, le=self.high)
        return core_schema.chain_schema([number, core_schema.int_schema(strict=False)])


def _with_unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        what = f"{_short(twice)} is given twice; which value is meant?"
        raise BadRequestError([Problem(None, twice, "", "", what)], 1)
    return content


def _about_the_body(error: ErrorDetails, row: int | None) -> str:
    if error["type"] == "json_invalid":
        return f"the body is not valid JSON: {error['ctx']['error']}"
    if error["type"] in {"too_long", "too_short"}:
        return f"rows: {error['msg']}"
    where = "the body" if row is None else f"row {row}"
    return where + ' is not an object: send one row, {"name": value, ...}, or many, {"rows": [...]}'


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}..."
