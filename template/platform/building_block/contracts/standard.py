# platform-owned: changed by `copier update` only; see platform/README.md
"""One file of the Open Data Contract Standard: parsed, and held against the standard."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError
from yaml.nodes import MappingNode

from building_block.contracts.sentences import problems
from building_block.messages import Code, Problem, ProblemError, shown
from building_block.yaml_nodes import Kind, Location, parse, place

_CONTRACT = Kind(
    name="a contract",
    begins="write `apiVersion: v3.2.0`, `kind: DataContract`, `id: …`, `version: 1.0.0` and `schema: …`",
    syntax=Code.CONTRACT_YAML,
    key=Code.CONTRACT_SCHEMA,
    dates=False,  # the standard writes a day as text
)


@dataclass(frozen=True)
class ContractFile:
    """A file that keeps the standard, and where in it everything stands."""

    file: str
    """Path relative to the project's root."""
    digest: str
    node: MappingNode
    content: OpenDataContractStandard

    def problem(self, code: Code, loc: Location, what: str, write: str) -> Problem:
        """Return a problem at the line of a key path, or at that of what of the path exists."""
        line, path = place(self.node, loc)
        return Problem(code, f"{self.file}:{line}", what, write, path)


def read(path: Path, file: str) -> ContractFile:
    """Return the contract in ``path``; ``file`` names it in messages.

    Raises:
        ProblemError: it cannot be read, is not YAML or does not keep the standard; the error carries every problem.
    """
    return of_text(content(path, file), file)


def content(path: Path, file: str) -> bytes:
    """Return what stands in ``path``; raises ProblemError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        what, write = f"the file cannot be read: {error.strerror}", "write a file that can be"
        raise ProblemError(Problem(Code.CONTRACT_YAML, f"{file}:1", what, write)) from None


def of_text(text: bytes, file: str) -> ContractFile:
    """Return the contract in ``text``, as ``read`` does."""
    values, node = parse(text, file, _CONTRACT)
    ProblemError.raise_any(problems(values, file, node))
    try:
        content = OpenDataContractStandard.model_validate(values)
    except ValidationError as error:  # the package's models are here and there narrower than its schema
        line, path = place(node, error.errors()[0]["loc"])
        what = f"{shown(error.errors()[0]['input'])} is not what the standard takes here"
        write = "write it as the standard describes it"
        raise ProblemError(Problem(Code.CONTRACT_SCHEMA, f"{file}:{line}", what, write, path)) from None
    return ContractFile(file, hashlib.sha256(text).hexdigest()[:12], node, content)
