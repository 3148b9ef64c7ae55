"""What a surface is made of: entries by dotted name, each of one part."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Part(Enum):
    """What an entry is of, as far as changes of it are judged alike."""

    QUESTION = auto()
    CHOICE = auto()
    DEFAULT = auto()
    VALIDATOR = auto()
    RESERVED = auto()
    """A name that a domain cannot have."""
    PATH = auto()
    CLAIM = auto()
    """A path of the platform's or a derived one where a unit may have a file of its own."""
    FILE = auto()
    """A platform file outside of ``platform/``: linters' settings that a unit extends, tasks."""
    SEED = auto()
    KEY = auto()
    VALUE = auto()
    """One of the things that a key, a rule or a table of the platform's allows."""
    NAME = auto()
    """What units write into their files and commands, or set: task, macro, command, Python name, variable, slot."""
    PARAMETER = auto()
    MESSAGE = auto()
    LINT = auto()
    GATE = auto()
    """What a change of a contract demands."""
    PYTHON = auto()
    DEPENDENCY = auto()
    LOWER = auto()
    UPPER = auto()


@dataclass(frozen=True)
class Entry:
    """One thing that a unit can depend on."""

    part: Part
    value: str = ""
    """What is compared besides that it is there."""
    of: str = ""
    """The name of the entry that this one is a part of; none for what every project has."""
    needed: bool = False
    """Whether who uses what it is a part of has to give it."""
    warns: bool = False
    """Whether a rule only warns."""


Surface = Mapping[str, Entry]
Entries = Iterable[tuple[str, Entry]]
