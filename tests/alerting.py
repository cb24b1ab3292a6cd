"""A real Prometheus and a real Alertmanager on this machine, in which a minute is a second, and who hears from them."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

HOST = "127.0.0.1"


class Heard:
    """What a webhook was told: the states of each alert in the order in which they came."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.evaluations: list[float] = []  # when the rules were evaluated, in seconds since 1970

    def states(self, name: str, **labels: str) -> list[str]:
        """ "firing" and "resolved", repetitions left out."""
        wanted = {"alertname": name, **labels}.items()
        states = [each["status"] for each in self.alerts if wanted <= each["labels"].items()]
        return [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]

    def delay(self, name: str, visible: float) -> int:
        """After how many evaluations since `visible` the webhook was first told that an alert fires.

        Evaluations are counted and not seconds: on a busy machine Prometheus itself is late.
        """
        told = min(
            each["heard"]
            for each in self.alerts
            if each["labels"]["alertname"] == name and each["status"] == "firing" and each["heard"] > visible
        )
        return len({at for at in self.evaluations if visible <= at <= told})

    def pages(self) -> set[str]:
        """The runbooks that were named."""
        return {each["annotations"]["runbook_url"] for each in self.alerts}


def quicker(text: str, interval: int = 1) -> str:
    """Settings with seconds for minutes and minutes for hours; what is seconds already is one second.

    The rules are evaluated every `interval` seconds.
    """
    text = re.sub(r"\b\d+s\b", "1s", text)
    text = re.sub(r"\b(\d+)h\b", r"\1m", re.sub(r"\b(\d+)m\b", r"\1s", text))
    return re.sub(r"(evaluation_interval: )1s", rf"\g<1>{interval}s", text)


def query(prometheus: int, expression: str) -> list[dict[str, Any]]:
    """What the Prometheus at a port answers to an expression now; nothing while it starts."""
    address = f"http://{HOST}:{prometheus}/api/v1/query?{urlencode({'query': expression})}"
    try:
        with urlopen(address, timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])
    except OSError:
        return []


@contextmanager
def watched(
    deploy: Path, scratch: Path, tools: dict[str, str], ports: dict[str, int], interval: int = 1
) -> Iterator[Heard]:
    """Prometheus and Alertmanager with the settings in `deploy`; `ports` are theirs and those of what they ask."""
    heard = Heard()
    with ExitStack() as stack:
        webhook = stack.enter_context(_webhook(heard))
        usual = {"service": 8000, "monitor": 9108, "alertmanager": 9093}
        there = {f"{name}:{port}": f"{HOST}:{ports[name]}" for name, port in usual.items() if name in ports}
        there |= {"127.0.0.1:9090": f"{HOST}:{ports['prometheus']}", "http://webhook.invalid/alerts": webhook}
        for name in ("prometheus/prometheus.yml", "prometheus/rules.yml", "alertmanager/alertmanager.yml"):
            words = quicker((deploy / name).read_text(encoding="utf-8"), interval)
            for old, new in there.items():
                words = words.replace(old, new)
            (scratch / Path(name).name).write_text(words, encoding="utf-8")
        own = {
            "prometheus": ("prometheus.yml", "--storage.tsdb.path"),
            "alertmanager": ("alertmanager.yml", "--storage.path"),
        }
        for name, (settings, storage) in own.items():
            command = [tools[name], f"--config.file={scratch / settings}", f"{storage}={scratch / name}"]
            command += [f"--web.listen-address={HOST}:{ports[name]}", "--log.level=warn"]
            command += ["--cluster.listen-address="] if name == "alertmanager" else []
            stack.enter_context(_ended(command))
        stack.enter_context(_counted(heard, ports["prometheus"]))
        yield heard


@contextmanager
def _counted(heard: Heard, port: int) -> Iterator[None]:
    """Write down when the group of the service's rules is evaluated, as Prometheus itself says."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.1):
            try:
                with urlopen(f"http://{HOST}:{port}/api/v1/rules", timeout=10) as answer:
                    groups = json.load(answer)["data"]["groups"]
            except OSError:
                continue
            last = next(each["lastEvaluation"] for each in groups if each["name"] == "service")
            heard.evaluations.append(datetime.fromisoformat(last).timestamp())

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _webhook(heard: Heard) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]
            heard.alerts += [{**each, "heard": time.time()} for each in told]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/alerts"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _ended(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
