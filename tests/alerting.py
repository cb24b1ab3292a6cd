"""A real Prometheus and a real Alertmanager on this machine, in which a minute is a second, and who hears from them."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


class Heard:
    """What a webhook was told: the states of each alert in the order in which they came."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []

    def states(self, name: str) -> list[str]:
        """ "firing" and "resolved", repetitions left out."""
        states = [each["status"] for each in self.alerts if each["labels"]["alertname"] == name]
        return [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]

    def pages(self) -> set[str]:
        """The runbooks that were named."""
        return {each["annotations"]["runbook_url"] for each in self.alerts}


def quicker(text: str) -> str:
    """Settings with seconds for minutes and minutes for hours; what is seconds already is one second."""
    text = re.sub(r"\b\d+s\b", "1s", text)
    return re.sub(r"\b(\d+)h\b", r"\1m", re.sub(r"\b(\d+)m\b", r"\1s", text))


@contextmanager
def watched(deploy: Path, scratch: Path, tools: dict[str, str], ports: dict[str, int]) -> Iterator[Heard]:
    """Prometheus and Alertmanager with the settings in `deploy`; `ports` are theirs and that of the service."""
    heard = Heard()
    with ExitStack() as stack:
        webhook = stack.enter_context(_webhook(heard))
        there = {
            f"{name}:{port}": f"{HOST}:{ports[name]}" for name, port in (("service", 8000), ("alertmanager", 9093))
        }
        there |= {"127.0.0.1:9090": f"{HOST}:{ports['prometheus']}", "http://webhook.invalid/alerts": webhook}
        for name in ("prometheus/prometheus.yml", "prometheus/rules.yml", "alertmanager/alertmanager.yml"):
            words = quicker((deploy / name).read_text(encoding="utf-8"))
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
        yield heard


@contextmanager
def _webhook(heard: Heard) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.alerts += json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]
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
