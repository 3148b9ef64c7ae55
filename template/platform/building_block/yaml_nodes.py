# platform-owned: changed by `copier update` only; see platform/README.md
"""YAML as plain values, with the line of each of them."""

from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from building_block.messages import Code, Problem, ProblemError, one_line, shown

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is some ten times as fast, but not on every platform
Location = tuple[str | int, ...]
"""The keys and indexes that lead from a file's root to a value."""

_Entry = TypeVar("_Entry", bound=BaseModel)

_LARGEST = 2**127  # what the largest whole number of DuckDB holds
_DEEPEST = 50
_TEXT = "tag:yaml.org,2002:str"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Kind:
    """One kind of file, as messages speak of it."""

    name: str
    begins: str
    """What to write into an empty one."""
    syntax: Code
    key: Code
    dates: bool
    """Whether ``2010-12-01`` without quotes is a date; otherwise it is the text that it looks like."""


def parse(content: bytes, file: str, kind: Kind) -> tuple[dict[str, Any], MappingNode]:
    """Return the mapping in ``content`` and its node; ``file`` names it in messages. Keys are text as written.

    Raise ProblemError for all that YAML itself, or a plain reader of it, could take in two ways, and for numbers and
    levels beyond what any data has.
    """
    try:
        text = content.decode("utf-8-sig")
        _refuse_depth(text, file, kind)
        node = yaml.compose(text, Loader=Loader)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n")
        raise _fault(kind.syntax, file, line, "the file is not UTF-8", "save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        write = "correct the indentation, quotes or brackets"
        if b"\t" in b"".join(content.splitlines()[line : line + 1]):
            write = "write spaces, not tabs"
        raise _fault(kind.syntax, file, line, f"not YAML: {error.problem or error.context}", write) from None
    except yaml.YAMLError as error:
        raise _fault(kind.syntax, file, 0, f"not YAML: {str(error).splitlines()[0]}", "remove the character") from None
    if not isinstance(node, MappingNode):
        what = "the file is empty" if node is None else "the file is not a list of keys with values"
        raise _fault(kind.syntax, file, 0, what, kind.begins)
    return _Reader(file, kind).value(node), node


def entries(content: bytes, file: str, kind: Kind, key: str, entry: type[_Entry]) -> list[tuple[_Entry, int]]:
    """Return the entries of a file that is a list below one key, each with the line that it begins at.

    Raises:
        ProblemError: the file cannot be read as such; the error carries every fault.
    """
    values, node = parse(content, file, kind)
    whole = create_model("File", __config__=ConfigDict(extra="forbid"), **{key: (list[entry], ...)})
    try:
        found = getattr(whole.model_validate(values), key)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise ProblemError(
            *(_entry_fault(one, file, node, kind, [key], [*entry.model_fields]) for one in faults)
        ) from None
    return [(one, place(node, (key, number))[0]) for number, one in enumerate(found)]


def _entry_fault(
    error: ErrorDetails, file: str, node: MappingNode, kind: Kind, of_file: list[str], of_entry: list[str]
) -> Problem:
    line, path = place(node, error["loc"])
    key, known = error["loc"][-1], of_entry if len(error["loc"]) > 1 else of_file
    what, write = {
        "missing": (f"key `{key}` is missing", f"write `{key}: …`"),
        "extra_forbidden": (f"unknown key `{key}`", f"write {', '.join(known)}"),
        "string_type": (f"`{error['input']}` is not text", f"write `{key}` in full, in quotes if need be"),
        "string_too_short": (f"`{key}` is empty", "write it in full"),
        "date_type": (f"`{error['input']}` is not a day", "write one such as 2026-01-31, without quotes"),
        "list_type": (f"the {key} are not a list", "write entries that begin with `- `"),
    }.get(error["type"], (f"`{error['input']}` is not what belongs here", kind.begins))
    return Problem(kind.key, f"{file}:{line}", what, write, path)


def place(node: Node, loc: Location) -> tuple[int, str]:
    """Return line (from 1) and key path, as ``columns[3].type``, of a pydantic location or what of it exists."""
    line, path = node.start_mark.line, ""
    for depth, part in enumerate(loc, 1):
        child = None
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, child = key.start_mark.line, value
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            line = child.start_mark.line
        if child is None and depth < len(loc):
            continue  # pydantic's name for the chosen member of a union, which is not in the file
        path += f"[{part}]" if isinstance(part, int) else f".{one_line(str(part))}"
        node = child or node
    return line + 1, path.lstrip(".")


def _refuse_depth(text: str, file: str, kind: Kind) -> None:
    """Raise ProblemError for levels that nobody writes: libyaml's own composer ends the process at some 10,000."""
    depth = 0
    what, write = f"not {kind.name}: more than {_DEEPEST} levels deep", "write fewer levels"
    try:
        for event in yaml.parse(text, Loader=Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise _fault(kind.syntax, file, event.start_mark.line, what, write)
    except yaml.MarkedYAMLError as error:  # some versions of libyaml look that far ahead and have a limit of their own
        if "nesting" not in str(error.problem):
            raise
        raise _fault(kind.syntax, file, error.problem_mark.line, what, write) from None


class _Reader:
    def __init__(self, file: str, kind: Kind) -> None:
        self.file = file
        self.kind = kind
        self.seen: set[int] = set()
        self.scalars = yaml.constructor.SafeConstructor()

    def value(self, node: Node) -> Any:
        if id(node) in self.seen:
            # Nested aliases make a small file huge, and one inside of its own anchor endless.
            what = "an alias (`*name`) points here"
            raise _fault(self.kind.syntax, self.file, node.start_mark.line, what, "write the value out again")
        self.seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            return [self.value(child) for child in node.value]
        if node.tag == _TEXT or (node.tag == _TIMESTAMP and not self.kind.dates):
            return node.value
        try:
            value = self.scalars.construct_object(node)
        except Exception:  # 2010-13-45, or a forced type as `!!bool x`, fails in any way: the models say what is wrong
            return node.value
        if isinstance(value, int | float) and not -_LARGEST <= value < _LARGEST:  # nan, too
            write = 'write a smaller one, or text in "quotes"'
            raise _fault(self.kind.syntax, self.file, node.start_mark.line, "no number of data is this large", write)
        return value

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line
            if not isinstance(key, ScalarNode):
                raise _fault(self.kind.syntax, self.file, line, "a key is not plain text", "write `key: value`")
            if key.value in values:
                raise _fault(
                    self.kind.key, self.file, line, f"key {shown(key.value)} stands twice", "keep one of the two"
                )
            values[key.value] = self.value(value)
        return values


def _fault(code: Code, file: str, line: int, what: str, write: str) -> ProblemError:
    return ProblemError(Problem(code, f"{file}:{line + 1}", what, write))
