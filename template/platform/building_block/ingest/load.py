# platform-owned: changed by `copier update` only; see platform/README.md
"""Load the folder of ingest files."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from yaml.nodes import Node

from building_block.contracts.contract import fits
from building_block.contracts.load import Agreed, consumed_table
from building_block.ingest.sentences import problems
from building_block.ingest.spec import IngestSpec
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project
from building_block.yaml_nodes import Kind, parse, place

_INGEST = Kind(
    name="an ingest file",
    begins="write `description: …`, `source: …` and `columns: …`",
    syntax=Code.INGEST_YAML,
    key=Code.INGEST_KEY,
    dates=True,
)


def load_specs(folder: Path, root: Path) -> list[IngestSpec]:
    """Return the specs of all ``*.yaml`` and ``*.yml`` files directly in ``folder``, ordered by file name.

    Raise one ProblemError with every problem of every file, each at its line.
    """
    specs: list[IngestSpec] = []
    found: list[Problem] = []
    claimed: dict[str, str] = {}
    for path in sorted(folder.glob("[!.]*.y*ml")):
        if path.suffix not in (".yaml", ".yml"):
            continue
        file = path.relative_to(root).as_posix()
        try:
            spec, where = _load(path, file, root)
        except ProblemError as error:
            found += error.problems
            continue
        for table in filter(None, (spec.table, spec.quarantine)):
            if other := claimed.get(table):
                what = f"table `{table}` is {other}'s already"
                write = "write another `table:`, or drop a file"
                found.append(Problem(Code.INGEST_DUPLICATE_TABLE, where, what, write))
            claimed.setdefault(table, file)
        specs.append(spec)
    ProblemError.raise_any(found)
    return specs


def _load(path: Path, file: str, root: Path) -> tuple[IngestSpec, str]:
    """Return the file's spec, and where it claims its table."""
    values, node = parse(path.read_bytes(), file, _INGEST)
    try:
        spec = IngestSpec.model_validate({"table": path.stem} | values, context={"file": file})
    except ValidationError as error:
        raise ProblemError(*problems(error, file, node)) from None
    if spec.contract:
        found = consumed_table(Project(root), spec.contract, f"{file}:{place(node, ('contract',))[0]}")
        ProblemError.raise_any(_unlike(spec, found, file, node))
        spec = spec.keeping(found)
    return spec, f"{file}:{place(node, ('table',))[0]}"


def _unlike(spec: IngestSpec, agreed: Agreed, file: str, node: Node) -> Iterator[Problem]:
    """Yield a problem for each column of the contract that the ingest file does not declare as it is there."""
    declared = {column.name: (index, column) for index, column in enumerate(spec.columns)}
    for column in agreed.contract.columns:
        promised = f"{agreed.contract.file} promises"
        if column.name not in declared:
            line, _ = place(node, ("columns",))
            what = f"{promised} the column `{column.name}`, which is not read"
            write = f"write `- {{name: {column.name}, type: …}}`, or take it out of the contract"
            yield Problem(Code.CONTRACT_COLUMN, f"{file}:{line}", what, write, "columns")
            continue
        index, found = declared[column.name]
        if not fits(column.standard, column.type, found.sql_type):
            line, at = place(node, ("columns", index, "type"))
            what = f"{promised} {column.type}, and `{column.name}` is read as {found.sql_type}"
            yield Problem(Code.CONTRACT_COLUMN, f"{file}:{line}", what, "write one of the two as the other", at)
