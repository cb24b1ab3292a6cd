"""Two ways to reach people on this machine: a mail server and a chat that keep what they are told."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs to leave a mail."""

    def handle(self) -> None:
        """One session; the mail is appended to the `kept` of the server."""
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.say("354 go on")
                self.keep()
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 yes")

    def say(self, text: str) -> None:
        """Answer with a line."""
        self.wfile.write(f"{text}\r\n".encode())

    def keep(self) -> None:
        """Read a mail up to the lonely dot."""
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.kept.append(message_from_bytes(b"".join(lines), policy=default))  # type: ignore[attr-defined]
        self.say("250 kept")


class Chat(BaseHTTPRequestHandler):
    """Keeps the JSON of each message; it is refused as long as the server is `shut`."""

    def do_POST(self) -> None:
        """Keep a message."""
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.server.shut:  # type: ignore[attr-defined]
            self.server.kept.append(told)  # type: ignore[attr-defined]
        self.send_response(500 if self.server.shut else 200)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening(server: Any) -> Iterator[Any]:
    """A server that answers as long as the block, and keeps what it is told."""
    server.kept, server.shut = [], False
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def mailbox() -> Any:
    """A mail server."""
    return socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)


def chat() -> Any:
    """A chat."""
    return ThreadingHTTPServer(("127.0.0.1", 0), Chat)
