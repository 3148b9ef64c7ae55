"""What becomes of a foreign dbt project: its folders, settings, profile, macros, sources and packages."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import yaml
from building_block.messages import Code, Problem, ProblemError
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from upgrade.adopt.models import layer_of, models, place
from upgrade.adopt.plan import Plan

_PATHS = {
    "seed-paths": ["seeds"],
    "macro-paths": ["macros"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "test-paths": ["tests"],
    "docs-paths": [],
    "asset-paths": [],
}
_FILES = ("packages.yml", "package-lock.yml", "dependencies.yml", "selectors.yml")
_OURS = {
    *("name", "version", "config-version", "profile", "require-dbt-version"),
    *("model-paths", "source-paths", "data-paths"),
    *("target-path", "log-path", "clean-targets", "packages-install-path"),
}
"""Keys that the platform sets, or that mean the folder alone."""
_TREES = ("models", "seeds", "snapshots", "tests", "data_tests", "unit_tests", "sources", "exposures", "vars")
_MACRO = re.compile(r"\{%-?\s*(macro|test|materialization)\s+(\w+)")
_OF_PYTEST = (".py", ".toml", ".ini")
_PROFILE = {"type", "path", "threads", "schema", "database"}


def dbt(plan: Plan) -> None:
    """Plan what becomes of the one dbt project, wherever it lies.

    Raises:
        ProblemError: there is none, or more than one.
    """
    file, settled = _find(plan)
    prefix = file.removesuffix("dbt_project.yml") if not settled else "dbt/"
    said = plan.yaml(file) if file in plan.tracked else {}
    paths = {key: [*said.get(key, default)] for key, default in _PATHS.items()}
    _macros(plan, prefix, paths["macro-paths"], paths["test-paths"])
    layers: dict[str, set[str]] = {}
    for folder in said.get("model-paths", ["models"]):
        layers |= models(plan, f"{prefix}{folder}", settled)
    if not settled:
        _folders(plan, prefix, paths)
        _settings(plan, file, said, layers)
        _profile(plan, prefix, said.get("profile"))
        _called(plan, file, said.get("name"))
    _notes(plan, prefix, paths)


def _find(plan: Plan) -> tuple[str, bool]:
    """Return the file of the project's settings, and whether it is the unit's half already, way having been made."""
    half = "settings/dbt_project.yml"
    named = [PurePosixPath(path) for path in plan.tracked if path.endswith("dbt_project.yml") and path != half]
    found = [str(path) for path in named if path.name == "dbt_project.yml" and "dbt_packages" not in path.parts]
    if not found and (half in plan.tracked or plan.below("dbt/models")):
        return half, True
    if not found:
        what, write = (
            "no dbt_project.yml is committed",
            "stamp a new project: `uvx copier copy <the template> <folder>`",
        )
    elif len(found) > 1:
        what, write = f"has {len(found)} dbt projects, and a unit has one", f"adopt one, and remove: {', '.join(found)}"
    else:
        return found[0], False
    raise ProblemError(Problem(Code.ADOPT_PROJECT, "dbt_project.yml", what, write))


def _folders(plan: Plan, prefix: str, paths: dict[str, list[str]]) -> None:
    """Plan that all but the models lies in dbt/ as it lay beside them."""
    for key, owned in paths.items():
        for path in chain(*(plan.below(f"{prefix}{own}") for own in owned)):
            if path in plan.drops | plan.moves.keys() or (key == "test-paths" and path.endswith(_OF_PYTEST)):
                continue
            if not plan.move(path, to := f"dbt/{path.removeprefix(prefix)}"):
                plan.stops.append(Problem(Code.ADOPT_TAKEN, path, f"{to} is there, too", "rename one of the two"))
    for name in _FILES:
        if (path := f"{prefix}{name}") in plan.tracked:
            plan.move(path, f"dbt/{name}")


# The settings: the half of the unit -----------------------------------------------------------------------------------


def _settings(plan: Plan, file: str, said: dict[str, Any], layers: dict[str, set[str]]) -> None:
    name, lost = said.get("name"), []
    half = {key: value for key, value in said.items() if key not in _OURS}
    for key, default in _PATHS.items():
        if half.get(key) == default:
            half.pop(key)
    half["macro-paths"] = [path for path in half.get("macro-paths", []) if path != "macros"]
    for key in _TREES:
        if isinstance(half.get(key), dict):
            tree = {(plan.slug if part == name else part): value for part, value in half[key].items()}
            half[key] = tree if key == "vars" else _without_schema(tree)
    if isinstance(own := (half.get("models") or {}).pop(plan.slug, None), dict):
        half["models"][plan.slug] = _by_layer(own, layers, lost)
    half = {key: value for key, value in half.items() if value not in ({}, [], None)}
    if half:
        text = yaml.safe_dump(half, sort_keys=False, width=120, allow_unicode=True)
        write = _half(plan, file, "settings/dbt_project.yml", text, "keys")
    else:
        plan.drops.add(file)
        write = f"write `git rm {file}`: what it says is what the platform says"
    what = "is derived here, from the platform's half and settings/dbt_project.yml"
    plan.stops.append(Problem(Code.ADOPT_TAKEN, file, what, write))
    for path in lost:
        what = f"the settings of models/{path} are of models that go to several layers"
        write = "write them into those models, or by layer in settings/dbt_project.yml"
        plan.stops.append(Problem(Code.ADOPT_LAYER, file, what, write, f"models.{name}.{path.replace('/', '.')}"))
    wanted = said.get("require-dbt-version", [])
    try:
        fits = "1.11.16" in SpecifierSet(wanted if isinstance(wanted, str) else ",".join(wanted))
    except InvalidSpecifier:
        fits = False
    if not fits:
        what, write = f"asks for dbt {wanted}, and the platform brings 1.11", "build it with dbt 1.11 first"
        plan.notes.append(Problem(Code.ADOPT_DBT, file, what, write, "require-dbt-version"))


def _half(plan: Plan, file: str, slot: str, text: str, what: str) -> str:
    if plan.move(file, slot, text=text):
        return f"write `git mv {file} {slot}`, with the {what} that the patch leaves"
    plan.edits.pop(file, None)
    return f"{slot} is there, too: write both into it, and `git rm {file}`"


def _without_schema(tree: Any) -> Any:
    """Return settings without schemas: a folder's schema is its layer, a seed's is raw."""
    if not isinstance(tree, dict):
        return tree
    kept = {key: _without_schema(value) for key, value in tree.items() if key not in ("schema", "+schema")}
    return {key: value for key, value in kept.items() if value != {}}


def _by_layer(tree: dict[str, Any], layers: dict[str, set[str]], lost: list[str], *folders: str) -> dict[str, Any]:
    """Return the settings of folders of models as those of the folders where these go."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if key.startswith("+") or not isinstance(value, dict):
            _put(found, _target(folders, layers), key, value, lost, folders)
        else:
            for path, inner in _leaves(_by_layer(value, layers, lost, *folders, key)):
                _put(found, path[:-1], path[-1], inner, lost, folders)
    return found


def _target(folders: tuple[str, ...], layers: dict[str, set[str]]) -> tuple[str, ...] | None:
    if not folders:
        return ()
    own = layers.get("/".join(folders), set())
    layer = next(iter(own)) if len(own) == 1 else None if own else layer_of("", folders)
    return tuple(place(layer, folders).split("/")[2:]) if layer else None


def _put(found: dict, target: tuple | None, key: str, value: Any, lost: list[str], folders: tuple[str, ...]) -> None:
    if target is None:
        lost.append("/".join(folders))
        return
    for part in target:
        found = found.setdefault(part, {})
    found[key] = value


def _leaves(tree: dict[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and not key.startswith("+"):
            yield from _leaves(value, *above, key)
        else:
            yield (*above, key), value


# Profile, macros, and what is otherwise -------------------------------------------------------------------------------


def _profile(plan: Plan, prefix: str, name: str | None) -> None:
    file = next((path for path in (f"{prefix}profiles.yml", "profiles.yml") if path in plan.tracked), None)
    if file is None:
        what = (
            f"the profile `{name}` is not in the repository; here the target is the DuckDB file data/warehouse.duckdb"
        )
        write = "add a target for another warehouse in settings/profiles.yml"
        plan.notes.append(Problem(Code.ADOPT_DBT, f"{prefix}dbt_project.yml", what, write, "profile"))
        return
    profile, kept = plan.yaml(file).get(name or "") or {}, {}
    for target, output in (profile.get("outputs") or {}).items():
        if output.get("type") == "duckdb":
            kept.setdefault("duckdb", {}).update({k: value for k, value in output.items() if k not in _PROFILE})
        else:
            kept[target] = output
    kept = {target: output for target, output in kept.items() if output}
    if kept:
        text = yaml.safe_dump({"warehouse": {"outputs": kept}}, sort_keys=False, width=120, allow_unicode=True)
        write = _half(plan, file, "settings/profiles.yml", text, "targets")
    else:
        plan.drops.add(file)
        write = f"write `git rm {file}`: the target duckdb is the platform's"
    plan.stops.append(Problem(Code.ADOPT_TAKEN, file, "is derived here, and the profile is called warehouse", write))


def _macros(plan: Plan, prefix: str, *paths: list[str]) -> None:
    platform = "".join(file.read_text(encoding="utf-8") for file in (plan.rendered / "platform/dbt").rglob("*.sql"))
    taken = {name for _, name in _MACRO.findall(platform)}
    files = [path for own in chain(*paths) for path in plan.below(f"{prefix}{own}") if path.endswith(".sql")]
    for path in files:
        for kind, name in _MACRO.findall(plan.text(path)):
            if name == "generate_schema_name":
                left = re.sub(
                    r"\{%-?\s*macro generate_schema_name\b.*?endmacro\s*-?%\}\n?", "", plan.text(path), flags=re.S
                )
                if left.strip():
                    plan.edits[path] = left
                else:
                    plan.drops.add(path)
                write = "take it out, as the commands do: the schema is the layer's name"
            elif name in taken:
                own = f"own_{name.removeprefix('bb_')}"
                for file in plan.below(prefix.rstrip("/")):
                    if file.endswith((".sql", ".yml", ".yaml")) and re.search(rf"\b{name}\b", plan.text(file)):
                        plan.edits[file] = re.sub(rf"\b{name}\b", own, plan.text(file))
                write = f"call it {own}, there and where it is used, as the patch does"
            else:
                continue
            what = f"the platform has a {kind} `{name}`, and of two of a name dbt takes none"
            plan.stops.append(Problem(Code.ADOPT_NAME, path, what, write))


def _called(plan: Plan, file: str, name: str | None) -> None:
    if name != plan.slug:
        what = (
            f"the dbt project is called {name} and will be {plan.slug}: `{name}.macro()`, `ref('{name}', …)` fail then"
        )
        write = "write the macro's and the model's name alone"
        plan.notes.append(Problem(Code.ADOPT_DBT, file, what, write, "name"))


def _notes(plan: Plan, prefix: str, paths: dict[str, list[str]]) -> None:
    def note(where: str, what: str, write: str) -> None:
        plan.notes.append(Problem(Code.ADOPT_DBT, where, what, write))

    for file in (path for path in plan.below(prefix.rstrip("/")) if path.endswith((".yml", ".yaml"))):
        try:
            sources = (yaml.safe_load(plan.text(file)) or {}).get("sources") or []
            tables = [f"{source['name']}.{table['name']}" for source in sources for table in source.get("tables") or []]
        except (yaml.YAMLError, AttributeError, TypeError, KeyError):
            continue
        if tables:
            what = f"declares the raw tables {', '.join(tables)}, which nothing here fills"
            write = "write ingest/<table>.yaml for each, read it as source('raw', '<table>'), and drop the declaration"
            note(plan.moves.get(file, file), what, write)
    for own in paths["seed-paths"]:
        if any(path.endswith(".csv") for path in plan.below(f"{prefix}{own}")):
            note(f"dbt/{own}", "seeds stay seeds, in the schema raw", "let ref() name them, as it does")
    for own in paths["snapshot-paths"]:
        if plan.below(f"{prefix}{own}"):
            what = "a snapshot lies in no layer, and its schema is that of its config"
            note(f"dbt/{own}", what, "write `snapshots: {+schema: intermediate}` into settings/dbt_project.yml")
    for file in ("packages.yml", "dependencies.yml"):
        if f"{prefix}{file}" in plan.tracked:
            note(f"dbt/{file}", "its packages are fetched before the first parse", "pin versions that take dbt 1.11")
    ports = [path for path in plan.below(prefix.rstrip("/")) if "/published/" in path and path.endswith(".sql")]
    for path in ports:
        what, port = "is published here only with a contract", PurePosixPath(path).stem
        write = (
            f"after the adoption write dbt/models/published/<port>.sql, which reads {port}, and `poe contracts draft`"
        )
        note(path, what, write)
