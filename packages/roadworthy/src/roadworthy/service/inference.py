"""The Open Inference Protocol v2 beside its `infer`, which front.py answers: health and metadata.

https://github.com/kserve/open-inference-protocol; errors are {"error": "..."}.
"""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from typing_extensions import TypedDict

from . import tensors
from .front import require_model
from .predictor import Predictor

PLATFORM = "onnxruntime_onnx"
EXTENSIONS = ["binary_tensor_data"]
router = APIRouter(prefix="/v2")


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


UNREADY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready"}}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such model", "model": ProtocolError}}


def add_to(app: FastAPI) -> None:
    """Add the routes, and the form of errors under /v2."""
    app.include_router(router)
    app.add_exception_handler(HTTPException, _in_the_form_of_the_protocol)


@router.get("", summary="The server and the extensions that it speaks")
async def server(request: Request) -> Server:
    """Server metadata."""
    predictor = _predictor(request)
    return Server(name=predictor.bundle.signature.name, version=predictor.bundle.version, extensions=EXTENSIONS)


@router.get("/health/live", summary="The process is alive")
async def live() -> Live:
    """Liveness."""
    return Live(live=True)


@router.get("/health/ready", summary="The service takes traffic", responses={503: {"model": Ready}})
async def ready(request: Request, response: Response) -> Ready:
    """Readiness of the server."""
    return Ready(ready=_ready(request, response))


@router.get("/models/{name}/versions/{version}", summary="The model's inputs and outputs", responses=UNKNOWN)
@router.get("/models/{name}", summary="The model's inputs and outputs", responses=UNKNOWN)
async def model(request: Request, name: str, version: str | None = None) -> ModelMetadata:
    """Model metadata."""
    predictor = _predictor(request)
    require_model(predictor, name, version)
    signature = predictor.bundle.signature
    versions, (inputs, outputs) = [predictor.bundle.version], tensors.metadata(signature)
    return ModelMetadata(name=signature.name, versions=versions, platform=PLATFORM, inputs=inputs, outputs=outputs)


@router.get("/models/{name}/versions/{version}/ready", summary="The model takes traffic", responses=UNKNOWN)
@router.get("/models/{name}/ready", summary="The model takes traffic", responses=UNKNOWN)
async def model_ready(request: Request, response: Response, name: str, version: str | None = None) -> ModelReady:
    """Readiness of a model."""
    require_model(_predictor(request), name, version)
    return ModelReady(name=name, ready=_ready(request, response))


def _predictor(request: Request) -> Predictor:
    predictor: Predictor = request.app.state.predictor
    return predictor


def _ready(request: Request, response: Response) -> bool:
    response.status_code = 200 if request.app.state.ready else 503
    return bool(request.app.state.ready)


async def _in_the_form_of_the_protocol(request: Request, error: Any) -> Response:
    if request.url.path.startswith("/v2"):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return await http_exception_handler(request, error)
