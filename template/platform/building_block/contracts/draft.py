# platform-owned: changed by `copier update` only; see platform/README.md
"""Begin the contract of a published model with what is known of it; what only a person can know is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import yaml
from dagster_dbt import DbtProject

from building_block.contracts.column import declaration
from building_block.contracts.contract import SUFFIX
from building_block.contracts.load import DBT_MODELS, published_models
from building_block.dbt.manifest import in_process, parse
from building_block.messages import Code, Problem, ProblemError, nearest
from building_block.project import Project
from building_block.sql import folded
from building_block.warehouse.client import Warehouse

_HEADER = "# yaml-language-server: $schema=../platform/schemas/contract.json\n"


@dataclass(frozen=True)
class Draft:
    """A contract that was begun."""

    file: str
    """Path relative to the project's root."""
    replaces: str | None
    """The dbt YAML file that described the model so far."""
    left: tuple[str, ...]
    """The model's dbt tests that are no keys of a contract, and end with that file."""


def draft(project: Project, port: str) -> Draft:
    """Write ``contracts/<port>.odcs.yaml``: columns, types, and of dbt's YAML the descriptions and tests of keys.

    Class, retention and what is personal are left out, so that ``poe contracts lint`` asks for them.

    Raises:
        ProblemError: there is no such model, it has a contract, or its columns cannot be told.
    """
    path = project.contracts / f"{port}{SUFFIX}"
    models = published_models(project)
    if path.exists():
        what, write = f"`{port}` is under contract already", "change this file: it is not written anew"
        raise ProblemError(Problem(Code.CONTRACT_PORT, f"{project.relative(path)}:1", what, write))
    if port not in models:
        write = f"write {nearest(port, models)}" if models else f"write {DBT_MODELS}published/{port}.sql first"
        raise ProblemError(Problem(Code.CONTRACT_PORT, DBT_MODELS + "published", f"no model `{port}`", write))
    model = _Model(project, port, models[port])
    table = {"name": port} | _said(model.node.description) | {"properties": model.properties()}
    content = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": port,
        "version": "1.0.0",
        "status": "active",
        "team": {"name": project.domain.slug},
        "schema": [table],
    }
    path.parent.mkdir(exist_ok=True)
    text = yaml.dump(content, Dumper=_Indented, sort_keys=False, width=110, allow_unicode=True)
    path.write_text(_HEADER + text, encoding="utf-8", newline="\n")
    return Draft(project.relative(path), model.described_in, tuple(model.left))


class _Indented(yaml.SafeDumper):
    """Writes the items of a list below their key indented, as the example's contracts are."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


class _Model:
    """What dbt and DuckDB know of a published model."""

    def __init__(self, project: Project, port: str, file: Path) -> None:
        self.project, self.file, self.left = project, project.relative(file), []
        dbt = DbtProject(project.dbt, profiles_dir=project.dbt)
        with TemporaryDirectory(prefix="draft-") as target:  # dbt's own is that of the builds
            manifest = parse(dbt, "--target-path", target)
            self.node = next(
                node for node in manifest.nodes.values() if node.resource_type == "model" and node.name == port
            )
            self.columns = {folded(name): column for name, column in self.node.columns.items()}
            self._promised: dict[bytes, set[str]] = {}
            self._keys: list[tuple[bytes, ...]] = []
            self._tests(manifest)
            self._constraints()
            self.types = self._described(_compiled(dbt, manifest, port, target)) or self._declared()

    @property
    def described_in(self) -> str | None:
        """The YAML file, unless it is derived: that one is written anew."""
        path = (self.node.patch_path or "").partition("://")[2]
        return f"dbt/{path}" if path.startswith("models/") else None

    def properties(self) -> list[dict[str, Any]]:
        alone = ((name,) for name, said in self._promised.items() if said >= {"not_null", "unique"})
        keys = list(dict.fromkeys([*self._keys, *alone]))
        key = keys[0] if len(keys) == 1 else ()  # which of several it is, is not for a command to decide
        for other in keys:
            if other != key and len(other) > 1:
                self.left.append(f"unique of {' and '.join(name.decode() for name in other)}")
        return [self._property(name, kind, key) for name, kind in self.types.items()]

    def _property(self, name: str, kind: str, key: tuple[bytes, ...]) -> dict[str, Any]:
        at = folded(name)
        said, column = self._promised.get(at, set()), self.columns.get(at)
        made = {"name": name} | _said(column.description if column else "") | declaration(kind)
        if at in key:
            made |= {"primaryKey": True} | ({"primaryKeyPosition": key.index(at) + 1} if len(key) > 1 else {})
        if "not_null" in said:
            made["required"] = True
        if "unique" in said and key != (at,):
            made["unique"] = True
        return made

    def _tests(self, manifest: Any) -> None:
        for node in manifest.nodes.values():
            if node.resource_type != "test" or getattr(node, "attached_node", None) != self.node.unique_id:
                continue
            test, settings = node.test_metadata, node.config
            plain = not settings.where and settings.severity.lower() == "error" and settings.error_if == "!= 0"
            together = test.kwargs.get("columns") or test.kwargs.get("combination_of_columns")
            if plain and test.name in ("not_null", "unique"):
                self._promise(node.column_name, test.name)
            elif plain and test.name in ("bb_unique_together", "unique_combination_of_columns") and together:
                self._key(together, filled=test.name == "bb_unique_together")
            else:
                self.left.append(f"{test.name} of {node.column_name or 'the table'}")

    def _constraints(self) -> None:
        for name, column in self.node.columns.items():
            kinds = {constraint.type.value for constraint in column.constraints}
            if "primary_key" in kinds:
                self._key([name], filled=True)
            for kind in kinds & {"not_null", "unique"}:
                self._promise(name, kind)
        for constraint in self.node.constraints:
            if constraint.type.value == "primary_key":
                self._key(constraint.columns, filled=True)

    def _promise(self, column: str, what: str) -> None:
        self._promised.setdefault(folded(column), set()).add(what)

    def _key(self, columns: Sequence[str], *, filled: bool) -> None:
        self._keys.append(tuple(map(folded, columns)))
        for column in columns if filled else ():
            self._promise(column, "not_null")

    def _declared(self) -> dict[str, str]:
        return {name: column.data_type for name, column in self.node.columns.items()}

    def _described(self, select: str | None) -> dict[str, str] | None:
        """Return the columns and types that the model gives now; None where it does not run and its YAML has them."""
        complete = self.columns and all(self._declared().values())
        warehouse = Warehouse(self.project.warehouse)
        try:
            if not warehouse.path.exists():
                raise duckdb.CatalogException("the warehouse does not exist yet")
            with warehouse.reading() as connection:
                found = connection.sql(select or f"FROM candidate.{self.node.name}")
                return dict(zip(found.columns, map(str, found.types), strict=True))
        except duckdb.Error as error:
            if complete:
                return None
            raise ProblemError(self._unknown(error)) from None

    def _unknown(self, error: duckdb.Error) -> Problem:
        what = " ".join(str(error).partition("\n")[0].split())
        if isinstance(error, duckdb.CatalogException):
            # `poe build` itself refuses a published model without a contract.
            write = "move the model out of dbt/models/, write `poe build`, and move it back"
            return Problem(Code.WAREHOUSE_TABLE_MISSING, self.file, f"its columns cannot be told: {what}", write)
        return Problem(Code.DBT_MODEL_FAILED, self.file, what, "put the SQL right and draft again")


def _compiled(dbt: DbtProject, manifest: Any, port: str, target: str) -> str | None:
    """Return the model's SELECT, None of a model in Python."""
    result = in_process(dbt, "compile", "--select", port, "--no-populate-cache", "--target-path", target, of=manifest)
    node = result.result.results[0].node
    return node.compiled_code if node.language == "sql" else None


def _said(description: str) -> Mapping[str, str]:
    text = " ".join(description.split())
    return {"description": text} if text else {}
