"""What a unit's own pyproject.toml needs, so that the platform is installed and its tools read their settings."""

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import chain

import tomlkit
from building_block.messages import Code, Problem
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from upgrade.adopt.plan import Plan
from upgrade.adopt.root import ruff

_FILE = "pyproject.toml"
_OWN = "building-block"


def pyproject(plan: Plan) -> None:
    """Plan the lines of an existing pyproject.toml; without one the project gets that of the template."""
    if _FILE not in plan.tracked:
        if "requirements.txt" in plan.tracked:
            write = "after the adoption write what only this project needs into `dependencies` of pyproject.toml"
            plan.notes.append(Problem(Code.ADOPT_PYPROJECT, "requirements.txt", "is read by nobody here", write))
        return
    document = plan.toml(_FILE)
    platform = tomllib.loads((plan.rendered / "platform" / _FILE).read_text(encoding="utf-8"))["project"]
    for what, write in [*_ignored(plan, document), *_needed(plan, document, platform), *_pins(document, platform)]:
        plan.stops.append(Problem(Code.ADOPT_PYPROJECT, _FILE, what, write))
    if (text := tomlkit.dumps(document)) != plan.text(_FILE):
        plan.edits[_FILE] = text


def _needed(plan: Plan, document, platform: dict) -> Iterator[tuple[str, str]]:
    project = document.setdefault("project", tomlkit.table())
    defaults = {"name": plan.slug.replace("_", "-"), "version": "0.1.0"}
    for key, value in defaults.items():
        if key not in project and key not in project.get("dynamic", []):
            project[key] = value
            yield f"[project] has no {key}", f'write `{key} = "{value}"`'
    wanted = platform["requires-python"]
    if not _within(project.get("requires-python", ""), wanted):
        project["requires-python"] = wanted
        yield f"asks for another Python than the platform's {wanted}", f'write `requires-python = "{wanted}"`'
    if "dependencies" in project.get("dynamic", []):
        yield "`dependencies` is dynamic", f'write `dependencies = ["{_OWN}", …]` into [project] by hand'
    elif not _has(project.setdefault("dependencies", tomlkit.array())):
        project["dependencies"].append(_OWN)
        yield "does not depend on the platform's package", f'write `"{_OWN}"` into `dependencies` of [project]'
    groups = document.setdefault("dependency-groups", tomlkit.table())
    if not _has(groups.setdefault("dev", tomlkit.array())):
        groups["dev"].append(f"{_OWN}[dev]")
        yield "its developers lack the platform's tools", f'write `dev = ["{_OWN}[dev]"]` under [dependency-groups]'
    tool = document.setdefault("tool", tomlkit.table(is_super_table=True))
    uv = tool.setdefault("uv", tomlkit.table(is_super_table=True))
    sources = uv.setdefault("sources", tomlkit.table())
    if sources.get(_OWN, {}).get("path") != "platform":
        sources[_OWN] = tomlkit.inline_table() | {"path": "platform", "editable": True}
        yield (
            "does not say where the package is",
            f'write `{_OWN} = {{ path = "platform", editable = true }}` under [tool.uv.sources]',
        )
    if uv.get("package") is False:
        uv.remove("package")
        yield "`package = false` would leave src/ uninstalled", "remove it from [tool.uv]"
    yield from _build(plan, document)


def _build(plan: Plan, document) -> Iterator[tuple[str, str]]:
    own = f"src/{plan.slug}"
    if "build-system" not in document:
        system = document.setdefault("build-system", tomlkit.table())
        system.update({"requires": ["hatchling>=1.27"], "build-backend": "hatchling.build"})
        yield "has no build system, and src/ would not be installed", "write [build-system], as the patch has it"
    if document["build-system"].get("build-backend") != "hatchling.build":
        if not (plan.home / "src").is_dir():
            yield (
                f"packages no {own}",
                f"let its build backend package {own}, where Dagster finds your Python; or use hatchling",
            )
        return
    table = document["tool"]
    for name in ("hatch", "build", "targets", "wheel"):
        table = table.setdefault(name, tomlkit.table(is_super_table=name != "wheel"))
    if own not in (packages := table.setdefault("packages", tomlkit.array())):
        name = str(document["project"].get("name", "")).replace("-", "_")
        packages.extend(path for path in (f"src/{name}", name) if not packages and path != own and plan.below(path))
        packages.append(own)
        yield f"packages no {own}", f'write `packages = ["{own}"]` under [tool.hatch.build.targets.wheel]'


def _ignored(plan: Plan, document) -> Iterator[tuple[str, str]]:
    """Yield each table that keeps a tool from reading the platform's file, or that it would not read beside that."""
    for table, slot, text in (
        ("ruff", "src/ruff.toml", lambda own: ruff(tomlkit.dumps(own))),
        ("poe", "settings/tasks.toml", tomlkit.dumps),
        ("dg", None, None),
    ):
        own = document.get("tool", {}).get(table)
        if own is None:
            continue
        what = (
            f"with [tool.{table}] the platform's {'file' if slot else 'dg.toml'} would not be read, or this would not"
        )
        if slot is None:
            document["tool"].remove(table)
            yield what, f"remove [tool.{table}]"
        elif table == "ruff" and {"ruff.toml", ".ruff.toml"} & {*plan.tracked}:
            document["tool"].remove(table)
            yield "[tool.ruff] was not read beside your ruff.toml", "remove it, as the patch does"
        elif plan.has(slot) or slot in [*plan.edits, *plan.moves.values()]:
            yield what, f"{slot} is there: write it into that by hand, and remove it here"
        else:
            copied = tomlkit.document()
            copied.update(own.unwrap())
            plan.edits[slot] = text(copied)
            document["tool"].remove(table)
            yield what, f"write it into {slot}, as the patch does"


def _pins(document, platform: dict) -> Iterator[tuple[str, str]]:
    brought = [*platform["dependencies"], *chain(*platform["optional-dependencies"].values())]
    known = {one.name: one.specifier for one in map(Requirement, brought)}
    lists = [document["project"].get("dependencies", [])]
    lists += [*document["project"].get("optional-dependencies", {}).values(), *document["dependency-groups"].values()]
    for listed in lists:
        for line in [line for line in listed if isinstance(line, str)]:
            try:
                asked = Requirement(line)
            except InvalidRequirement:
                continue
            if asked.name in known and not _meet(asked, known[asked.name]):
                listed.remove(line)
                yield f"asks for {line}, and the platform brings {asked.name}{known[asked.name]}", f"remove `{line}`"


def _meet(asked: Requirement, brought: SpecifierSet) -> bool:
    """Say whether a version meets both, of those that either names and the one that is installed here."""
    named = [one.version.removesuffix(".*") for one in [*asked.specifier, *brought]]
    with suppress(PackageNotFoundError):
        named.append(version(asked.name))
    return any(one in asked.specifier and one in brought for one in named)


def _within(asked: str, wanted: str) -> bool:
    own, platform = SpecifierSet(asked), SpecifierSet(wanted)
    minors = [f"3.{minor}.{patch}" for minor in range(6, 30) for patch in (0, 99)]
    return bool(asked) and any(one in own for one in minors) and all(one in platform for one in minors if one in own)


def _has(listed: list) -> bool:
    return any(isinstance(line, str) and line.replace("_", "-").startswith(_OWN) for line in listed)
