"""Adopts a project: tells what collides, and where nothing does, gives it the platform's files in one commit."""

import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from building_block.messages import Code, Problem, ProblemError
from rich.console import Console
from rich.table import Table

from upgrade.adopt.dbt import dbt
from upgrade.adopt.plan import Plan
from upgrade.adopt.python import pyproject
from upgrade.adopt.root import root_files
from upgrade.aside import Aside, Home
from upgrade.environment import Environment
from upgrade.git import Git
from upgrade.template import Template
from upgrade.tree import ANSWERS
from upgrade.update import failures, record_source

_EXAMPLES = re.compile(r"dbt/generated/.*|docs/contracts/.*")
"""Derived files that a fresh project has of the example: the unit's are written from its own."""


@dataclass(frozen=True)
class Adoption:
    """A release rendered for a unit, and what its project needs before it can take it."""

    template: Template
    aside: Aside
    answers: Mapping[str, Any]
    plan: Plan

    @classmethod
    def of(cls, template: Template, home: Home, aside: Aside, answers: Mapping[str, Any]) -> "Adoption":
        """Look at a project; nothing is written into it.

        Raises:
            ProblemError: it was stamped already, has no dbt project or several, or a question is not answered.
        """
        if (home.root / ANSWERS).exists():
            what, write = "is there: the project has the building block already", "write `poe update` in it"
            raise ProblemError(Problem(Code.ADOPT_PROJECT, ANSWERS, what, write))
        ProblemError.raise_any(_unanswered(template, answers))
        rendered = aside.scratch / "rendered"
        template.render(template.ref, answers, rendered)
        slug = tomllib.loads((rendered / "platform" / "domain.toml").read_text(encoding="utf-8"))["slug"]
        plan = Plan(aside, home.root, rendered, slug)
        adoption = cls(template, aside, answers, plan)
        dbt(plan)
        reserved = template.classes()["platform"]
        root_files(plan, {*adoption._platform(), *filter(reserved.match_file, plan.tracked)})
        pyproject(plan)
        return adoption

    def stage(self, source: str) -> list[str]:
        """Commit the platform's files aside, which nothing may stop; return what the project's own check says then.

        Raises:
            ProblemError: a derived file cannot be written.
        """
        paths = [*self._platform(), *self._seeds()]
        for path in paths:
            target = self.aside.root / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.plan.rendered / path, target)
        record_source(self.aside.root / ANSWERS, source)
        environment = Environment.of(self.aside.root)
        ProblemError.raise_any(
            Problem(Code.ADOPT_DBT, "settings", f"the derived files cannot be written: {said}", "put that right first")
            for said in failures(environment.building_block(self.aside.root, "generate"))
        )
        # What the unit ignores in its own folders, such as profiles.yml, is committed none the less where it is ours.
        ours = [*paths, "dbt/generated", "docs/contracts"]
        there = [f"{self.aside.below}{path}" for path in ours if (self.aside.root / path).exists()]
        self.aside.git("add", "--force", "--", *there)
        unit = (self.answers["domain_name"], self.answers["owner_email"])
        self.aside.commit(f"Adopt the building block {self.template.ref}", unit)
        return failures(environment.building_block(self.aside.root, "check"))

    def _platform(self) -> list[str]:
        """Return what a project gets, whatever it has: the platform's files, and the derived but for the example's."""
        classes = self.template.classes()
        return [
            path
            for path in self._rendered()
            if classes["platform"].match_file(path)
            or (classes["derived"].match_file(path) and not _EXAMPLES.fullmatch(path))
        ]

    def _seeds(self) -> Iterator[str]:
        """Yield the files of the unit without which a project is none."""
        package = f"src/{self.plan.slug}"
        wanted = {"pyproject.toml", f"{package}/__init__.py", f"{package}/defs/__init__.py"}
        for path in self._rendered():
            if path in wanted or path.startswith("settings/"):
                yield path

    def _rendered(self) -> list[str]:
        folder = self.plan.rendered
        return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def tell(plan: Plan) -> None:
    """Print what collides and what becomes of it; the commands, and nothing else, go to the standard output."""
    for problem in [*plan.stops, *plan.notes]:
        print(problem, file=sys.stderr)
    if commands := plan.commands():
        table = Table("now", "then")
        for row in plan.rows():
            table.add_row(*row)
        Console(stderr=True, highlight=False).print(table)
        print("# What makes way, for a shell in the project's folder", *commands, sep="\n")
    elif not plan.stops:
        print("Nothing is in the way; `--apply` commits the platform's files.", file=sys.stderr)


def given(file: Path | None, pairs: Iterable[str]) -> dict[str, Any]:
    """Return the answers of a file and, which win, those of pairs such as `domain_name=Sales`.

    Raises:
        ProblemError: the file holds no answers, or a pair is none.
    """
    try:
        answers = yaml.safe_load(file.read_text(encoding="utf-8")) if file else {}
    except (yaml.YAMLError, UnicodeDecodeError):
        answers = None
    if not isinstance(answers, dict):
        raise ProblemError(Problem(Code.ADOPT_PROJECT, str(file), "holds no answers", "write `domain_name: Sales`, …"))
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            what, write = f"`{pair}` is no answer", "write `--data domain_name=Sales`"
            raise ProblemError(Problem(Code.ADOPT_PROJECT, "--data", what, write))
        answers[name] = value
    return answers


def origin(template: Path) -> str:
    """Return where others find the template: what its clone was cloned from, without a password, or its folder."""
    found = Git(template).tried("remote", "get-url", "origin").stdout.strip()
    return re.sub(r"^(\w+://)[^/@]*:[^/@]*@", r"\1", found) or str(template)


def _unanswered(template: Template, answers: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield each question that has neither an answer nor a default."""
    for document in yaml.safe_load_all(template.git("show", f"{template.ref}:copier.yml")):
        for name, question in document.items():
            asked = isinstance(question, dict) and "help" in question and "default" not in question
            if asked and name not in answers:
                what = f"the question `{name}` is not answered: {question['help']}"
                write = f"write `--data {name}={question.get('placeholder', '…')!r}`, or `{name}:` in a --data-file"
                yield Problem(Code.ADOPT_PROJECT, "--data", what, write)
