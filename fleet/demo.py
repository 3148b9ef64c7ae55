"""A fleet to try the commands on: twelve domains on a forge in a folder, over the releases, as units have them.

``python -m fleet.demo make FOLDER`` makes it; ``merge`` and ``checks`` are what teams and their CI do on such a forge.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import yaml
from rich.console import Console

from fleet.campaign import HERE
from fleet.forges.local import LocalForge
from fleet.registry import DOMAINS, RINGS
from fleet.releases import Releases
from upgrade.environment import Environment
from upgrade.git import ALOOF, Git, settings
from upgrade.template import Template
from upgrade.tree import ANSWERS
from upgrade.update import record_source

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Where = Annotated[Path, typer.Argument(help="The demo's folder.", file_okay=False)]

_DAYS = 4
"""Of the sample: a domain of the demo builds in seconds."""
_FORECAST = ("src/{slug}/defs/ml.py", "src/{slug}/defs/reporting.py", "tests/test_forecast.py")


@dataclass(frozen=True)
class _Unit:
    name: str
    ring: str
    back: int
    """How many releases its project is behind the newest, where there are so many."""
    work: Callable[[Path], None] | None = None
    """What the unit has done in it."""
    pinned: bool = False
    enrolled: bool = True


def _worked_in(project: Path) -> None:
    """Do what a unit does: a table of its own from file to mart, and a README of its own."""
    _write(project, "README.md", "# Ours now\n")
    _write(project, "sample/depots.csv", "depot\nYork\nLeeds\n")
    _write(
        project,
        "ingest/depots.yaml",
        "description: One row per depot.\n"
        "source: {kind: file, format: csv, folder: sample, pattern: depots.csv, when_missing: fail}\n"
        "columns:\n- {name: depot, type: string}\n",
    )
    _write(project, "dbt/models/staging/stg_ours__depots.sql", "select depot from {{ source('raw', 'depots') }}\n")
    _described(project, "staging", "stg_ours__depots")


def _broken(project: Path) -> None:
    """Write a model that no warehouse can build."""
    _write(project, "dbt/models/marts/ledger.sql", "select invoice_number, amont from {{ ref('orders_cleaned') }}\n")
    _described(project, "marts", "ledger")


def _drifted(project: Path) -> None:
    """Edit a file of the platform, as several units do that need longer lines."""
    file = project / "ruff.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("line-length = 120", "line-length = 140"), "utf-8")


def _excepted(project: Path) -> None:
    _drifted(project)
    _write(
        project,
        "settings/exceptions.yaml",
        "exceptions:\n- {path: ruff.toml, reason: long lines until the move, until: 2027-03-31}\n",
    )


_UNITS = (
    _Unit("sales", "canary", 1),
    _Unit("finance", "canary", 1, _broken),
    _Unit("logistics", "early", 2, _worked_in),
    _Unit("marketing", "early", 2, _drifted),
    _Unit("people", "broad", 3, _excepted),
    _Unit("support", "broad", 1),
    _Unit("legal", "broad", 3, _worked_in),
    _Unit("procurement", "broad", 1, _drifted),
    _Unit("quality", "broad", 1, pinned=True),
    _Unit("research", "broad", 99),  # the first one
    _Unit("treasury", "broad", 0),
    _Unit("facilities", "broad", 0, enrolled=False),
)
_RINGS = """# A release reaches the first ring; the next one, once enough of a ring's domains were well for long enough.
rings:
- name: canary
  must_succeed: 1.0     # the share of its domains that must be well
  bake_hours: 0         # for so long; a day or more where it is no demo
  at_once: 2            # repositories at a time
- name: early
  must_succeed: 0.75
  at_once: 2
- name: broad
  must_succeed: 0.5
  at_once: 2
  prs_per_hour: 100
"""


@app.command()
def make(folder: Where) -> None:
    """Make the fleet anew."""
    shutil.rmtree(folder, ignore_errors=True)
    forge = LocalForge(folder.resolve() / "forge")
    with TemporaryDirectory(prefix="building-block-") as scratch:
        clone = Path(scratch) / "template"
        Git(HERE)("clone", "--quiet", "--no-checkout", str(HERE), str(clone))
        template = Template.of(clone)
        releases = [*Releases(template).all]
        newest = releases.index(template.ref)
        for unit in _UNITS:
            version = releases[max(0, newest - unit.back)]
            project = Path(scratch) / unit.name
            if unit.enrolled:
                _stamp(template, version, unit, project)
            else:
                _write(project, "README.md", f"# {unit.name}\n")
            _push(forge, unit, project)
    rollout = folder / "rollout"
    _write(rollout, RINGS, _RINGS)
    _write(rollout, DOMAINS, _domains(releases[newest - 1]))
    Console(highlight=False, soft_wrap=True).print(
        f"{len(_UNITS)} domains in {folder}; the newest release is {template.ref}. Next:\n\n"
        f"  uv run fleet --fleet {rollout} status\n"
    )


@app.command()
def merge(folder: Where, domains: Annotated[list[str], typer.Argument(help="Whose open pull request.")]) -> None:
    """Merge what is proposed to domains, as their teams do."""
    forge = LocalForge(folder.resolve() / "forge")
    for name in domains:
        repository = _repository(name)
        for pull in forge.pulls(repository):
            if pull.state == "open":
                forge.merge(repository, pull.number)
                print(f"{name}: merged {pull.title}")


def _stamp(template: Template, version: str, unit: _Unit, project: Path) -> None:
    answers = {
        "domain_name": unit.name.capitalize(),
        "domain_description": f"Data of {unit.name}.",  # which the first releases ask for
        "domain_purpose": f"Data of {unit.name}.",
        "repository_url": f"https://github.com/{_repository(unit.name)}",
        "owner_email": f"{unit.name}@acme.com",
    }
    template.render(version, answers, project)
    record_source(project / ANSWERS, str(HERE))
    for seed in _FORECAST:
        (project / seed.format(slug=unit.name)).unlink(missing_ok=True)
    for day in sorted((project / "sample" / "retail").glob("*.csv"))[_DAYS:]:
        day.unlink()
    if unit.work:
        unit.work(project)
        Environment.of_platform(project).building_block(project, "generate")


def _push(forge: LocalForge, unit: _Unit, project: Path) -> None:
    who = {f"GIT_{role}_NAME": unit.name for role in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{role}_EMAIL": f"{unit.name}@acme.com" for role in ("AUTHOR", "COMMITTER")}
    git = Git(project, settings(ALOOF | {"commit.gpgSign": "false"}) | who)
    forge.create(_repository(unit.name))
    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--message", f"Begin the data project of {unit.name}")
    git("push", "--quiet", forge.clone_url(_repository(unit.name)), "main")


def _domains(pinned: str) -> str:
    entries = []
    for unit in _UNITS:
        entry = {"name": unit.name, "repository": _repository(unit.name), "ring": unit.ring}
        entry |= {"contact": f"{unit.name}@acme.com"} | ({"pinned": pinned} if unit.pinned else {})
        entries.append(entry)
    text = yaml.safe_dump({"forge": {"kind": "local", "folder": "../forge"}, "domains": entries}, sort_keys=False)
    return f"# Every domain's project. `pinned` and `skip` keep the fleet away, and say why.\n{text}"


def _repository(name: str) -> str:
    return f"acme/{name}-data"


def _described(project: Path, layer: str, model: str) -> None:
    text = f"version: 2\nmodels:\n- {{name: {model}, description: One row per {model}.}}\n"
    _write(project, f"dbt/models/{layer}/{model}.yml", text)


def _write(folder: Path, path: str, text: str) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    app()
