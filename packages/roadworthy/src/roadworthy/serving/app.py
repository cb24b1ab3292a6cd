"""The application factory: a bundle becomes a web service with its own documentation, health and metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from typing_extensions import TypedDict

from ..base import settings
from ..base.databases import Postgres
from ..bundle.bundle import Bundle
from ..monitoring.log import PredictionLog
from ..registry.registry import Registry
from . import tensors
from .access import OPEN_PATHS, access_control
from .asgi import BodyReader, PredictionMiddleware, require_model
from .canary import CanaryTraffic
from .predictor import Answer, Answers, Metrics, NumberAnswer, NumberAnswers, Predictor, Recorder
from .rollout import Rollout, ServedVersions
from .shadow import Shadow
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
DEFAULT_LIMITS = settings.Service()
# FastAPI looks for providers of telemetry in each request, for a tenth of its time; /metrics has what we measure.
NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False}
PLATFORM = "onnxruntime_onnx"
EXTENSIONS = ["binary_tensor_data"]
router = APIRouter(prefix="/v2")


def create_app(
    bundle: Bundle,
    *,
    predictions: Path | Postgres | None = None,
    rollout: Rollout | None = None,
    limits: settings.Service = DEFAULT_LIMITS,
) -> FastAPI:
    """The service that answers with `bundle` and logs to the file or database `predictions`, if there is one.

    With a `rollout` it follows the registry from there on. Raises InputError when the log or the file of keys cannot be
    used. `app.state.ready` says whether traffic should come, `app.state.predictor` is what answers.
    """
    metrics = Metrics(bundle.signature)
    log = PredictionLog(predictions, bundle.signature) if predictions else None
    recorder = Recorder(log, metrics, bundle.signature.key, time=bundle.signature.time) if log else None

    def make(other: Bundle) -> Predictor:
        if recorder and other is not bundle:
            recorder.follow(other.signature)
        return Predictor(other, metrics, recorder, limits.max_rows, given_times=limits.given_times)

    def show(answers: Predictor | CanaryTraffic) -> None:
        metrics.serving(answers.bundle.signature.name, answers.bundle.version, answers.created)
        app.state.predictor = answers

    predictor = make(bundle)
    title, version = bundle.signature.name, bundle.version
    app = FastAPIOffline(title=title, version=version, redoc_url=None, lifespan=_lifespan, telemetry=NO_TELEMETRY)
    show(predictor)
    shadow = Shadow(metrics, recorder) if rollout and rollout.shadow else None
    versions = None
    if rollout:
        versions = ServedVersions(rollout, predictor, make=make, metrics=metrics, show=show, shadow=shadow)
    app.state.ready, app.state.versions = False, versions
    # Started in this order and stopped in the reverse: to its end the shadow puts what it compares into the recorder.
    app.state.background = [each for each in (recorder, shadow, versions) if each]
    bodies = BodyReader(limits.max_body, limits.max_concurrent)
    access = access_control(limits.keys_file, limits.rate, limits.burst)
    app.add_middleware(PredictionMiddleware, metrics=metrics, bodies=bodies, access=access)
    _add_routes(app, metrics)
    app.include_router(router)
    app.add_exception_handler(HTTPException, _in_the_form_of_the_protocol)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def champion_bundle(registry: Path, alias: str = "champion") -> Bundle:
    """The bundle behind an alias; InputError says which command makes one."""
    return Bundle.load(Registry(registry).path(alias))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    for each in app.state.background:
        each.start()
    app.state.ready = True
    yield
    app.state.ready = False
    for each in reversed(app.state.background):
        each.stop()


def _describe(app: FastAPI) -> dict[str, Any]:
    predictor: Predictor = app.state.predictor
    if getattr(app.state, "described", None) is not predictor:
        described = get_openapi(title=app.title, version=predictor.bundle.version, routes=app.routes)
        app.openapi_schema, app.state.described = complete_openapi(described, predictor), predictor
    return dict(app.openapi_schema or {})


def _add_routes(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="The service takes traffic; 503 before the start is complete and once a stop began")
    async def readyz(response: Response) -> dict[str, str]:
        return {"status": "ready" if _ready(app, response) else "not ready"}

    @app.get("/v1/model", summary="The model that answers")
    async def model() -> dict[str, Any]:
        return _about(app.state.predictor)

    @app.get("/metrics", summary="For Prometheus", include_in_schema=False)
    async def metrics_text() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _about(predictor: Predictor) -> dict[str, Any]:
    bundle, signature = predictor.bundle, predictor.bundle.signature
    features = [{"name": f.name, "about": f.about, "allowed": f.rule} for f in signature.features]
    return {
        "name": signature.name,
        "version": bundle.version,
        "target": signature.target,
        "threshold": signature.threshold,
        "key": signature.key,
        "time": predictor.reader.time,
        "max_rows": predictor.reader.max_rows,
        "created": bundle.manifest["created"],
        "contract": signature.version_of_contract,
        "metrics": bundle.metrics,
        "features": features,
    }


# The Open Inference Protocol, version 2: what its paths answer. Docstrings and names are part of /openapi.json.


class Server(TypedDict):
    """What answers."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """Whether the process is alive."""

    live: bool


class Ready(TypedDict):
    """Whether the service takes traffic."""

    ready: bool


class ModelReady(TypedDict):
    """Whether a model takes traffic."""

    name: str
    ready: bool


class ModelMetadata(TypedDict):
    """A model, its version, its inputs and outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[tensors.Metadata]
    outputs: list[tensors.Metadata]


class ProtocolError(TypedDict):
    """Why there is no answer."""

    error: str


UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such model", "model": ProtocolError}}


@router.get("", summary="The server and the extensions that it speaks")
async def server(request: Request) -> Server:
    """Server metadata."""
    predictor: Predictor = request.app.state.predictor
    return Server(name=predictor.bundle.signature.name, version=predictor.bundle.version, extensions=EXTENSIONS)


@router.get("/health/live", summary="The process is alive")
async def live() -> Live:
    """Liveness."""
    return Live(live=True)


@router.get("/health/ready", summary="The service takes traffic", responses={503: {"model": Ready}})
async def ready(request: Request, response: Response) -> Ready:
    """Readiness of the server."""
    return Ready(ready=_ready(request.app, response))


@router.get("/models/{name}/versions/{version}", summary="The model's inputs and outputs", responses=UNKNOWN)
@router.get("/models/{name}", summary="The model's inputs and outputs", responses=UNKNOWN)
async def model(request: Request, name: str, version: str | None = None) -> ModelMetadata:
    """Model metadata."""
    predictor: Predictor = request.app.state.predictor
    require_model(predictor, name, version)
    signature = predictor.bundle.signature
    versions, (inputs, outputs) = [predictor.bundle.version], tensors.tensor_metadata(signature)
    return ModelMetadata(name=signature.name, versions=versions, platform=PLATFORM, inputs=inputs, outputs=outputs)


@router.get("/models/{name}/versions/{version}/ready", summary="The model takes traffic", responses=UNKNOWN)
@router.get("/models/{name}/ready", summary="The model takes traffic", responses=UNKNOWN)
async def model_ready(request: Request, response: Response, name: str, version: str | None = None) -> ModelReady:
    """Readiness of a model."""
    require_model(request.app.state.predictor, name, version)
    return ModelReady(name=name, ready=_ready(request.app, response))


def _ready(app: FastAPI, response: Response) -> bool:
    response.status_code = 200 if app.state.ready else 503
    return bool(app.state.ready)


async def _in_the_form_of_the_protocol(request: Request, error: Any) -> Response:
    if request.url.path.startswith("/v2"):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return await http_exception_handler(request, error)


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

    name: Literal["probability", "decision", "prediction"]
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
        "summary": f"The {_answer_of(predictor)} for one row or many",
        "operationId": "predict",
        "requestBody": {"required": True, "content": _json({"anyOf": [_reference("Row"), _reference("Rows")]})},
        "responses": {
            "200": {
                "description": "The answer",
                "content": _json({"anyOf": [_reference(kind.__name__) for kind in _answers(predictor)]}),
            },
            **_refusals("/v1/predict", "400", "401", "408", "413", "415", "422", "429", "503"),
        },
    }


def _infer(predictor: Predictor, number: int) -> dict[str, Any]:
    signature, version = predictor.bundle.signature, predictor.bundle.version
    names = {"name": signature.name} | ({"version": version} if number else {})
    return {
        "summary": f"The {_answer_of(predictor)} by the Open Inference Protocol",
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
    kinds = (*_answers(predictor), Refusal, InferenceRequest, InferenceAnswer)
    adapters = {"Rows": predictor.reader.rows, **{kind.__name__: TypeAdapter(kind) for kind in kinds}}
    _, schemas = TypeAdapter.json_schemas(
        [(name, "validation", each) for name, each in adapters.items()], ref_template="#/components/schemas/{model}"
    )
    return dict(schemas["$defs"])


def _answer_of(predictor: Predictor) -> str:
    """What an answer is, in words."""
    signature = predictor.bundle.signature
    return f"{signature.answer} of {signature.target}"


def _answers(predictor: Predictor) -> tuple[type, type]:
    """The types of the answers to one row and to many."""
    return (NumberAnswer, NumberAnswers) if predictor.bundle.signature.regression else (Answer, Answers)


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
