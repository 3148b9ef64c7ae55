"""`building-block` in processes of their own that find Dagster and dbt imported already: half of a build's CPU seconds.

This process imports the libraries and nothing of a project, and forks once for each command. The fork has arguments,
folder, environment, standard streams and exit code of its own, and imports ``building_block`` from the project. It
stays one thread, which alone survives a fork, but for those in which allocators tidy up: polars, which starts others
when it is imported, is left to the command. The dbt that a command starts is forked likewise, from what the command was
before it did anything.

Whoever calls `building-block` by its name, as poe does, finds a stand-in in ``tools`` that asks for the fork.
"""

import atexit
import gc
import importlib
import inspect
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = (
    *("dagster", "dagster_dbt", "dbt.cli.main", "sqlalchemy.dialects.sqlite", "alembic.command", "rich.progress"),
    *("dbt.adapters.duckdb", "pyarrow.compute", "pyarrow.dataset"),
    *("numpy", "open_data_contract_standard.model", "pydoc", "tomlkit", "typer"),
)
OF_THE_INTERPRETER = ("PYTHON", "LD_", "MALLOC_")
"""Beginnings of the variables that only a process of its own reads."""
INVENTORY = "/building_block/inventory.py"
"""What `poe impact` runs on either side of a change."""
SEED = {"PYTHONHASHSEED": "0"}
"""What it begins with there, so all do here."""
PYTHON = Path(sys.executable)
"""The real one, whose folder has the real tools."""


def can_run(environment: dict[str, str]) -> bool:
    """Say whether a command in this environment is the same here as in a process that was started for it."""
    return sys.platform == "linux" and not any(name.startswith(OF_THE_INTERPRETER) for name in environment)


def run(root: Path, path: list[Path], arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run a command as ``subprocess.run`` does, with ``path`` before the libraries."""
    read, write = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        request = [str(root), [*map(str, path)], str(PYTHON), arguments, environment]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.connect(server())
            streams = [nothing.fileno(), out.fileno(), err.fileno(), write]
            socket.send_fds(asking, [json.dumps(request).encode()], streams)
        os.close(write)
        with open(read, encoding="ascii") as ended:
            code = int(ended.read())
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(["building-block", *arguments], code, *texts)


@cache
def server() -> str:
    """Return where the process that forks listens; it ends when this one does."""
    folder = tempfile.mkdtemp(prefix="preloaded-")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(place := f"{folder}/socket")
    listener.listen(64)
    ours, theirs = socket.socketpair()
    with theirs, listener:
        fds = [listener.fileno(), theirs.fileno()]
        command = [sys.executable, "-c", f"from tests.preloaded import serve; serve(*{fds})"]
        environment = os.environ | SEED
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=fds, stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return place


# The tools that ask ---------------------------------------------------------------------------------------------------

ASKING = """
import json, os, socket, sys
read, write = os.pipe()
request = json.dumps([os.getcwd(), {path}, {python!r}, {arguments}, {{**os.environ}}]).encode()
{asking}
socket.send_fds(asking, [request], [0, 1, 2, write])
asking.close()
os.close(write)
with open(read, encoding="ascii") as ended:
    code = int(ended.read() or 1)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
"""A process that stands for a forked one, which has its folder, environment and streams, until that ends.

It runs as ``python -IS`` does, without any package.
"""
FORKED = """#!{real} -IS
import os, sys
said = {{name: value for name, value in os.environ.items() if name.startswith({beginnings})}}
path = [one for one in said.pop("PYTHONPATH", "").split(os.pathsep) if one] + {path}
arguments = [one for one in sys.argv[1:] if one != "-P"]
safe = said.pop("PYTHONSAFEPATH", None) == "1" or arguments != sys.argv[1:]
own = not said.items() <= {surroundings}.items()
if {is_python}:
    if arguments[:2] == ["-c", "from building_block.cli import main; main()"]:
        del arguments[:2]
    elif arguments[:2] != ["-m", "upgrade"] and not (safe and arguments and arguments[0].endswith({inventory!r})):
        own = True
if own or arguments[:1] == ["start"]:
    os.execv({instead!r}, [{instead!r}, *sys.argv[1:]])
if {is_python} and not safe:
    path.insert(0, os.getcwd())
"""


def stand_in(tool: Path, instead: Path, python: Path = PYTHON, path: Sequence[Path] = ()) -> None:
    """Write a `building-block`, or a `python` that runs it, the updater and an inventory, which is forked.

    ``path`` is where Python looks besides, after ``PYTHONPATH``, and ``python`` what the fork takes for its own.
    What cannot be forked ``instead`` does, which is the real tool.
    """
    asking = f"asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); asking.connect({server()!r})"
    text = FORKED.format(
        real=PYTHON,
        beginnings=OF_THE_INTERPRETER,
        surroundings={n: value for n, value in os.environ.items() if n.startswith(OF_THE_INTERPRETER)} | SEED,
        inventory=INVENTORY,
        is_python=tool.name == "python",
        instead=str(instead),
        path=[*map(str, path)],
    )
    text += ASKING.format(path="path", python=str(python), arguments="arguments", asking=asking)
    tool.write_text(text, encoding="utf-8")
    tool.chmod(0o755)


@cache
def tools() -> Path:
    """Return a folder of the shared environment's tools, in which `building-block` and `python` are forked."""
    if not can_run({}):
        return PYTHON.parent
    folder = Path(tempfile.mkdtemp(prefix="tools-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    forked = ("building-block", "python")
    for tool in PYTHON.parent.iterdir():
        if tool.name not in forked:
            (folder / tool.name).symlink_to(tool)
    for name in forked:
        stand_in(folder / name, PYTHON.with_name(name), folder / "python")
    return folder


# The process that forks -----------------------------------------------------------------------------------------------


def serve(listening: int, living: int) -> None:
    """Import the libraries, then fork for each request; in a fork, run the command."""
    atexit.register(_leave)  # the first to be registered is the last to be called
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    _import()
    inspect.stack()  # dbt asks for it in every process, and it looks at every module that it has not seen
    for loaded in ("building_block", "polars"):
        assert loaded not in sys.modules, loaded
    gc.freeze()
    gc.disable()  # a command ends before it would be worth it
    _fork_for_each(_accepted(socket.socket(fileno=listening), socket.socket(fileno=living)), _building_block)


def _import() -> None:
    """Import the libraries, and do now what dbt does at the first use of a class, in each process of its builds."""
    from dbt_common.dataclass_schema import dbtMashConfig

    dbtMashConfig.lazy_compilation = False  # of what reads and writes the fields
    for library in LIBRARIES:
        importlib.import_module(library)

    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from dbt.artifacts.resources import ModelConfig, TestConfig
    from dbt.contracts.graph.nodes import GenericTestNode, ModelNode
    from dbt.contracts.graph.unparsed import UnparsedModelUpdate
    from dbt.contracts.project import Configuration, PackageConfig, Project, ProjectFlags

    read = (Configuration, DuckDBCredentials, PackageConfig, Project, ProjectFlags, UnparsedModelUpdate)
    for described in (*read, ModelConfig, ModelNode, TestConfig, GenericTestNode):
        described.json_schema()


Request = tuple[bytes, list[int]]


def _accepted(listener: socket.socket, living: socket.socket) -> Iterator[Request]:
    """Yield what each caller asks, until nothing lives on the other side of ``living``."""
    with listener, living:
        while living not in select.select([listener, living], [], [])[0]:
            with listener.accept()[0] as caller:
                request, streams, _, _ = socket.recv_fds(caller, 2**20, 4)
            if len(streams) == 4:
                yield request, streams


def _received(asked: socket.socket) -> Iterator[Request]:
    """Yield what is asked over one connection, until the other side has closed it."""
    with asked:
        while request := socket.recv_fds(asked, 2**20, 4):
            if not request[0]:
                return
            yield request[0], request[1]


def _fork_for_each(requests: Iterator[Request], command: Callable[[], None]) -> None:
    for request, streams in requests:
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


def _run(command: Callable[[], None], request: bytes, of_input: int, out: int, err: int, ended: int) -> None:
    if child := os.fork():
        code = _awaited(child, ended)
        with suppress(BrokenPipeError):
            os.write(ended, str(code).encode())
        os._exit(0)
    os.setpgid(0, 0)
    os.close(ended)
    for stream, place in ((of_input, 0), (out, 1), (err, 2)):
        os.dup2(stream, place)
        os.close(stream)
    folder, path, python, arguments, environment = json.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.path[:] = [*path, *filter(None, sys.path)]
    sys.executable = python
    sys.argv[1:] = arguments
    global _code
    try:
        command()
        _code = 0
    except SystemExit as end:
        _code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


_code = 1


def _leave() -> None:
    """End this process without taking apart what it had imported, which costs a tenth of a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_code)


def _awaited(child: int, ended: int) -> int:
    """Return how a process ends, which does so at once when nobody waits at ``ended`` any more."""
    events = select.poll()
    pid = os.pidfd_open(child)
    events.register(pid, select.POLLIN)
    events.register(ended, 0)
    if all(fd == ended for fd, _ in events.poll()):
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _building_block() -> None:
    """Run `building-block` with this process's arguments, or as `python` does what they begin with."""
    _fork_dbt()
    if sys.argv[1:2] == ["-c"]:
        code = sys.argv.pop(2)
        del sys.argv[0]
        sys.path.insert(0, "")
        exec(code, {"__name__": "__main__"})  # noqa: S102 - a test's own
    elif sys.argv[1:2] == ["-m"]:
        module = sys.argv.pop(2)
        del sys.argv[0]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    elif sys.argv[1:2] and sys.argv[1].endswith(INVENTORY):
        del sys.argv[0]
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        sys.argv[0] = str(PYTHON.with_name("building-block"))
        from building_block.cli import main

        main()


def _dbt() -> None:
    sys.argv[0] = str(PYTHON.with_name("dbt"))
    from dbt.cli.main import cli

    cli()


def _fork_dbt() -> None:
    """Have each `dbt` that this process is going to start forked from what it is now."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not (forking := os.fork()):
        ours.close()
        _fork_for_each(_received(theirs), _dbt)
        os._exit(0)
    theirs.close()

    def end() -> None:
        ours.close()
        os.waitpid(forking, 0)

    atexit.register(end)
    over = f"asking = socket.socket(fileno={ours.fileno()})"
    asking = ASKING.format(path=[], python=sys.executable, arguments="sys.argv[1:]", asking=over)

    class Popen(subprocess.Popen):
        def __init__(self, args: list[str], **options: Any) -> None:
            if Path(args[0]).name == "dbt":
                args = [str(PYTHON), "-I", "-S", "-c", asking, *args[1:]]
                options["pass_fds"] = [ours.fileno()]
            super().__init__(args, **options)

    subprocess.Popen = Popen
