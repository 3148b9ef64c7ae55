"""Which layer each model of a foreign dbt project belongs to."""

import re
from collections import Counter
from pathlib import PurePosixPath

import yaml
from building_block.messages import Code, Problem

from upgrade.adopt.plan import Plan

_PREFIXES = {
    "staging": ("stg_", "base_"),
    "intermediate": ("int_",),
    "marts": ("fct_", "fact_", "dim_", "mart_", "rpt_"),
}
_FOLDERS = {
    "staging": {"staging", "stage", "stg", "base", "source", "sources", "raw", "bronze"},
    "intermediate": {"intermediate", "int", "prep", "transform", "silver"},
    "marts": {"marts", "mart", "core", "reporting", "analytics", "facts", "dimensions", "gold", "published"},
}
_LAYERS = {"staging", "stg", "intermediate", "int", "marts", "mart"}
"""Names of folders that say the layer and nothing else, so that they go."""
_SCHEMA = re.compile(r""",\s*schema\s*=\s*(['"])\w*\1(?=\s*\))|\bschema\s*=\s*(['"])\w*\2\s*,?\s*""")
_CONFIG = re.compile(r"\bconfig\s*\((?:[^()]|\([^()]*\))*\)")


def layer_of(name: str, folders: tuple[str, ...]) -> str | None:
    """Return the layer that a model's name, or else the outermost telling folder of it, says."""
    for layer, prefixes in _PREFIXES.items():
        if name.startswith(prefixes):
            return layer
    for folder in folders:
        for layer, names in _FOLDERS.items():
            if folder.lower() in names:
                return layer
    return None


def place(layer: str, folders: tuple[str, ...]) -> str:
    """Return the folder of a layer, with those of the unit's folders below it that say more than the layer."""
    return "/".join(["dbt/models", layer, *(folder for folder in folders if folder.lower() not in _LAYERS)])


def models(plan: Plan, folder: str, settled: bool) -> dict[str, set[str]]:
    """Plan where the models below a folder go, and return the layers of what lies in each of its folders.

    Where all is ``settled``, what lies in a layer has been put there by a person, whatever its name.
    """
    layers: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    files = [path for path in plan.below(folder) if path not in plan.drops]
    for path in (path for path in files if path.endswith((".sql", ".py"))):
        relative = PurePosixPath(path.removeprefix(f"{folder}/"))
        said = layer_of(relative.stem, relative.parts[:-1])
        layer = layers[relative.stem] = said or "marts"
        to = f"{place(layer, relative.parts[:-1])}/{relative.name}"
        for parent in relative.parents:
            found.setdefault(parent.as_posix(), set()).add(layer)
        _schema(plan, path)
        if path == to or (settled and relative.parts[0] in _PREFIXES):
            continue
        free = plan.move(path, to)
        what = (
            f"lies in no layer of dbt/models/; by its {'name and folder' if said else 'lack of a telling name'} {layer}"
        )
        write = f"write `git mv {path} {to}`" if free else f"{to} is there: rename one of the two"
        plan.stops.append(Problem(Code.ADOPT_LAYER, path, what, write))
    for path in (path for path in files if not path.endswith((".sql", ".py")) and not settled):
        relative = PurePosixPath(path.removeprefix(f"{folder}/"))
        layer = layer_of("", relative.parts[:-1]) or _only(
            {layers[name] for name in _named(plan, path) & layers.keys()}
        )
        to = f"{place(layer, relative.parts[:-1])}" if layer else "/".join(["dbt/models", *relative.parts[:-1]])
        free = plan.move(path, f"{to}/{relative.name}") or plan.move(
            path, f"{to}/{'_'.join(relative.parts[:-1]) or 'all'}_{relative.name}"
        )
        if not free:
            plan.stops.append(Problem(Code.ADOPT_LAYER, path, f"{to} has a file of its name", "rename one of the two"))
    _twice(plan, folder)
    return found


def _schema(plan: Plan, path: str) -> None:
    """Plan that a model sets no schema of its own: the folder is the schema."""
    text = plan.text(path)
    without = _CONFIG.sub(lambda call: _SCHEMA.sub("", call[0]), text)
    if without != text:
        plan.edits[path] = without
        write = "take `schema` out of its config, as the patch does"
        plan.stops.append(Problem(Code.ADOPT_LAYER, path, "sets a schema, which here is the folder", write))


def _twice(plan: Plan, folder: str) -> None:
    stems = Counter(
        PurePosixPath(path).stem.lower() for path in plan.below(folder) if path.endswith((".sql", ".py", ".csv"))
    )
    for name, times in stems.items():
        if times > 1:
            paths = [path for path in plan.below(folder) if PurePosixPath(path).stem.lower() == name]
            what = f"the model `{name}` is there {times} times, and each name is one table and one asset"
            write = f"rename it, with what refers to it: `git mv {paths[-1]} …`"
            plan.stops.append(Problem(Code.ADOPT_NAME, paths[-1], what, write))


def _named(plan: Plan, path: str) -> set[str]:
    if not path.endswith((".yml", ".yaml")):
        return set()
    try:
        listed = (yaml.safe_load(plan.text(path)) or {}).get("models") or []
        return {entry["name"] for entry in listed}
    except (yaml.YAMLError, AttributeError, TypeError, KeyError):
        return set()


def _only(layers: set[str]) -> str | None:
    return next(iter(layers)) if len(layers) == 1 else None
