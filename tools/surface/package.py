"""A Python package read and never run: its modules, what they assign, whom they call."""

import ast
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any


class Package:
    """The modules of a folder, each by its dotted name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def texts(self) -> dict[str, str]:
        """The source of every module."""
        return {
            ".".join(file.relative_to(self.folder.parent).with_suffix("").parts): file.read_text("utf-8")
            for file in sorted(self.folder.rglob("*.py"))
        }

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        """Every module, parsed."""
        return {module: _parsed(text) for module, text in self.texts.items()}

    def defined(self, module: str) -> dict[str, ast.stmt | ast.expr]:
        """Return what a module has at its top level: functions and classes, and what names are assigned."""
        found: dict[str, ast.stmt | ast.expr] = {}
        for node in self.modules[module].body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found[name] = node
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    found[name] = value
        return found

    def find(self, name: str) -> tuple[str, Any] | None:
        """Return the module that defines a name, and its node: a table keeps its name when it moves."""
        return next(((module, found[name]) for module in self.modules if name in (found := self.defined(module))), None)

    def origin(self, module: str, name: str) -> tuple[str, str] | None:
        """Return from which module of the package a name was imported, and its name there."""
        for node in ast.walk(self.modules[module]):
            if isinstance(node, ast.ImportFrom) and node.module in self.modules:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return node.module, alias.name
        return None

    def value(self, module: str, node: ast.AST) -> Any:
        """Return what an expression of literals and names of the package's is, elsewhere its text."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return [one for item in items for one in self._items(module, item)]
            case ast.Dict(keys=keys, values=values):
                found: dict[Any, Any] = {}
                for key, value in zip(keys, values, strict=True):
                    inner = self.value(module, value)
                    found |= {self.value(module, key): inner} if key else inner
                return found
            case ast.Call(func=ast.Name(id="tuple" | "list" | "frozenset" | "set"), args=[argument]):
                return list(self.value(module, argument))
            case ast.Name(id=name) if name in (defined := self.defined(module)):
                return self.value(module, defined[name])
            case ast.Name(id=name) if source := self.origin(module, name):
                return self.value(source[0], ast.Name(source[1]))
        return ast.unparse(node)

    def _items(self, module: str, item: ast.expr) -> list[Any]:
        return list(self.value(module, item.value)) if isinstance(item, ast.Starred) else [self.value(module, item)]

    def calls(self) -> Iterator[tuple[str, str, ast.Call]]:
        """Yield every call, decorators too: its module, the last part of what is called, the call."""
        for module, text in self.texts.items():
            for called, call in _calls(text):
                yield module, called, call


# From one release to the next most modules are the same.


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _calls(text: str) -> list[tuple[str, ast.Call]]:
    calls = (node for node in ast.walk(_parsed(text)) if isinstance(node, ast.Call))
    return [(ast.unparse(call.func).rpartition(".")[2], call) for call in calls]


def members(node: ast.AST) -> dict[str, Any]:
    """Return what the members of an enumeration are assigned."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {one.targets[0].id: one.value for one in body if isinstance(one, ast.Assign)}
