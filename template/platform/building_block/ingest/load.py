# platform-owned: changed by `copier update` only; see platform/README.md
"""Load the folder of ingest files."""

from pathlib import Path

from pydantic import ValidationError

from building_block.ingest.sentences import problems
from building_block.ingest.spec import IngestSpec
from building_block.messages import Code, Problem, ProblemError
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
            spec, where = _load(path, file)
        except ProblemError as error:
            found += error.problems
            continue
        if other := claimed.get(spec.table):
            what = f"table `{spec.table}` is {other}'s already"
            found.append(Problem(Code.INGEST_DUPLICATE_TABLE, where, what, "write another `table:`, or drop a file"))
        claimed.setdefault(spec.table, file)
        specs.append(spec)
    ProblemError.raise_any(found)
    return specs


def _load(path: Path, file: str) -> tuple[IngestSpec, str]:
    """Return the file's spec, and where it claims its table."""
    values, node = parse(path.read_bytes(), file, _INGEST)
    try:
        spec = IngestSpec.model_validate({"table": path.stem} | values, context={"file": file})
    except ValidationError as error:
        raise ProblemError(*problems(error, file, node)) from None
    return spec, f"{file}:{place(node, ('table',))[0]}"
