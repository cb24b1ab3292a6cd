"""The part of the OpenAPI description that depends on the signature: what /v1/predict takes and gives."""

from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from .predictor import Answer
from .predictor import Answers
from .predictor import Predictor


class Refused(TypedDict):
    """One problem in a request."""

    row: int | None
    field: str
    value: str
    allowed: str
    message: str


class Refusal(TypedDict):
    """What is wrong with a request: the first problems and how many there are."""

    errors: list[Refused]
    count: int
    request_id: str


def prediction_path(predictor: Predictor) -> tuple[dict[str, Any], dict[str, Any]]:
    """The path item of /v1/predict and the schemas it refers to."""
    reader = predictor.reader
    one, many = _reference("Row"), _reference("Rows")
    operation = {
        "summary": f"The probability of {predictor.bundle.signature.target} for one row or many",
        "operationId": "predict",
        "requestBody": {"required": True, "content": _json({"anyOf": [one, many]})},
        "responses": {
            "200": {
                "description": "The answer",
                "content": _json({"anyOf": [_reference("Answer"), _reference("Answers")]}),
            },
            "413": {"description": "The body is too large", "content": _json({"type": "object"})},
            "422": {"description": "The rows are not allowed", "content": _json(_reference("Refusal"))},
        },
    }
    adapters: list[tuple[str, TypeAdapter[Any]]] = [
        ("Rows", reader.rows),
        ("Answer", TypeAdapter(Answer)),
        ("Answers", TypeAdapter(Answers)),
        ("Refusal", TypeAdapter(Refusal)),
    ]
    _, schemas = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in adapters], ref_template="#/components/schemas/{model}"
    )
    return {"post": operation}, schemas["$defs"]


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
