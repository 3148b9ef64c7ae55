"""What the platform's settings show to units: tasks, hooks, lint rules, slots, dependencies, macros."""

import ast
import configparser
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.surface.code import parameters
from tools.surface.entry import Entries, Entry, Part

_PYTHONS = [f"3.{minor}" for minor in range(30)]
_MACRO = re.compile(r"{%-?\s*(macro|test)\s+(\w+)\s*\((.*?)\)\s*-?%}", re.DOTALL)


def stack(pyproject: dict[str, Any]) -> Entries:
    """Yield Pythons, dependencies with their bounds, extras and entry points of the platform's package."""
    project = pyproject["project"]
    for python in SpecifierSet(project["requires-python"]).filter(_PYTHONS):
        yield f"requires-python.{python}", Entry(Part.PYTHON)
    extras = project.get("optional-dependencies", {})
    for extra in extras:
        yield f"extra.{extra}", Entry(Part.NAME)
    groups = {"dependency": project["dependencies"]} | {f"extra.{extra}": extras[extra] for extra in extras}
    for group, lines in groups.items():
        for line in lines:
            yield from _dependency(group, Requirement(line))
    entries = project.get("entry-points", {}) | {"scripts": project.get("scripts", {})}
    for group, names in entries.items():
        for name in names:
            yield f"entry-point.{group}.{name}", Entry(Part.NAME)


def _dependency(group: str, wanted: Requirement) -> Entries:
    name = f"{group}.{canonicalize_name(wanted.name)}"
    yield name, Entry(Part.DEPENDENCY)
    for one in wanted.specifier:
        if one.operator in (">=", "==", "~="):
            yield f"{name}.at_least", Entry(Part.LOWER, one.version, name)
        if one.operator in ("<", "<=", "==", "~="):
            below = one.version if one.operator != "~=" else _after_compatible(one.version)
            yield f"{name}.below", Entry(Part.UPPER, below, name)


def _after_compatible(version: str) -> str:
    """Return the version below which ``~=`` stays."""
    *kept, _ = Version(version).release
    return ".".join(map(str, [*kept[:-1], kept[-1] + 1]))


def tasks(template: Path) -> Entries:
    """Yield the tasks of poe and those of pixi."""
    poe = tomllib.loads((template / "poe_tasks.toml").read_text(encoding="utf-8"))["tasks"]
    pixi = tomllib.loads((template / "platform/settings/pixi.toml").read_text(encoding="utf-8"))["tasks"]
    for kind, listed in {"task": poe, "pixi-task": pixi}.items():
        for name in listed:
            if not name.startswith("_"):
                yield f"{kind}.{name}", Entry(Part.NAME)


def macros(template: Path) -> Entries:
    """Yield dbt's macros and generic tests with their arguments."""
    for file in sorted((template / "platform/dbt").rglob("*.sql")):
        for kind, name, arguments in _MACRO.findall(file.read_text(encoding="utf-8")):
            path = f"{kind}.{name}"
            yield path, Entry(Part.NAME)
            (function,) = ast.parse(f"def f({arguments}): ...").body
            yield from parameters(function.args, path)


def slots(template: Path) -> Entries:
    """Yield the files of ``settings/`` that the platform reads."""
    for file in sorted((template / "platform/settings").iterdir()):
        yield f"slot.settings/{file.name.removesuffix('.jinja')}", Entry(Part.NAME)
    for path in tomllib.loads((template / "poe_tasks.toml").read_text(encoding="utf-8")).get("include", ()):
        yield f"slot.{path}", Entry(Part.NAME)


def lint(template: Path) -> Entries:
    """Yield what is linted: hooks, and the rules of the linters that a unit's files are held to."""
    for repository in _yaml(template / "platform/settings/pre-commit-config.yaml").get("repos", ()):
        for hook in repository["hooks"]:
            yield f"lint.hook.{hook['id']}", Entry(Part.LINT)
            yield f"hook.{hook['id']}", Entry(Part.NAME)  # a SKIP= may have it
    for rule in tomllib.loads((template / "ruff.toml").read_text(encoding="utf-8"))["lint"]["select"]:
        yield f"lint.ruff.{rule}", Entry(Part.LINT)
    for rule in _yaml(template / "platform/dbt-bouncer.yml").get("manifest_checks", ()):
        name = f"lint.dbt-bouncer.{rule.pop('name')} of {rule.pop('include', 'all models')}"
        rule.pop("description", None)  # words
        yield name, _rule(rule, warns=rule.pop("severity", "error") == "warn")
    for rule, said in _yaml(template / "platform/settings/yamllint.yaml").get("rules", {}).items():
        level = said.pop("level", "error") if isinstance(said, dict) else "error"
        if said != "disable":
            yield f"lint.yamllint.{rule}", _rule(said, warns=level == "warning")
    sqlfluff = configparser.ConfigParser(interpolation=None)
    sqlfluff.read(template / ".sqlfluff", encoding="utf-8")
    for section in sqlfluff.sections():
        if section.startswith("sqlfluff:rules:"):
            name = section.removeprefix("sqlfluff:rules:")
            yield f"lint.sqlfluff.{name}", _rule(dict(sqlfluff[section]), warns=False)


def _rule(said: Any, *, warns: bool) -> Entry:
    return Entry(Part.LINT, json.dumps(said, sort_keys=True), warns=warns)


def _yaml(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
