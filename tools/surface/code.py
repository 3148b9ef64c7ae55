"""What ``building_block`` shows to units: names, commands, messages, tables of the contracts, Dagster's names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.surface.entry import Entries, Entry, Part
from tools.surface.package import Package, members

_IMPORT = re.compile(r"from (building_block[\w.]*) import (\w+(?:, \w+)*)")
_DOTTED = re.compile(r"(building_block(?:\.\w+)+)\.([A-Z]\w+)")
_DAGSTER = {
    "job": {"job", "JobDefinition", "define_asset_job"},
    "schedule": {"schedule", "ScheduleDefinition"},
    "sensor": {"sensor", "SensorDefinition", "AutomationConditionSensorDefinition", "asset_sensor"},
}
_TABLES = ("METRICS", "OPTIONS", "FORMATS", "SEVERITIES", "OPERATORS", "UNITS", "Masking", "Action", "LAYERS")
"""Of what stands in a contract or names a place, that which no schema lists whole."""


def messages(package: Package, warns: str = "WARNINGS") -> Entries:
    """Yield the codes. Those that ``WARNINGS`` beside them names are printed and fail nothing."""
    module, codes = package.find("Code") or ("", ast.Pass())
    warnings = package.find(warns)
    soft = set(package.value(*warnings)) if warnings else set()
    for name, code in members(codes).items():
        yield f"message.{package.value(module, code)}", Entry(Part.MESSAGE, name, warns=f"Code.{name}" in soft)


def tables(package: Package) -> Entries:
    """Yield the rows of the tables by which contracts are read, and what a change of a contract demands."""
    for table in _TABLES:
        module, node = package.find(table) or ("", ast.Tuple([]))
        name = f"rule.{table.lower()}"
        is_enumeration = isinstance(node, ast.ClassDef)
        rows = [package.value(module, one) for one in members(node).values()] if is_enumeration else []
        for row, said in _rows(package.value(module, node) if not is_enumeration else rows):
            text = said if isinstance(said, str) else ""
            yield f"{name}.{row}", Entry(Part.VALUE, text)
            for one in _words(said) if not text and table != "OPERATORS" else ():  # whose words are for readers
                yield f"{name}.{row}.{one}", Entry(Part.VALUE, of=f"{name}.{row}")
    for kind, verdict in members((package.find("Kind") or ("", ast.Pass()))[1]).items():
        if isinstance(verdict, ast.Call):
            yield f"rule.change.{kind}", Entry(Part.GATE, ", ".join(ast.unparse(one) for one in verdict.args[1:3]))


def _rows(table: Any) -> Iterator[tuple[Any, Any]]:
    yield from table.items() if isinstance(table, dict) else ((row, None) for row in table)


def _words(said: Any) -> Iterator[str]:
    for one in said or ():
        yield from _words(one) if isinstance(one, list) else str(one).split(", ")


# Names that a unit's code uses ----------------------------------------------------------------------------------------


def names(package: Package, root: Path, component_modules: list[str], fixture_modules: list[str]) -> Entries:
    """Yield what seeds and docs import, what ``dg`` lists and the fixtures of tests; with parameters and attributes."""
    for module, name in sorted(_used(package, root)):
        yield from _name(package, module, name)
    for module in component_modules:
        for name in package.value(module, package.defined(module).get("__all__", ast.Tuple([]))):
            yield f"python.{module}.{name}", Entry(Part.NAME)
    for module in fixture_modules:
        for name, node in package.defined(module).items():
            if any("fixture" in ast.unparse(one) for one in getattr(node, "decorator_list", ())):
                yield f"fixture.{name}", Entry(Part.NAME)


def _used(package: Package, root: Path) -> set[tuple[str, str]]:
    template = root / "template"
    files = [*root.glob("docs/**/*.md"), template / "platform" / "README.md"]
    files += [file for file in template.rglob("*.py*") if "platform" not in file.relative_to(template).parts]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
    used = {(module, name) for module, listed in _IMPORT.findall(text) for name in listed.split(", ")}
    for module, name in sorted(used & _defined(package)):
        used |= set(_DOTTED.findall(ast.unparse(package.defined(module)[name])))  # what its docstring speaks of
    return used & _defined(package)


def _defined(package: Package) -> set[tuple[str, str]]:
    return {(module, name) for module in package.modules for name in package.defined(module)}


def _name(package: Package, module: str, name: str) -> Entries:
    node, path = package.defined(module)[name], f"python.{module}.{name}"
    yield path, Entry(Part.NAME)
    if isinstance(node, ast.FunctionDef):
        yield from parameters(node.args, path)
    for one in node.body if isinstance(node, ast.ClassDef) else ():
        match one:
            case ast.FunctionDef(name=own) if not own.startswith("_"):
                yield f"{path}.{own}", Entry(Part.NAME, of=path)
                yield from parameters(one.args, f"{path}.{own}")
            case ast.AnnAssign(target=ast.Name(id=own)) if not own.startswith("_"):
                yield f"{path}.{own}", Entry(Part.NAME, of=path)


def parameters(arguments: ast.arguments, of: str) -> Entries:
    """Yield the parameters of a function; where one stands counts for those that are given by place."""
    placed = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(placed) - len(arguments.defaults)) + list(arguments.defaults)
    own = [(one, default, str(place)) for place, (one, default) in enumerate(zip(placed, defaults, strict=True))]
    own += [(one, default, "") for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    for one, default, place in own:
        if one.arg not in ("self", "cls"):
            value = f"{place} = {ast.unparse(default) if default else ''}".strip()
            yield f"{of}({one.arg})", Entry(Part.PARAMETER, value, of, needed=default is None)


# Commands -------------------------------------------------------------------------------------------------------------


def commands(package: Package, module: str, app: str = "app", prefix: str = "command") -> Entries:
    """Yield the commands of a typer application and of those that it holds, with arguments and options."""
    for node in package.modules[module].body:
        for name in _commands(node, app):
            path = f"{prefix}.{name}"
            yield path, Entry(Part.NAME)
            defaults = [None] * (len(node.args.args) - len(node.args.defaults)) + list(node.args.defaults)
            for one, default in zip(node.args.args, defaults, strict=True):
                value = f"{_written(package, module, one.annotation)} = {ast.unparse(default) if default else ''}"
                yield f"{path}({one.arg})", Entry(Part.PARAMETER, value, path, needed=default is None)
    for where, called, call in package.calls():
        if where == module and called == "add_typer" and ast.unparse(call.func.value) == app:
            source = package.origin(module, ast.unparse(call.args[0])) or (module, ast.unparse(call.args[0]))
            # Without a name its commands stand beside those of the application.
            inner = [package.value(module, word.value) for word in call.keywords if word.arg == "name"]
            yield from commands(package, *source, ".".join([prefix, *inner]))


def _commands(node: ast.stmt, app: str) -> Iterator[str]:
    """Yield the names by which a function is a command of the application."""
    for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
        match decorator:
            case ast.Call(func=function, args=given, keywords=words) if ast.unparse(function) == f"{app}.command":
                named = [*given, *(word.value for word in words if word.arg == "name")]
                yield ast.literal_eval(named[0]) if named else node.name.replace("_", "-")


def _written(package: Package, module: str, annotation: ast.expr | None) -> str:
    """Return how a parameter is given: its type, whether as an argument or option, and the option's spelling."""
    match annotation:
        case ast.Name(id=alias) if isinstance(named := package.defined(module).get(alias), ast.Subscript):
            return _written(package, module, named)
        case ast.Subscript(slice=ast.Tuple(elts=[kind, ast.Call() as how])):
            spelt = [ast.unparse(word) for word in how.args]
            return " ".join([ast.unparse(kind), ast.unparse(how.func).rpartition(".")[2], *spelt])
    return ast.unparse(annotation) if annotation else ""


# Dagster, environment -------------------------------------------------------------------------------------------------


def dagster(package: Package) -> Entries:
    """Yield the names of jobs, schedules, sensors and resources, and the environment variables that are read."""
    for module, called, call in package.calls():
        for kind in (kind for kind, makers in _DAGSTER.items() if called in makers):
            for name in _named(package, module, call):
                yield f"{kind}.{name}", Entry(Part.NAME)
        for word in call.keywords:
            if word.arg == "resources" and isinstance(word.value, ast.Dict):
                yield from ((f"resource.{name}", Entry(Part.NAME)) for name in package.value(module, word.value))
    for text in package.texts.values():
        for name in re.findall(r"[\"'](BUILDING_BLOCK_[A-Z_]+)[\"']", text):
            yield f"variable.{name}", Entry(Part.NAME)


def _named(package: Package, module: str, call: ast.Call) -> Iterator[str]:
    given = [*(word.value for word in call.keywords if word.arg == "name"), *call.args[:1]]
    for value in (package.value(module, one) for one in given[:1]):
        if isinstance(value, str) and value.startswith("bb_"):
            yield value
