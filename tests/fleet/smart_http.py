"""Git over HTTP on loopback, in front of bare repositories, with what may befall a connection."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class SmartHttp:
    """Serves the repositories of a folder while its ``running`` block lasts."""

    folder: Path
    cut_at: dict[str, int] = field(default_factory=dict)
    """Repository → after how many bytes of a push its connection breaks."""
    unanswered: set[str] = field(default_factory=set)
    """The repositories that take a push and then break the connection instead of saying so."""
    after_fetch: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Repository → what happens there after each fetch."""
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["SmartHttp"]:
        handler = type("Handler", (_Handler,), {"served": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_port}"
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            try:
                yield self
            finally:
                server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    served: SmartHttp

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        repository = url.path.split(".git/")[0].strip("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_push = url.path.endswith("/git-receive-pack")
        if is_push and repository in self.served.cut_at:
            self._ask(url.path, url.query, body[: self.served.cut_at[repository]])
        else:
            head, _, answer = self._ask(url.path, url.query, body).partition(b"\r\n\r\n")
        if is_push and repository in self.served.cut_at.keys() | self.served.unanswered:
            self.close_connection = True
            return
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(lines.pop("Status", "200").split()[0]))
        for name, value in lines.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)
        if b"command=fetch" in body and (happens := self.served.after_fetch.get(repository)):
            happens()

    do_POST = do_GET  # noqa: N815

    def _ask(self, path: str, query: str, arrived: bytes) -> bytes:
        """Return the answer of ``git http-backend`` to a request of which so much has arrived."""
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.served.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "fleet",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(arrived)),  # of a body that ends before that git reads on without end
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        return subprocess.run(
            ["git", "http-backend"], env=environment, input=arrived, capture_output=True, check=False
        ).stdout


@contextmanager
def silence() -> Iterator[str]:
    """Yield the URL of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"  # the system takes them, though nobody asks it for them


def nobody() -> str:
    """Return a URL at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
