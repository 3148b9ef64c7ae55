"""Domains whose repositories have a version and nothing else, and a campaign whose updates are made by hand: cheap."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from fleet.campaign import Campaign
from fleet.forges.local import LocalForge, Result
from fleet.pool import Ended
from fleet.proposals import mark
from fleet.registry import Fleet
from fleet.work import Job, Outcome
from tests.conftest import StampedProject
from tests.fleet.repositories import Clone
from tests.stamping import commit
from upgrade.template import Template

OLD, NEW = "v0.4.0", "v0.5.0"
BRANCH = "platform-update"
_NUMBERS = count()


@dataclass(frozen=True)
class Units:
    """A fleet in a folder, and what its units do."""

    folder: Path
    clones: dict[str, Clone] = field(default_factory=dict)

    @property
    def forge(self) -> LocalForge:
        return LocalForge(self.folder / "forge")

    def campaign(self, forge: LocalForge | None = None, version: str = NEW) -> Campaign:
        (self.folder / "scratch").mkdir(exist_ok=True)
        fleet = Fleet.read(self.folder)
        return Campaign(fleet, forge or self.forge, self._template(version), self.folder / "scratch", limit=600)

    def _template(self, version: str) -> Template:
        """Return a template of which a campaign asks all but what it renders."""
        made = StampedProject(self.folder / "scratch" / "template")
        if not made.root.is_dir():
            made.write("template/platform/pyproject.toml", "[project]\ndependencies = []\n")
            made.write("CHANGELOG.md", "# Changelog\n")
            made.git("init", "--quiet")
            commit(made, "Begin")
        made.git("tag", "--force", version)
        return Template(made.root, version)

    def declare(self, rings: dict[str, Iterable[str]], more: dict[str, dict] | None = None, **settings: Any) -> None:
        """Write the files of the fleet, with a repository for each domain; ``settings`` are those of every ring."""
        domains = [
            {"name": name, "repository": f"acme/{name}", "ring": ring, "contact": "acme"} | (more or {}).get(name, {})
            for ring, names in rings.items()
            for name in names
        ]
        for domain in domains:
            if domain["name"] not in self.clones:
                self._create(domain["name"])
        self._write("domains.yaml", {"forge": {"kind": "local", "folder": "forge"}, "domains": domains})
        self._write("rings.yaml", {"rings": [{"name": name} | settings for name in rings]})

    def commit(self, name: str, version: str, branch: str = "main") -> str:
        """Push a commit by which a branch has a version."""
        clone = self.clones[name]
        text = f"_commit: {version}\n_src_path: x\n# {next(_NUMBERS)}\n"  # which no commit has had
        clone.commit(branch, ".copier-answers.yml", text)
        clone.git("push", "--quiet", "--force", "origin", branch)
        return clone.git("rev-parse", branch).strip()

    def propose(self, name: str, version: str = NEW, base: str = "main", text: str | None = None) -> int:
        """Open a pull request of a version, as the fleet does."""
        self.commit(name, version, BRANCH)
        text = f"Text\n\n{mark(version)}\n" if text is None else text
        return self.forge.open(f"acme/{name}", BRANCH, base, f"Update to {version}", text).number

    def check(self, name: str, *, passed: bool, number: int = 1, commit: str = "") -> datetime:
        """Record what CI says of the head of a pull request, or of another commit, and when it did."""
        now = datetime.now(UTC)

        def change(record: Any) -> None:
            of = commit or record.head
            record.checks = [one for one in record.checks if one.commit != of]
            record.checks.append(Result(commit=of, name="build", passed=passed, ended=now, output="said so"))

        self.forge.change(f"acme/{name}", number, change)
        return now

    def merge(self, name: str, number: int = 1) -> None:
        self.forge.merge(f"acme/{name}", number)
        clone = self.clones[name]
        clone.git("checkout", "--quiet", "main")
        clone.git("pull", "--quiet", "origin", "main")

    def _create(self, name: str) -> None:
        self.forge.create(f"acme/{name}")
        self.clones[name] = clone = Clone.of(self.forge, f"acme/{name}", self.folder / name)
        (clone.folder / "platform").mkdir()
        (clone.folder / "platform" / "manifest.sha256").touch()
        (clone.folder / "platform" / "domain.toml").write_text(f'name = "{name}"\n')
        clone.git("add", ".")
        self.commit(name, OLD)

    def _write(self, name: str, declared: dict) -> None:
        (self.folder / name).write_text(yaml.safe_dump(declared), encoding="utf-8")


@dataclass
class ByHand:
    """In place of a campaign's pool: it updates a repository by a commit, where that would run the release."""

    units: Units
    asks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What the release asks of a domain's own files."""
    meanwhile: Callable[[str], Any] = lambda _: None
    """Called with each domain when it is pushed, and not proposed yet."""
    worked_on: list[str] = field(default_factory=list)

    def __call__(self, _: Any, jobs: Iterable[Job | Ended], **__: Any) -> Iterator[Ended[Job, Outcome]]:
        for job in jobs:
            yield job if isinstance(job, Ended) else Ended(job, 0.1, self._updated(job))

    def _updated(self, job: Job) -> Outcome:
        self.worked_on.append(job.domain)
        heads, clone, commit, pushed = job.remote.heads(), self.units.clones[job.domain], "c" * 40, False
        if job.push:
            clone.git("fetch", "--quiet", "origin")
            stands = heads.proposed and clone.git("rev-parse", f"{heads.proposed}^").strip() == heads.head
            pushed = not stands or job.ref not in clone.git("show", f"{heads.proposed}:.copier-answers.yml")
            if pushed:
                clone.git("checkout", "--quiet", "-B", BRANCH, heads.head)
            commit = self.units.commit(job.domain, job.ref, BRANCH) if pushed else heads.proposed
            self.meanwhile(job.domain)
        told = {"branch": heads.branch, "base": heads.head, "before": OLD, "changed": ("ruff.toml",)}
        asks = self.asks.get(job.domain, ())
        return Outcome(job.domain, "updated", commit=commit, pushed=pushed, asks=asks, **told)
