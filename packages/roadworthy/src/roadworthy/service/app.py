"""The application factory: a bundle becomes a web service with its own documentation, health and metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST

from .. import settings
from ..bundle import Bundle
from ..monitoring.log import PredictionLog
from ..postgres import Postgres
from ..registry import Registry
from . import inference
from .body import BodyReader
from .description import complete
from .door import door
from .front import Front
from .metrics import Metrics
from .predictor import Predictor
from .recorder import Recorder
from .shadow import Shadow
from .split import Split
from .versions import Rollout, Versions

OPEN = settings.Service()
# FastAPI looks for providers of telemetry in each request, for a tenth of its time; /metrics has what we measure.
NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False}


def create_app(
    bundle: Bundle,
    *,
    predictions: Path | Postgres | None = None,
    rollout: Rollout | None = None,
    limits: settings.Service = OPEN,
) -> FastAPI:
    """The service that answers with `bundle` and logs to the file or database `predictions`, if there is one.

    With a `rollout` it follows the registry from there on. Raises InputError when the log or the file of keys cannot be
    used. `app.state.ready` says whether traffic should come, `app.state.predictor` is what answers.
    """
    metrics = Metrics()
    log = PredictionLog(predictions, bundle.signature) if predictions else None
    recorder = Recorder(log, metrics, bundle.signature.key, time=bundle.signature.time) if log else None
    predictor = Predictor(bundle, metrics, recorder, limits.max_rows, given_times=limits.given_times)
    app = FastAPIOffline(
        title=bundle.signature.name,
        version=bundle.version,
        redoc_url=None,
        lifespan=_lifespan,
        telemetry=NO_TELEMETRY,
    )

    def make(other: Bundle) -> Predictor:
        if recorder:
            recorder.follow(other.signature)
        return Predictor(other, metrics, recorder, limits.max_rows, given_times=limits.given_times)

    def show(answers: Predictor | Split) -> None:
        metrics.serving(answers.bundle.signature.name, answers.bundle.version, answers.created)
        app.state.predictor = answers

    show(predictor)
    shadow = Shadow(metrics, recorder) if rollout and rollout.shadow else None
    versions = None
    if rollout:
        versions = Versions(rollout, predictor, make=make, metrics=metrics, show=show, shadow=shadow)
    app.state.ready, app.state.versions = False, versions
    app.state.background = [each for each in (recorder, shadow, versions) if each]
    bodies = BodyReader(limits.max_body, limits.max_concurrent)
    admits = door(limits.keys_file, limits.rate, limits.burst)
    app.add_middleware(Front, metrics=metrics, bodies=bodies, door=admits)
    _add_routes(app, metrics)
    inference.add_to(app)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def champion(registry: Path, alias: str = "champion") -> Bundle:
    """The bundle behind an alias; InputError says which command makes one."""
    return Bundle.load(Registry(registry).path(alias))


def from_settings() -> FastAPI:
    """The service as config.toml describes it, for `uvicorn --factory`."""
    read = settings.load()
    rollout = Rollout(read.paths.registry, shadow=read.service.shadow, canary_share=read.service.canary_share)
    first = champion(rollout.registry)
    return create_app(first, predictions=read.paths.predictions, rollout=rollout, limits=read.service)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    for each in app.state.background:
        each.start()
    app.state.ready = True
    yield
    app.state.ready = False
    for each in reversed(app.state.background):
        each.stop()


def _add_routes(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="The service takes traffic; 503 before the start is complete and once a stop began")
    async def readyz(response: Response) -> dict[str, str]:
        response.status_code = 200 if app.state.ready else 503
        return {"status": "ready" if app.state.ready else "not ready"}

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
        "threshold": bundle.threshold,
        "key": signature.key,
        "time": predictor.reader.time,
        "max_rows": predictor.reader.max_rows,
        "created": bundle.manifest["created"],
        "contract": signature.version_of_contract,
        "metrics": bundle.metrics,
        "features": features,
    }


def _describe(app: FastAPI) -> dict[str, Any]:
    predictor: Predictor = app.state.predictor
    if getattr(app.state, "described", None) is not predictor:
        described = get_openapi(title=app.title, version=predictor.bundle.version, routes=app.routes)
        app.openapi_schema, app.state.described = complete(described, predictor), predictor
    return dict(app.openapi_schema or {})
