"""A project's graph in Chromium: for the test that looks at it, and for the picture of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def environment(root: Path) -> dict[str, str]:
    """Return the environment in which a stamped project's commands use this repository's packages and its own."""
    path = os.pathsep.join(map(str, (root / "platform", root / "src")))
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": path, "PATH": binaries}


@contextmanager
def started(root: Path) -> Iterator[str]:
    """Run `poe start` in a stamped project on a free port and yield its address, once it answers."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    # Into a file and not a pipe: nobody reads along, and a full pipe would stop the server.
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["poe", "start", "--", "--host", "127.0.0.1", "--port", str(port)],  # noqa: S607
            cwd=root,
            env=environment(root),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if not _answers(address, process):
                output.seek(0)
                raise RuntimeError(f"`poe start` did not come up: {output.read()}")
            yield address
        finally:
            # The whole session: webserver, daemon and code server are children of children.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str, process: subprocess.Popen) -> bool:
    """Wait until the webserver answers; return False when it ended, or took three minutes."""
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            ask(address, "{ version }")
            return True
        time.sleep(0.5)
    return False


def ask(address: str, query: str) -> dict:
    """Return what the webserver answers to a GraphQL query."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["data"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the machine's own Chromium; Playwright would download another.

    Raises:
        FileNotFoundError: there is none.
    """
    if (program := shutil.which("chromium")) is None:
        raise FileNotFoundError("chromium is not installed: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
