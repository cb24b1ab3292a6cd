"""The service, its limits and its peers, all with one model."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import joblib
import mlflow
import numpy as np
import roadworthy as rw
from environments import PEERS, environment
from load import Server
from mlflow.models import infer_signature
from sklearn.preprocessing import FunctionTransformer

ROWS = 1_000


def prepare(project: rw.Project, scratch: Path) -> tuple[list[Server], list[dict[str, Any]], list[float]]:
    """The contestants with the model of the settings, rows that were not trained on, and their probabilities."""
    parts = project.data.split()
    trained = project.model.train(parts)
    registry = rw.Registry(scratch / "registry")
    registry.promote(project.model.register(trained, registry))
    loaded = registry.bundle()
    drawn = parts.test.sample(ROWS, random_state=1)
    rows = [
        {name: None if _missing(value) else value for name, value in row.items()}
        for row in json.loads(drawn[loaded.names].to_json(orient="records"))
    ]
    pipeline = _plain(trained.pipeline)
    joblib.dump(pipeline, scratch / "model.joblib")
    probabilities = pipeline.predict_proba(drawn[list(pipeline.feature_names_in_)])[:, 1]
    return _contestants(loaded, pipeline, drawn, scratch), rows, probabilities.tolist()


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN


def _plain(pipeline: Any) -> Any:  # noqa: ANN401 - a pipeline of scikit-learn
    """The pipeline without a function of the project, so that the peers need not have the project."""
    encoder = pipeline.named_steps["encoder"]
    plain = FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})
    for steps in (encoder.transformers, encoder.transformers_):
        steps[:] = [
            (name, plain if isinstance(step, FunctionTransformer) else step, columns) for name, step, columns in steps
        ]
    return pipeline


def _contestants(loaded: Any, pipeline: Any, rows: Any, scratch: Path) -> list[Server]:  # noqa: ANN401
    python = sys.executable
    uvicorn = [python, "-m", "uvicorn", "--port", "{port}", "--no-access-log", "--log-level", "warning"]
    uvicorn += ["--app-dir", str(PEERS)]
    model = {"MODEL": str(scratch / "model.joblib")}
    kinds = {"category": "str", "integer": "int"}
    fields = {"FIELDS": json.dumps({f.name: kinds.get(f.kind, "float") for f in loaded.signature.features})}
    log = str(scratch / "predictions.db")
    service = [python, "-m", "roadworthy.serving", "--registry", str(scratch / "registry"), "--port", "{port}"]
    probability = {"probability": lambda answer: answer["probability"]}
    return [
        Server("service", [*service, "--predictions", log], "/v1/predict", **probability),
        Server("constant, same framework", [*uvicorn, "constant:app"], "/v1/predict", environment=fields),
        Server("constant, bare ASGI", [*uvicorn, "constant:bare"], "/", environment=fields),
        Server("FastAPI + joblib", [*uvicorn, "naive:app"], "/v1/predict", environment=model, **probability),
        _mlflow(python, pipeline, rows, scratch),
        _mlserver(scratch, loaded),
        _bento(model),
    ]


def _mlflow(python: str, pipeline: Any, rows: Any, scratch: Path) -> Server:  # noqa: ANN401
    inputs = rows[list(pipeline.feature_names_in_)]
    signature = infer_signature(inputs.astype(dict.fromkeys(inputs.select_dtypes("number"), float)), np.zeros(1))
    mlflow.sklearn.save_model(
        pipeline, scratch / "mlflow", serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba",
        signature=signature,
    )  # fmt: skip
    command = [python, "-m", "mlflow", "models", "serve", "--model-uri", str(scratch / "mlflow"), "--port", "{port}"]
    return Server(
        "mlflow models serve",
        [*command, "--env-manager", "local", "--workers", "1"],
        "/invocations",
        body=lambda row: {"dataframe_split": {"columns": list(row), "data": [_floats(row)]}},
        probability=lambda answer: answer["predictions"][0][1],
        environment={"PATH": f"{Path(python).parent}:/usr/bin:/bin"},  # it starts uvicorn
    )


def _floats(row: dict[str, Any]) -> list[Any]:
    return [value if isinstance(value, str) or value is None else float(value) for value in row.values()]


def _mlserver(scratch: Path, loaded: Any) -> Server:  # noqa: ANN401
    folder = scratch / "mlserver"
    folder.mkdir()
    shutil.copy(scratch / "model.joblib", folder)
    model = {"name": "delays", "implementation": "mlserver_sklearn.SKLearnModel"}
    model |= {"parameters": {"uri": "./model.joblib", "version": "1"}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    categories = {f.name for f in loaded.signature.features if f.kind == "category"}

    def body(row: dict[str, Any]) -> dict[str, Any]:
        inputs = [
            {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [value], "parameters": {"content_type": "str"}}
            if name in categories
            else {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]}
            for name, value in row.items()
        ]
        return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}

    return Server(
        "MLServer",
        [str(environment("mlserver") / "python"), str(PEERS / "mlserver_one.py"), str(folder), "{port}"],
        "/v2/models/delays/infer",
        body=body,
        probability=lambda answer: answer["outputs"][0]["data"][1],
    )


def _bento(model: dict[str, str]) -> Server:
    commands = environment("bento")
    command = [str(commands / "bentoml"), "serve", "bento:Delays", "--port", "{port}", "--working-dir", str(PEERS)]
    return Server(
        "BentoML",
        [*command, "--host", "127.0.0.1"],
        "/predict",
        body=lambda row: {"row": row},
        probability=lambda answer: answer["probability"],
        environment={**model, "BENTOML_DO_NOT_TRACK": "True", "PATH": f"{commands}:/usr/bin:/bin"},
    )
