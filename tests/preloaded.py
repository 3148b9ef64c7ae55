"""`building-block` in processes of their own that find Dagster and dbt imported already: half of a build's CPU seconds.

This process imports the libraries and nothing of a project, and forks once for each command. The fork has arguments,
folder, environment, standard streams and exit code of its own, and imports ``building_block`` from the project. It
stays one thread, which alone survives a fork: what starts threads when it is imported, such as polars, is left to the
command. The dbt that a command starts is forked likewise, from what the command was before it did anything.
"""

import atexit
import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("dagster", "dagster_dbt", "dbt.cli.main", "sqlalchemy.dialects.sqlite", "alembic.command", "rich.progress")
OF_THE_INTERPRETER = ("PYTHON", "PATH", "LD_", "MALLOC_")
"""Beginnings of the variables that only a process of its own reads."""


def can_run(environment: dict[str, str]) -> bool:
    """Say whether a command in this environment is the same here as in a process that was started for it."""
    return sys.platform == "linux" and not any(name.startswith(OF_THE_INTERPRETER) for name in environment)


def run(root: Path, path: list[Path], arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run a command as ``subprocess.run`` does, with ``path`` before the libraries."""
    read, write = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        request = [str(root), [*map(str, path)], arguments, environment]
        socket.send_fds(_server(), [json.dumps(request).encode()], [out.fileno(), err.fileno(), write])
        os.close(write)
        with open(read, encoding="ascii") as ended:
            code = int(ended.read())
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(["building-block", *arguments], code, *texts)


@cache
def _server() -> socket.socket:
    """Return the connection to the process that forks, which ends when the connection does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        fd = theirs.fileno()
        command = [sys.executable, "-c", f"from tests.preloaded import serve; serve({fd})"]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[fd], stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(fd: int) -> None:
    """Import the libraries, then fork for each request; in a fork, run the command."""
    for library in LIBRARIES:
        importlib.import_module(library)
    for loaded in ("building_block", "polars", "pyarrow", "duckdb"):
        assert loaded not in sys.modules, loaded
    gc.freeze()
    _fork_for_each(socket.socket(fileno=fd), _building_block)


def _fork_for_each(requests: socket.socket, command: Callable[[], None]) -> None:
    requests.set_inheritable(False)
    while True:
        request, streams, _, _ = socket.recv_fds(requests, 2**20, 3)
        if not request:
            break
        if not os.fork():
            requests.close()
            return _run(command, request, *streams)
        for stream in streams:
            os.close(stream)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _run(command: Callable[[], None], request: bytes, out: int, err: int, ended: int) -> None:
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        os.write(ended, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(ended)
    for stream, place in ((out, 1), (err, 2)):
        os.dup2(stream, place)
        os.close(stream)
    folder, path, arguments, environment = json.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.path[:0] = path
    sys.argv[1:] = arguments
    sys.exit(command())


def _building_block() -> None:
    """Run `building-block` with the arguments of this process, or as `python` does what follows `-c` among them."""
    _fork_dbt()
    if sys.argv[1:2] == ["-c"]:
        code = sys.argv.pop(2)
        del sys.argv[0]
        exec(code, {"__name__": "__main__"})  # noqa: S102 - a test's own
    else:
        sys.argv[0] = str(Path(sys.executable).with_name("building-block"))
        from building_block.cli import main

        main()


def _dbt() -> None:
    sys.argv[0] = str(Path(sys.executable).with_name("dbt"))
    from dbt.cli.main import cli

    cli()


ASKING = """
import json, os, socket, sys
read, write = os.pipe()
request = json.dumps([os.getcwd(), [], sys.argv[2:], {**os.environ}]).encode()
socket.send_fds(socket.socket(fileno=int(sys.argv[1])), [request], [1, 2, write])
os.close(write)
with open(read, encoding="ascii") as ended:
    sys.exit(int(ended.read()))
"""
"""A process that stands for one of dbt's, which has its folder, environment and streams, until that ends."""


def _fork_dbt() -> None:
    """Have each `dbt` that this process is going to start forked from what it is now."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not (forking := os.fork()):
        ours.close()
        _fork_for_each(theirs, _dbt)
        os._exit(0)
    theirs.close()

    def end() -> None:
        ours.close()
        os.waitpid(forking, 0)

    atexit.register(end)

    class Popen(subprocess.Popen):
        def __init__(self, args: list[str], **options: Any) -> None:
            if Path(args[0]).name == "dbt":
                args = [sys.executable, "-I", "-S", "-c", ASKING, str(ours.fileno()), *args[1:]]
                options["pass_fds"] = [ours.fileno()]
            super().__init__(args, **options)

    subprocess.Popen = Popen
