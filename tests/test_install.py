"""A stamped project installs for real: from its own folder, never from an index, on every Python that it names."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.conftest import StampedProject
from tools.ownership import ROOT, TEMPLATE

pytestmark = pytest.mark.slow

REQUIRES_PYTHON = SpecifierSet(
    tomllib.loads((TEMPLATE / "platform" / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
)
PYTHONS = list(REQUIRES_PYTHON.filter(f"3.{minor}" for minor in range(100)))


@pytest.fixture(scope="session")
def uv() -> str:
    """The path of uv, which this repository's development group brings."""
    return str(Path(sys.executable).with_name("uv"))


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder as its people do: nothing of the environment of these tests is seen there."""
    others = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}
    inherited = {key: value for key, value in os.environ.items() if key not in others}
    local = {
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1"))),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",  # uv fetches them from elsewhere than the index
        "COLUMNS": "120",
    }
    return subprocess.run(
        command, cwd=folder, env=inherited | local | environment, capture_output=True, text=True, check=False
    )


def succeeded(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


# Dependency confusion -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Index:
    """A package index on this machine, and the names that were looked up there."""

    url: str
    requests: list[str]

    def looked_up(self, name: str) -> int:
        return sum(f"/simple/{name}/" in path for path in self.requests)


@pytest.fixture
def hostile_index(tmp_path) -> Iterator[Index]:
    """An index whose one package is named like the platform's, newer than every one of the platform's versions."""
    root = tmp_path / "index"
    packages = root / "simple" / "building-block"
    packages.mkdir(parents=True)
    with zipfile.ZipFile(packages / "building_block-99.0.0-py3-none-any.whl", "w") as wheel:
        about = "building_block-99.0.0.dist-info"
        wheel.writestr("building_block/__init__.py", 'raise RuntimeError("this is not the platform\'s package")\n')
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: building-block\nVersion: 99.0.0\n")
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Index(f"http://127.0.0.1:{server.server_port}/simple", requests)
        server.shutdown()


def lock(project: StampedProject, uv: str, index: Index, **environment: str) -> dict:
    """Lock with the hostile index asked before all others, and return what was locked as building-block."""
    indexes = " ".join(filter(None, (index.url, os.environ.get("UV_INDEX"))))
    succeeded(run(project.root, uv, "lock", UV_INDEX=indexes, **environment))
    packages = tomllib.loads((project.root / "uv.lock").read_text(encoding="utf-8"))["package"]
    return next(package for package in packages if package["name"] == "building-block")


def pip_plan(project: StampedProject, uv: str, index: Index, *arguments: str) -> tuple[str, str]:
    """Return version and origin of the building-block that pip would install."""
    report = project.root.parent / "report.json"
    pip = (uv, "run", "--quiet", "--isolated", "--no-project", "--with", "pip", "python", "-m", "pip")
    options = ("--dry-run", "--ignore-installed", "--report", str(report), "--extra-index-url", index.url)
    succeeded(run(project.root, *pip, "install", *options, *arguments))
    for package in json.loads(report.read_text(encoding="utf-8"))["install"]:
        if package["metadata"]["name"] == "building-block":
            return package["metadata"]["version"], package["download_info"]["url"]
    raise AssertionError("pip installs no building-block")


@pytest.fixture
def small(project) -> StampedProject:
    """A project whose stack is one package, since pip takes half a minute to resolve the whole one."""
    file = project.root / "platform" / "pyproject.toml"
    text, changes = re.subn(
        r"^dependencies = \[.*?^\]", 'dependencies = ["pyyaml"]', file.read_text(), flags=re.M | re.S
    )
    assert changes == 1
    file.write_text(text)
    return project


def test_uv_never_looks_the_platform_up_on_an_index(project, uv, hostile_index):
    assert lock(project, uv, hostile_index)["source"] == {"editable": "platform"}
    assert hostile_index.looked_up("dagster") > 0  # the index was asked, but not for this
    assert hostile_index.looked_up("building-block") == 0


def test_without_its_path_source_uv_takes_the_platform_from_the_index(small, uv, hostile_index, tmp_path):
    small.replace("pyproject.toml", 'building-block = { path = "platform", editable = true }', "")
    # In a cache of its own, so that nobody's cache ever holds the hostile package.
    assert lock(small, uv, hostile_index, UV_CACHE_DIR=str(tmp_path / "cache"))["version"] == "99.0.0"
    assert hostile_index.looked_up("building-block") > 0


def test_pip_that_is_given_both_paths_never_looks_the_platform_up_on_an_index(small, uv, hostile_index):
    version, origin = pip_plan(small, uv, hostile_index, "--editable", "platform", "--editable", ".")
    assert version != "99.0.0"
    assert origin == (small.root / "platform").as_uri()
    assert hostile_index.looked_up("pyyaml") > 0
    assert hostile_index.looked_up("building-block") == 0


def test_pip_that_is_given_one_path_takes_the_platform_from_the_index(small, uv, hostile_index):
    version, origin = pip_plan(small, uv, hostile_index, "--no-cache-dir", "--editable", ".")
    assert version == "99.0.0"
    assert origin.startswith(hostile_index.url)


# The real install -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Demonstration:
    """What `make demo` printed, and the project that it stamped, installed and built."""

    printed: str
    root: Path
    uv: str

    def run(self, *command: str) -> str:
        return succeeded(run(self.root, self.uv, "run", "--quiet", *command))


@pytest.fixture(scope="session")
def demonstration(on_disk) -> Demonstration:
    """A newcomer's: a clone in a folder whose path has a space, on a machine of python3, git and make alone."""
    clone = on_disk / "building block"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copy2(ROOT / "Makefile", clone)
    tools = on_disk / "bin"
    tools.mkdir()
    # The machine's own Python, not this environment's.
    (tools / "python3").symlink_to(os.path.realpath(f"{sys.base_prefix}/bin/python3"))
    printed = succeeded(
        run(clone, "make", "demo", "LANDING=template/sample/retail", PATH=f"{tools}:/usr/bin:/bin", UV_PYTHON="")
    )
    return Demonstration(printed, clone / "build" / "sales", str(clone / ".tools" / "bin" / "uv"))


def test_the_demonstration_installs_and_builds_a_project_that_is_all_its_own(demonstration):
    """One test, since an install is dear and a second worker would make its own."""
    tables = [line.split()[0] for line in demonstration.printed.splitlines() if line.startswith("published/")]
    assert tables == ["published/daily_orders", "published/orders"]
    assert "To see the graph in the browser: cd build/sales && " in demonstration.printed
    assert StampedProject(demonstration.root).query("select count(*) from raw.invoices") == [(2748,)]

    packages = "import sales, building_block as b; print(sales.__file__, b.__file__, sep='\\n')"
    assert demonstration.run("python", "-c", packages).splitlines() == [
        str(demonstration.root / "src" / "sales" / "__init__.py"),
        str(demonstration.root / "platform" / "building_block" / "__init__.py"),
    ]
    listed = json.loads(demonstration.run("dg", "list", "components", "--json"))["items"]
    assert {item["key"] for item in listed if item["key"].startswith("building_block.")} == {
        f"building_block.components.{name}" for name in ("DbtModels", "IngestFolder", "PublishedPorts")
    }
    assets = json.loads(demonstration.run("dg", "list", "defs", "--json"))["assets"]
    assert {"sales/raw/invoices", "sales/marts/daily_order_summary"} <= {
        "/".join(asset["asset_key_parts"]) for asset in assets
    }
    demonstration.run("poe", "--quiet", "check")


# Supported Pythons ----------------------------------------------------------------------------------------------------


def resolve(project: StampedProject, uv: str, python: str) -> subprocess.CompletedProcess[str]:
    """Resolve the project, its tools and every extra of the platform from wheels alone.

    A package without a wheel runs code of its own while it is installed, and may download from anywhere.
    """
    everything = ("pyproject.toml", "platform/pyproject.toml", "--group", "dev", "--all-extras")
    return run(project.root, uv, "pip", "compile", "--quiet", "--no-build", "--python-version", python, *everything)


def test_three_pythons_are_supported():
    assert len(PYTHONS) == 3


@pytest.mark.parametrize("python", PYTHONS)
def test_the_whole_stack_is_there_as_wheels_for_each_supported_python(project, uv, python):
    pins = [line for line in succeeded(resolve(project, uv, python)).splitlines() if line[:1] not in {" ", "#"}]
    assert {"-e platform"} == {pin for pin in pins if "==" not in pin}  # so nothing comes by URL or from git
    assert {"dagster", "dbt-core", "duckdb", "pandas", "polars", "ruff"} <= {pin.partition("==")[0] for pin in pins}


@pytest.mark.parametrize(
    "pin", ["docopt==0.6.2", "scikit-learn==1.3.0"], ids=["none at all", "none for the last Python"]
)
def test_a_package_without_a_wheel_for_a_supported_python_is_found(project, uv, pin):
    project.replace("platform/pyproject.toml", "dependencies = [\n", f'dependencies = [\n  "{pin}",\n')
    result = resolve(project, uv, PYTHONS[-1])
    assert result.returncode == 1
    assert f"Because {pin} has no usable wheels" in result.stderr
