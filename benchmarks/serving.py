"""The service against the model servers that people use, with the same model and row, in turn on this machine.

Peers: MLflow and a naive FastAPI in the environment of the project, MLServer and BentoML in environments of their own.
The limit is what the framework does with the same row and a constant answer.
"""

import copy
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import load
from load import PEERS
from load import Load
from load import Program

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENTS = REPOSITORY / "build" / "peers"
UV = REPOSITORY / ".venv" / "bin" / "uv"
INSTALLED = {"mlserver": ["mlserver==1.7.1", "mlserver-sklearn==1.7.1"], "bento": ["bentoml==1.4.39"]}
SECONDS = 5
OURS, LIMIT = "service", "constant answer"


def measure(project: Path, rounds: int) -> dict[str, Any]:
    """Every server in turn, `rounds` times; the medians, and our ratios to the best peer."""
    scratch = project / "build-benchmark"
    scratch.mkdir(exist_ok=True)
    model, row = _model(project, scratch)
    with ExitStack() as stack:
        servers = [stack.enter_context(load.running(each, scratch)) for each in _programs(project, model, row, scratch)]
        for server in servers:
            load.measure(server, 1)
        loads: dict[str, list[Load]] = {server.name: [] for server in servers}
        for number in range(rounds):
            for server in servers:
                found = load.measure(server, SECONDS)
                loads[server.name].append(found)
                print(
                    f"round {number + 1}: {server.name:16} {found.rate:8.0f} requests/s, p99 {found.p99:.1f} ms",
                    flush=True,
                )
    figures = {server.name: _medians(loads[server.name], server.ready) for server in servers}
    return {"connections": load.CONNECTIONS, "servers": figures, **_ratios(figures)}


def _medians(loads: Sequence[Load], ready: float) -> dict[str, float]:
    names = asdict(loads[0])
    medians = {name: statistics.median(getattr(each, name) for each in loads) for name in names}
    return {**{name: round(value, 3) for name, value in medians.items()}, "ready": round(ready, 2)}


def _ratios(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    peers = [name for name in figures if name not in {OURS, LIMIT}]
    ours = figures[OURS]
    return {
        "requests_to_best_peer": round(ours["rate"] / max(figures[name]["rate"] for name in peers), 1),
        "cpu_to_constant_answer": round(ours["cpu"] / figures[LIMIT]["cpu"], 2),
        "p99_to_best_peer": round(ours["p99"] / min(figures[name]["p99"] for name in peers), 4),
    }


def _model(project: Path, scratch: Path) -> tuple[Path, dict[str, Any]]:
    """The fitted pipeline as a file that needs scikit-learn only, and a row of the test period."""
    package = _package(project)
    os.environ["MLE_HOME"] = str(project)
    settings, steps = import_module(f"{package}.settings"), import_module(f"{package}.steps")
    data, training, joblib = (
        import_module(f"{package}.data"),
        import_module(f"{package}.training"),
        import_module("joblib"),
    )
    config = settings.load()
    steps.ensure(config)
    split = data.split(steps.features(config), config.split.train, config.split.test)
    pipeline = copy.deepcopy(training.fit(split.train, config.model))
    # The function that makes float32 is the package's: without it the file loads anywhere, and the work is the same.
    pipeline.named_steps["encoder"].named_transformers_["number"].func = None
    joblib.dump(pipeline, scratch / "model.joblib")
    names = list(config.model.features)
    row = json.loads(split.test[names].dropna().iloc[:1].to_json(orient="records"))[0]
    return scratch / "model.joblib", row


def _programs(project: Path, model: Path, row: dict[str, Any], scratch: Path) -> list[Program]:
    package = _package(project)
    here = Path(sys.executable)
    environment = {"PEER_MODEL": str(model), "PYTHONPATH": str(PEERS)}
    service = [
        here,
        "-m",
        f"{package}.service",
        "--registry",
        project / "registry",
        "--predictions",
        scratch / "log.sqlite",
    ]
    uvicorn = [here, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
    saved = _mlflow(model, scratch / "mlflow-model")
    mlflow = [here.with_name("mlflow"), "models", "serve", "--env-manager", "local", "-m", saved, "-h", "127.0.0.1"]
    bento = [_commands("bento") / "bentoml", "serve", "bento:Flights", "--host", "127.0.0.1", "--working-dir", PEERS]
    on_path = {**environment, "PATH": f"{here.parent}{os.pathsep}{os.environ['PATH']}"}

    def program(
        name: str, command: Sequence[object], paths: tuple[str, str], content: object, **variables: str
    ) -> Program:
        port = load.free_port()
        post, ready = (f"http://127.0.0.1:{port}{path}" for path in paths)
        if name == "MLServer":
            _settings_of_mlserver(scratch / "mlserver", model, port)
        else:
            command = [*command, "--port", port]
        return Program(name, [str(word) for word in command], post, ready, content, variables or environment)

    infer = "/v2/models/flights"
    mlserver = [_commands("mlserver") / "mlserver", "start", scratch / "mlserver"]
    return [
        program(OURS, service, ("/v1/predict", "/readyz"), row),
        program(LIMIT, [*uvicorn, "constant:app"], ("/predict", "/ready"), row),
        program("naive FastAPI", [*uvicorn, "naive:app"], ("/predict", "/ready"), row),
        program("MLflow", mlflow, ("/invocations", "/ping"), {"dataframe_records": [row]}, **on_path),
        program("MLServer", mlserver, (f"{infer}/infer", f"{infer}/ready"), _tensors(row)),
        program("BentoML", bento, ("/predict", "/readyz"), {"row": row}),
    ]


def _package(project: Path) -> str:
    return next(path.name for path in (project / "src").iterdir() if (path / "cli.py").is_file())


def _commands(name: str) -> Path:
    """The commands of a peer's own environment, which is made when it is missing."""
    folder = ENVIRONMENTS / name
    if not (folder / "installed").exists():
        print(f"Installing {', '.join(INSTALLED[name])}", flush=True)
        subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        versions = [f"{p}=={import_module('importlib.metadata').version(p)}" for p in ("scikit-learn", "joblib")]
        subprocess.run([UV, "pip", "install", "--quiet", "--python", folder, *INSTALLED[name], *versions], check=True)
        (folder / "installed").touch()
    return folder / "bin"


def _mlflow(model: Path, folder: Path) -> Path:
    if not folder.exists():
        save = (
            "import joblib, mlflow.sklearn, sys; "
            "mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2], pyfunc_predict_fn='predict_proba', "
            "serialization_format='cloudpickle')"
        )
        subprocess.run([sys.executable, "-c", save, model, folder], check=True, capture_output=True)
    return folder


def _settings_of_mlserver(folder: Path, model: Path, port: int) -> None:
    folder.mkdir(exist_ok=True)
    server = {"http_port": port, "grpc_port": load.free_port(), "metrics_port": load.free_port(), "host": "127.0.0.1"}
    flights = {"name": "flights", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": str(model)}}
    (folder / "settings.json").write_text(json.dumps({**server, "parallel_workers": 0}), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(flights), encoding="utf-8")


def _tensors(row: dict[str, Any]) -> dict[str, Any]:
    """One tensor for each feature, read as a DataFrame by MLServer."""
    text = {"datatype": "BYTES", "parameters": {"content_type": "str"}}
    number = {"datatype": "FP64"}
    inputs = [
        {"name": name, "shape": [1, 1], "data": [value], **(text if isinstance(value, str) else number)}
        for name, value in row.items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}
