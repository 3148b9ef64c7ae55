"""Fleets of stamped projects on a forge in a folder, cheap enough to have twenty of them."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from fleet.forges.local import LocalForge
from fleet.registry import Fleet
from fleet.remote import Remote
from fleet.work import Job
from tests.conftest import StampedProject
from tests.stamping import NEXT, commit
from upgrade.template import Template
from upgrade.update import record_source

LAST = "v0.4.0"
"""A release from which nobody has anything to migrate."""
SOURCE = "https://example.org/acme/building-block"
BRANCH = "platform-update"


@cache
def _rendered(template: Path, version: str, answers: tuple[tuple[str, str], ...], folder: Path) -> Path:
    """Return a project of a release, committed, for copying only."""
    made = folder / f"{version}-{abs(hash(answers))}"
    Template(template, version).render(version, dict(answers), made)
    record_source(made / ".copier-answers.yml", SOURCE)
    project = StampedProject(made)
    project.git("init", "--quiet", "--initial-branch=main")
    commit(project, "Stamp")
    return made


@dataclass(frozen=True)
class Fleets:
    """Makes projects from the releases of a template; each is rendered once."""

    template: StampedProject
    scratch: Path

    def project(self, folder: Path, version: str = LAST, **answers: str) -> StampedProject:
        """Return a project of the domain sales, committed, to change at will."""
        given = {
            "domain_name": "Sales",
            "repository_url": "https://github.com/acme/sales-data",
            "owner_email": "sales-data@acme.com",
        } | answers
        made = _rendered(self.template.root, version, tuple(sorted(given.items())), self.scratch)
        return StampedProject(shutil.copytree(made, folder, symlinks=True))

    def forge(self, folder: Path, names: Iterable[str], version: str = LAST) -> "OnForge":
        """Return a fleet of domains in one ring, each with a project of its own that differs from the others."""
        made = OnForge(folder)
        for name in names:
            project = self.project(folder / "units" / name, version)
            project.write("docs/notes.md", f"The domain {name}.\n")
            commit(project, "Work")
            made.push(name, project)
        made.register()
        return made


@dataclass(frozen=True)
class OnForge:
    """A fleet: its registry in a folder, its repositories on a forge beside it."""

    folder: Path

    @property
    def forge(self) -> LocalForge:
        return LocalForge(self.folder / "forge")

    @property
    def fleet(self) -> Fleet:
        return Fleet.read(self.folder)

    def register(self, *, at_once: int = 2, **more: dict) -> None:
        """Declare a domain for every repository of the forge, with ``more`` of one by its name."""
        names = [repository.split("/")[1] for repository in self.forge.repositories()]
        domains = [
            {"name": name, "repository": f"acme/{name}", "ring": "all", "contact": "@acme/data"} | more.get(name, {})
            for name in names
        ]
        declared = {"forge": {"kind": "local", "folder": "forge"}, "domains": domains}
        (self.folder / "domains.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
        rings = {"rings": [{"name": "all", "at_once": at_once}]}
        (self.folder / "rings.yaml").write_text(yaml.safe_dump(rings), encoding="utf-8")

    def push(self, name: str, project: StampedProject) -> None:
        """Let a repository of the forge have the main branch of a project."""
        repository = f"acme/{name}"
        if repository not in self.forge.repositories():
            self.forge.create(repository)
            self.git(name, "config", "core.logAllRefUpdates", "always")  # so that every push is on record
        project.git("push", "--quiet", self.forge.clone_url(repository), "HEAD:refs/heads/main")

    def git(self, name: str, *arguments: str) -> str:
        """Run git in a repository of the forge."""
        return StampedProject(self.forge.path(f"acme/{name}")).git(*arguments).strip()

    def proposed(self, name: str) -> str:
        """Return the commit of the fleet's branch."""
        return self.git(name, "rev-parse", f"refs/heads/{BRANCH}")

    def pushes(self, name: str) -> list[str]:
        """Return every commit that the fleet's branch has been given, one entry a push."""
        log = self.forge.path(f"acme/{name}") / "logs" / "refs" / "heads" / BRANCH
        return [line.split()[1] for line in log.read_text().splitlines()] if log.is_file() else []

    def job(self, name: str, template: StampedProject, *, push: bool = False, version: str = NEXT) -> Job:
        """Return the work on a repository, as a campaign has it done."""
        remote = Remote(self.forge.clone_url(f"acme/{name}"), BRANCH)
        return Job(name, remote, "", template.root, version, "2026-01-02T03:04:05+00:00", push)


def environment(template: StampedProject, **more: str) -> dict[str, str]:
    """Return the variables with which ``python -m fleet`` is that of the tree under test."""
    path = os.pathsep.join(map(str, (template.root, template.root / "template" / "platform")))
    return os.environ | {"PYTHONPATH": path, "COLUMNS": "200"} | more
