"""The part of the OpenAPI description that the framework cannot know: predictions, and what access control answers."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from .access import OPEN_PATHS
from .predictor import Answer, Answers, Predictor
from .tensors import InferenceRequest

REASONS = {
    "400": "The request cannot be read, or its rows are not allowed",
    "401": "No known API key; only when keys are asked for",
    "404": "No such model",
    "408": "The request did not come in time",
    "413": "The body is too large",
    "415": "The body is of another kind",
    "422": "The rows are not allowed",
    "429": "Too many requests; only when a rate is set",
    "503": "Too many requests at a time",
}


class Refused(TypedDict):
    """One problem in a request; what is not about a row has a message only."""

    message: str
    row: NotRequired[int | None]
    field: NotRequired[str]
    value: NotRequired[str]
    allowed: NotRequired[str]


class Refusal(TypedDict):
    """What is wrong with a request: the first problems and how many there are."""

    errors: list[Refused]
    count: int
    request_id: str


class Size(TypedDict):
    """How many bytes of an output follow the JSON."""

    binary_data_size: int


class OutputTensor(TypedDict):
    """An output for all rows; its values are in `data`, or behind the JSON when bytes were asked for."""

    name: Literal["probability", "decision"]
    datatype: Literal["FP64", "BOOL"]
    shape: Annotated[list[int], Field(min_length=1, max_length=1)]
    data: NotRequired[list[float] | list[bool]]
    parameters: NotRequired[Size]


class InferenceAnswer(TypedDict):
    """The answer of the Open Inference Protocol."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[OutputTensor]


def complete_openapi(description: dict[str, Any], predictor: Predictor) -> dict[str, Any]:
    """Add the predictions of both protocols, and to every other path what access control may answer."""
    paths = description["paths"]
    for path, item in paths.items():
        for operation in item.values():
            operation["responses"].pop("422", None)  # a path of text cannot be wrong
            if path not in OPEN_PATHS:
                operation["responses"].update(_refusals(path, "401", "408", "429"))
    paths["/v1/predict"] = {"post": _predict(predictor)}
    for number, path in enumerate(("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer")):
        paths[path] = {"post": _infer(predictor, number)}
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_schemas(predictor))
    description["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    description["security"] = [{"bearer": []}, {"key": []}, {}]
    return description


def _predict(predictor: Predictor) -> dict[str, Any]:
    return {
        "summary": f"The probability of {predictor.bundle.signature.target} for one row or many",
        "operationId": "predict",
        "requestBody": {"required": True, "content": _json({"anyOf": [_reference("Row"), _reference("Rows")]})},
        "responses": {
            "200": {
                "description": "The answer",
                "content": _json({"anyOf": [_reference("Answer"), _reference("Answers")]}),
            },
            **_refusals("/v1/predict", "400", "401", "408", "413", "415", "422", "429", "503"),
        },
    }


def _infer(predictor: Predictor, number: int) -> dict[str, Any]:
    signature, version = predictor.bundle.signature, predictor.bundle.version
    names = {"name": signature.name} | ({"version": version} if number else {})
    return {
        "summary": f"The probability of {signature.target} by the Open Inference Protocol",
        "description": "Triton's binary extension is understood: a header Inference-Header-Content-Length gives the "
        "size of the JSON, the bytes of the tensors follow it. In bytes, an empty text is a missing value.",
        "operationId": f"infer{number or ''}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
            for name, example in names.items()
        ],
        "requestBody": {"required": True, "content": _json(_reference("InferenceRequest"))},
        "responses": {
            "200": {
                "description": "The answer; when outputs are wanted as bytes, these follow the JSON, whose size is in "
                "the header Inference-Header-Content-Length",
                "content": _json(_reference("InferenceAnswer")) | {"application/octet-stream": {}},
            },
            **_refusals("/v2", "400", "401", "404", "408", "413", "415", "429", "503"),
        },
    }


def _refusals(path: str, *statuses: str) -> dict[str, Any]:
    schema = _reference("ProtocolError" if path.startswith("/v2") else "Refusal")
    return {status: {"description": REASONS[status], "content": _json(schema)} for status in statuses}


def _schemas(predictor: Predictor) -> dict[str, Any]:
    kinds = (Answer, Answers, Refusal, InferenceRequest, InferenceAnswer)
    adapters = {"Rows": predictor.reader.rows, **{kind.__name__: TypeAdapter(kind) for kind in kinds}}
    _, schemas = TypeAdapter.json_schemas(
        [(name, "validation", each) for name, each in adapters.items()], ref_template="#/components/schemas/{model}"
    )
    return dict(schemas["$defs"])


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
