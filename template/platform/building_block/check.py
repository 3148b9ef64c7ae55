# platform-owned: changed by `copier update` only; see platform/README.md
"""What must hold before a commit, without building anything: ``poe check``, ``poe lint`` and the hooks ask it."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from building_block.doctor import Checks, Examination, git, line_of, run
from building_block.generate import OF_SETTINGS, differing, of_settings, stale
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


class Part(StrEnum):
    """What can be checked by itself, since a commit need not pay for what it cannot have broken."""

    FILES = "files"
    """What ``doctor`` looks at, and all derived files."""
    DEFINITIONS = "definitions"
    MODELS = "models"
    """The rules of dbt-bouncer, which is one of the extra ``dev``."""


def doctor(project: Project, console: Console) -> list[Problem]:
    """Print a line for each thing that an update could stumble over, what to be reminded of, and the version.

    Return every problem found. Of the derived files it looks at those that are joined from settings: contracts and
    ingest files take Dagster to be read. ``check`` of the files looks at all of them, and at all of this.
    """
    examination = Examination(project)
    derived = {"what is derived from settings is up to date": lambda: differing(project, of_settings(project))}
    found = run(at_once(examination) | derived, console)
    examination.remind(console)
    for line in examination.about():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return found


def check(project: Project, console: Console, parts: Collection[Part]) -> list[Problem]:
    """Print a line for each check of the parts, and what to be reminded of; return every problem found."""
    examination = Examination(project)
    checks: Checks = {}
    if Part.FILES in parts:
        checks |= at_once(examination) | {"the derived files are up to date": lambda: stale(project)}
    if Part.DEFINITIONS in parts:
        checks["ingest, dbt and Python definitions load"] = partial(_definitions, project)
    if Part.MODELS in parts:
        checks["the models keep the rules of their layers"] = partial(_models, project)
    found = run(checks, console)
    if Part.FILES in parts:
        examination.remind(console)
    return found


def at_once(examination: Examination) -> Checks:
    """Return what takes no second: all of the files but the derived ones."""
    project = examination.project
    return examination.checks | {
        "pyproject.toml takes the platform in": lambda: requirements(project),
        "no setting lies where its tool does not look": lambda: ignored_settings(project),
    }


def contracts(project: Project) -> list[Problem]:
    """Return all that is wrong with the contracts by the standard, the policy, the models and the ingest files."""
    from building_block.contracts.load import consumed, ports
    from building_block.contracts.retention import faults

    found: list[Problem] = []
    try:
        consumed(project)
    except ProblemError as error:
        found += error.problems
    try:
        found += faults(project, [port.contract for port in ports(project).values()])
    except ProblemError as error:
        found += error.problems
    return list(dict.fromkeys(found))


def _definitions(project: Project) -> Iterable[Problem]:
    from building_block.definitions import load

    load(project)
    return ()


def _models(project: Project) -> Iterable[Problem]:
    from building_block.dbt.manifest import broken

    return broken(project)


# The domain's own files: do they suit the platform? -------------------------------------------------------------------


def requirements(project: Project) -> Iterator[Problem]:
    """Yield a problem for each thing that the platform needs pyproject.toml to say."""
    file = project.root / "pyproject.toml"
    try:
        text = file.read_text(encoding="utf-8")
        read = tomllib.loads(text)
    except (OSError, ValueError) as error:
        what = f"not TOML: {error}" if file.is_file() else "is missing, and with it the platform"
        write = "write valid TOML, or take it back: `git checkout <commit> -- pyproject.toml`"
        raise ProblemError(Problem(Code.REQUIREMENT, "pyproject.toml", what, write)) from None

    def problem(key: str, what: str, write: str, below: str) -> Problem:
        return Problem(Code.REQUIREMENT, f"pyproject.toml:{line_of(text, key) or 1}", what, write, below)

    own = _table(read, "project")
    required = own.get("dependencies")
    names = [re.split(r"[^\w.-]", str(one).strip())[0] for one in required] if isinstance(required, list) else []
    if "building-block" not in [re.sub(r"[-_.]+", "-", name).lower() for name in names]:
        what, write = "the project does not depend on the platform", 'write `dependencies = ["building-block"]`'
        yield problem("dependencies", what, write, "project")
    source = _table(read, "tool", "uv", "sources", "building-block")
    if source | {"path": Path(str(source.get("path"))).as_posix()} != {"path": "platform", "editable": True}:
        what = "building-block is not taken from the folder platform/"
        write = 'write `building-block = { path = "platform", editable = true }`'
        yield problem("building-block", what, write, "tool.uv.sources")
    with suppress(OSError, ValueError, KeyError):  # the platform's own file was edited, which `drift` tells
        platform = tomllib.loads((project.root / "platform" / "pyproject.toml").read_text(encoding="utf-8"))
        supported = platform["project"]["requires-python"]
        if wrong := _wider(own.get("requires-python"), supported):
            yield problem("requires-python", wrong, f'write `requires-python = "{supported}"`', "project")


def ignored_settings(project: Project) -> Iterator[Problem]:
    """Yield a problem for each setting that a tool does not read, or reads instead of the platform's."""
    for path, begins, what, write in _IGNORED:
        file = project.root / path
        if file.is_file() and (line := line_of(file.read_text(encoding="utf-8", errors="replace"), begins)):
            yield Problem(Code.SETTING_IGNORED, f"{path}:{line}", what, write)
    known = {Path(name).stem: name for name in (*OF_SETTINGS.values(), "tasks.toml", "exceptions.yaml")}
    for file in sorted(project.settings.glob("*")):
        name = known.get(file.stem.lstrip("._"), file.name)
        if name != file.name:
            yield Problem(Code.SETTING_IGNORED, project.relative(file), "nobody reads it", f"call it settings/{name}")


_RUFF = 'write it into src/ruff.toml, below `extend = "../ruff.toml"`'
_SQLFLUFF = "write it into dbt/models/.sqlfluff"
_TYPOS = "write it into settings/typos.toml"
_YAMLLINT = "write it into settings/yamllint.yaml"
_POE = "write your tasks into settings/tasks.toml"
_HOOKS = "write them into settings/pre-commit-config.yaml"
_INI = ("setup.cfg", "tox.ini", "pep8.ini")
_CODEOWNERS = "write it into settings/CODEOWNERS"
_IGNORED = [
    ("pyproject.toml", r"\[* *tool\.poe\b", "poe reads no task of the platform beside this", _POE),
    ("pyproject.toml", r"\[* *tool\.ruff\b", "ruff reads ruff.toml alone", _RUFF),
    ("pyproject.toml", r"\[* *tool\.sqlfluff\b", "sqlfluff reads this over the platform's .sqlfluff", _SQLFLUFF),
    ("pyproject.toml", r"\[* *tool\.typos\b", "typos reads _typos.toml alone", _TYPOS),
    ("pyproject.toml", r"\[* *tool\.pixi\b", "pixi reads pixi.toml alone", "write it into settings/pixi.toml"),
    *((path, r"\[sqlfluff", "sqlfluff reads the platform's .sqlfluff over it", _SQLFLUFF) for path in _INI),
    (".ruff.toml", "", "ruff reads it instead of the platform's ruff.toml", _RUFF),
    ("typos.toml", "", "typos reads it instead of _typos.toml", _TYPOS),
    (".typos.toml", "", "typos reads _typos.toml alone", _TYPOS),
    (".yamllint.yaml", "", "yamllint reads .yamllint alone", _YAMLLINT),
    (".yamllint.yml", "", "yamllint reads .yamllint alone", _YAMLLINT),
    ("poe_tasks.yaml", "", "poe reads poe_tasks.toml alone", _POE),
    ("poe_tasks.json", "", "poe reads poe_tasks.toml alone", _POE),
    (".pre-commit-config.yml", "", "pre-commit reads .pre-commit-config.yaml alone", _HOOKS),
    ("dbt/vars.yml", "", "dbt does not read it", "write `vars:` into settings/dbt_project.yml"),
    ("CODEOWNERS", "", "GitHub reads .github/CODEOWNERS alone", _CODEOWNERS),
    ("docs/CODEOWNERS", "", "GitHub reads .github/CODEOWNERS alone", _CODEOWNERS),
]
"""File, how a line of it begins, what its tool makes of it, and where it belongs.

Each was tried with the tools of the platform's pins; of pixi and GitHub their docs say so.
"""


def _table(read: Any, *keys: str) -> dict[str, Any]:
    """Return a table of TOML by its keys, empty if there is none."""
    for key in keys:
        read = read.get(key) if isinstance(read, dict) else None
    return read if isinstance(read, dict) else {}


def _wider(asked: Any, supported: str) -> str | None:
    """Return what is wrong with the Pythons that are asked for, beside those that the platform supports."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if not isinstance(asked, str):
        return "`requires-python` is missing"
    try:
        own = SpecifierSet(asked)
    except InvalidSpecifier:
        return f"`{asked}` names no versions"
    all_of_them = [f"3.{minor}.{patch}" for minor in range(30) for patch in (0, 99)] + ["4.0"]
    more = [version for version in own.filter(all_of_them) if version not in SpecifierSet(supported)]
    return f"`{asked}` has Pythons that the platform does not support, as {more[0]}" if more else None


# ``poe lint``: the hooks of a commit, on every file -------------------------------------------------------------------


def lint(project: Project) -> int:
    """Run pre-commit's hooks on all files that git does not ignore; return its exit code.

    Not ``pre-commit run --all-files``: that leaves out what was never added, so a new model would pass unread.

    Raises:
        ProblemError: the project's folder is not the root of a git repository, or one of the hooks called this.
    """
    if os.environ.get(
        "PRE_COMMIT"
    ):  # pre-commit sets it for its hooks; without this they would call each other for ever
        what = "a hook calls `poe lint`, which runs all hooks"
        write = "write `poe generate`, and take such a hook out of settings/pre-commit-config.yaml"
        raise ProblemError(Problem(Code.DERIVED_STALE, ".pre-commit-config.yaml", what, write))
    above = git(project, "rev-parse", "--show-cdup")
    if above is None:
        what, write = "is no git repository, and hooks see only what git sees", "write `git init` in that folder"
        raise ProblemError(Problem(Code.NO_REPOSITORY, str(project.root), what, write))
    if above.strip():
        top = (project.root / above.strip()).resolve()
        what = f"is a folder of the git repository {top}, and hooks, CI and code owners work at the root of one"
        write = "move the project out of that repository, and write `git init` in it"
        raise ProblemError(Problem(Code.NO_REPOSITORY, str(project.root), what, write))
    listed = git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
    files = sorted({path for path in listed.split("\0") if (project.root / path).is_file()})
    command = [sys.executable, "-m", "pre_commit", "run", "--files", *files]
    return subprocess.run(command, cwd=project.root, check=False).returncode
