"""One Dagster over a fleet, as the how-to says: started for real over three domains and one that does not load."""

import dataclasses
import os
import shlex
import signal
import socket
import subprocess
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import copier
import pytest
import yaml
from building_block.messages import ProblemError

from fleet import lineage
from fleet.lineage import Shown, faults
from fleet.registry import Fleet
from fleet.workspace import MODULE, left_out, workspace
from tests.conftest import StampedProject
from tests.environment import give_environment
from tests.test_tutorial import BLOCK, OF_ALL_DOMAINS
from tools import browser
from tools.ownership import ROOT

BLOCKS = [*BLOCK.finditer(OF_ALL_DOMAINS.read_text(encoding="utf-8"))]
FILES = {block["title"]: block["text"] for block in BLOCKS if block["title"]}
RINGS = "rings:\n- name: canary\n- name: broad\n"
HR = """
- name: hr-ops
  repository: acme/hr-data
  ring: broad
  contact: "@acme/hr"
  location: {folder: /srv/hr-data}
"""
CASH = "finance/reporting/cash_forecast"
PORT = "sales/published/daily_orders"
# What nobody should write: a key that is nobody's, one that is not published, and a domain that is not there.
PLANTED = """
import dagster as dg

READS = ["sales/published/daily_order", "sales/marts/orders_cleaned", "sale/published/orders", "hr_ops/published/pay"]


@dg.asset(key=["finance", "reporting", "planted"], deps=[dg.AssetKey(key.split("/")) for key in READS])
def planted() -> None: ...
"""
ASSETS = """{ assetNodes {
    assetKey { path } isExecutable repository { location { name } } dependencyKeys { path } dependedByKeys { path }
} }"""
LAUNCH = """mutation {
    launchRun(executionParams: {selector: {
        repositoryLocationName: "%s", repositoryName: "__repository__", jobName: "bb_retention"
    }}) { ... on LaunchRunSuccess { run { status tags { key value } } } ... on PythonError { message } }
}"""


def command(beginning: str) -> str:
    """Return the command of the page that begins like this."""
    (text,) = [block["text"] for block in BLOCKS if block["kind"] == "sh" and block["text"].startswith(beginning)]
    return text


def declared(folder: Path, domains: str) -> Fleet:
    folder.mkdir(exist_ok=True)
    (folder / "rings.yaml").write_text(RINGS, encoding="utf-8")
    (folder / "domains.yaml").write_text(domains, encoding="utf-8")
    return Fleet.read(folder)


# The file -------------------------------------------------------------------------------------------------------------


def test_each_domain_becomes_a_location_of_its_name_in_its_own_environment(tmp_path):
    fleet = declared(tmp_path, FILES["domains.yaml"])
    head, _, rest = workspace(fleet).partition("\n")
    assert head == "# Written by `fleet workspace`: edit domains.yaml instead."
    assert yaml.safe_load(rest)["load_from"] == [
        {
            "python_module": {
                "location_name": name,
                "module_name": "building_block.definitions",
                "executable_path": f"/srv/{name}-data/.venv/bin/python",
                "working_directory": f"/srv/{name}-data",
            }
        }
        for name in ("sales", "finance")
    ] + [{"grpc_server": {"location_name": "logistics", "host": "logistics-data.internal", "port": 4000}}]
    assert workspace(Fleet.read(tmp_path)) == workspace(fleet)
    assert left_out(fleet) == []


def test_a_folder_is_relative_to_the_registry_a_python_to_the_folder_and_links_stay(tmp_path, monkeypatch):
    (tmp_path / "fleet").mkdir()
    (tmp_path / "sales").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    text = FILES["domains.yaml"].replace("{folder: /srv/sales-data}", "{folder: ../sales, python: env/bin/python}")
    entry = yaml.safe_load(workspace(declared(Path("fleet"), text)))["load_from"][0]["python_module"]
    assert entry["working_directory"] == f"{tmp_path}/fleet/../sales"
    assert entry["executable_path"] == f"{tmp_path}/fleet/../sales/env/bin/python"


def test_a_domain_without_a_location_or_that_is_skipped_is_left_out_and_named(tmp_path):
    text = FILES["domains.yaml"].replace("  location: {folder: /srv/sales-data}\n", "")
    fleet = declared(tmp_path, text.replace("ring: broad\n", "ring: broad\n  skip: moves house in May\n", 1))
    assert left_out(fleet) == [
        "sales is left out: no `location` in domains.yaml",
        "finance is left out: skipped, moves house in May",
    ]
    assert workspace(fleet).count("location_name") == 1


def test_the_module_is_the_one_that_a_project_names_itself():
    said = (ROOT / "template" / "dg.toml.jinja").read_text(encoding="utf-8")
    assert f'code_location_target_module = "{MODULE}"\n' in said


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("{folder: /srv/sales-data, host: here}", "FL103 domains.yaml:7 domains[0].location: a group of keys is not"),
        ("{}", "FL103 domains.yaml:7 domains[0].location: a group of keys is not what `location` takes; write either"),
        ("/srv/sales-data", "FL103 domains.yaml:7 domains[0].location: `/srv/sales-data` is not what `location` takes"),
        ("{host: here}", "FL102 domains.yaml:7 domains[0].location.port: `port` is missing"),
        ("{python: here}", "FL102 domains.yaml:7 domains[0].location.folder: `folder` is missing"),
        ("{host: here, port: 0}", "FL103 domains.yaml:7 domains[0].location.port: `0` is not what `port` takes"),
        ("{folder: here, foldr: x}", "FL102 domains.yaml:7 domains[0].location.foldr: unknown key `foldr`; write fold"),
        ("{folder: /srv/finance-data}", "FL103 domains.yaml:12 domains[1].location: `/srv/finance-data` stands twice"),
        ("{host: logistics-data.internal, port: 4000}", "FL103 domains.yaml:17 domains[2].location: `logistics-data."),
    ],
)
def test_a_location_that_is_none_of_its_own_is_refused_at_its_line(tmp_path, location, message):
    with pytest.raises(ProblemError) as refused:
        declared(tmp_path, FILES["domains.yaml"].replace("{folder: /srv/sales-data}", location, 1))
    assert str(refused.value).startswith(message)


def test_two_names_that_asset_keys_could_not_tell_apart_are_refused(tmp_path):
    text = FILES["domains.yaml"].replace("name: sales", "name: hr_ops", 1) + HR.strip()
    with pytest.raises(ProblemError, match=r"FL103 domains\.yaml:18 domains\[3\]\.name: `hr_ops` stands twice"):
        declared(tmp_path, text)


# The Dagster ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Central:
    """A running webserver over the fleet."""

    address: str
    fleet: Fleet
    shown: dict[str, Shown]


def stamp(folder: Path, name: str) -> StampedProject:
    data = {"domain_name": name, "repository_url": f"https://git.example.org/acme/{name}", "owner_email": "a@acme.com"}
    copier.run_copy(str(ROOT), folder, data=data, defaults=True, vcs_ref="HEAD", quiet=True)
    project = StampedProject(folder)
    give_environment(project)
    return project


def central_environment(folder: Path) -> Path:
    """Make an environment with dagster and dagster-webserver but nothing of a project, and return its tools."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # What is installed in editable form, as building_block is, is not found by way of another environment.
    packages.joinpath("shared.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    assert subprocess.run([python, "-c", "import building_block"], capture_output=True, check=False).returncode
    tool = folder / "bin" / "dagster-webserver"
    tool.write_text(f'#!/bin/sh\nexec "{python}" -m dagster_webserver "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    return tool.parent


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running(command: str, folder: Path, log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Run a command in a process group of its own, which ends with the block, children and all."""
    with log.open("w") as output:
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=folder,
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(answers: Callable[[], object], process: subprocess.Popen, log: Path) -> None:
    """Wait until ``answers`` raises no OSError."""
    deadline = time.monotonic() + 240
    while True:
        with suppress(OSError):
            answers()
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def central(tmp_path_factory) -> Iterator[Central]:
    """The page followed to its end: `/srv`, the host and both ports are this test's."""
    root = tmp_path_factory.mktemp("fleet")
    finance, logistics, hr = (stamp(root / f"{name}-data", name) for name in ("finance", "logistics", "hr-ops"))
    stamp(root / "sales-data", "sales")
    finance.write("src/finance/defs/cash.py", FILES["src/finance/defs/cash.py"])
    finance.write("src/finance/defs/planted.py", PLANTED)
    hr.write("src/hr_ops/defs/planted.py", "raise RuntimeError('planted')\n")
    home = root / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(FILES["dagster.yaml"], encoding="utf-8")

    ports = {"4000": str(free_port()), "3000": str(free_port())}
    text = (FILES["domains.yaml"] + HR.lstrip()).replace("/srv/", f"{root}/")
    text = text.replace("logistics-data.internal, port: 4000", f"127.0.0.1, port: {ports['4000']}")
    fleet = declared(root / "registry", text.replace("hr-data}", "hr-ops-data}"))
    (root / "workspace.yaml").write_text(workspace(fleet), encoding="utf-8")

    def tools(folder: Path) -> dict[str, str]:
        return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    serve = command("dagster api grpc").replace("--host 0.0.0.0", "--host 127.0.0.1").replace("4000", ports["4000"])
    grpc_log, web_log = root / "grpc.log", root / "web.log"
    address = f"http://127.0.0.1:{ports['3000']}"
    with running(serve, logistics.root, grpc_log, **tools(logistics.root / ".venv" / "bin")) as server:
        until(lambda: socket.create_connection(("127.0.0.1", int(ports["4000"]))).close(), server, grpc_log)
        environment = tools(central_environment(root / "central")) | {
            "DAGSTER_HOME": str(home),
            "DAGSTER_WEBSERVER_PORT": ports["3000"],
        }
        with running(command("dagster-webserver"), root, web_log, **environment) as webserver:
            until(lambda: browser.ask(address, "{ version }"), webserver, web_log)
            yield Central(address, fleet, lineage.ask(address))


@pytest.mark.slow
def test_three_domains_of_the_same_models_are_three_locations_and_no_asset_is_twos(central):
    assert {name: bool(location.error) for name, location in central.shown.items()} == {
        "sales": False,
        "finance": False,
        "logistics": False,
        "hr-ops": True,
    }
    nodes = [node for node in browser.ask(central.address, ASSETS)["assetNodes"] if node["isExecutable"]]
    keys = {"/".join(node["assetKey"]["path"]): node["repository"]["location"]["name"] for node in nodes}
    assert len(keys) == len(nodes)
    for key, location in keys.items():
        assert key.split("/")[0] == location
    of = {name: {key.partition("/")[2] for key in keys if keys[key] == name} for name in keys.values()}
    assert of["sales"] == of["logistics"] == of["finance"] - {"reporting/cash_forecast", "reporting/planted"}
    assert len(nodes) == 3 * len(of["sales"]) + 2


@pytest.mark.slow
def test_what_another_domain_publishes_is_one_node_with_an_edge_across_and_its_owners_definition(central):
    nodes = browser.ask(central.address, ASSETS)["assetNodes"]
    nodes = {"/".join(node["assetKey"]["path"]): node for node in nodes}
    assert nodes[CASH]["dependencyKeys"] == [{"path": PORT.split("/")}]
    assert {"path": CASH.split("/")} in nodes[PORT]["dependedByKeys"]
    assert nodes[PORT]["repository"]["location"]["name"] == "sales"
    assert nodes[PORT]["dependencyKeys"] == [{"path": ["sales", "marts", "daily_order_summary"]}]


@pytest.mark.slow
def test_a_run_waits_in_the_one_queue_and_says_of_which_domain_it_is(central):
    (limit,) = yaml.safe_load(FILES["dagster.yaml"])["concurrency"]["runs"]["tag_concurrency_limits"]
    for name in ("sales", "logistics"):
        run = browser.ask(central.address, LAUNCH % name)["launchRun"]["run"]
        assert run["status"] == "QUEUED"
        assert {"key": limit["key"], "value": name} in run["tags"]


@pytest.mark.slow
def test_all_that_dagster_does_not_say_is_told_and_nothing_else(central):
    told = [str(problem) for problem in faults(central.fleet, central.shown)]
    planted = "FL504 finance finance/reporting/planted: depends on"
    assert told == [
        "FL502 domains.yaml hr-ops.location: it does not load: RuntimeError: planted; put that right, or ask @acme/hr",
        f"{planted} `sale/published/orders`, which nobody declares; write <domain>/published/<port>",
        f"{planted} `sales/marts/orders_cleaned`, which sales does not publish; write {PORT}, sales/published/orders",
        f"{planted} `sales/published/daily_order`, which sales does not publish; write {PORT}",
    ]


# What is asked of it --------------------------------------------------------------------------------------------------


def shows(**reads: dict[str, set[str]]) -> dict[str, Shown]:
    return {name: Shown("", {k: frozenset(v) for k, v in of.items()}, frozenset(of)) for name, of in reads.items()}


def test_a_location_in_another_domains_environment_is_told(tmp_path):
    fleet = declared(tmp_path, FILES["domains.yaml"])
    shown = shows(sales={PORT: set()}, finance={PORT: set()}, logistics={})
    (problem,) = faults(fleet, shown)
    assert str(problem).startswith("FL503 domains.yaml finance.location: it has the assets of sales, and each is shown")


def test_a_location_that_the_central_dagster_does_not_have_is_told_unless_it_is_left_out(tmp_path):
    fleet = declared(
        tmp_path, FILES["domains.yaml"].replace('contact: "@acme/sales"', 'contact: "@acme"\n  skip: rests')
    )
    (problem,) = faults(fleet, shows(finance={CASH: {PORT}}))
    assert str(problem).startswith("FL502 domains.yaml logistics.location: the central Dagster does not have it; write")


def test_what_a_domain_reads_is_not_judged_while_nobody_can_say_whether_it_is_published(tmp_path):
    fleet = declared(tmp_path, FILES["domains.yaml"])
    shown = shows(sales={}, finance={CASH: {PORT}}, logistics={})
    (problem,) = faults(fleet, shown)
    assert str(problem) == f"FL504 finance {CASH}: depends on `{PORT}`, which sales does not publish; ask sales"
    shown["sales"] = dataclasses.replace(shown["sales"], error="it is still being loaded")
    (problem,) = faults(fleet, shown)
    assert problem.code == "FL502"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "127.0.0.1:3000", "nowhere", "http://127.0.0.1:abc", (ROOT / "docs").as_uri()]
)
def test_an_address_without_a_dagster_is_refused(address):
    with pytest.raises(ProblemError, match=f"FL501 {shlex.quote(address)}: no Dagster answers there: "):
        lineage.ask(address)
