# platform-owned: changed by `copier update` only; see platform/README.md
"""What every message to a person looks like: ``CODE file:line path: what is wrong; what to write instead``."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_LONGEST = 60


class Code(StrEnum):
    """Stable codes of messages: 1xx ingest files, 2xx landed data, 3xx warehouse, 4xx ownership, 5xx project,
    6xx contracts."""

    INGEST_YAML = "BB101"
    INGEST_KEY = "BB102"
    INGEST_VALUE = "BB103"
    INGEST_DUPLICATE_TABLE = "BB104"
    INGEST_DUPLICATE_COLUMN = "BB105"

    LANDING_FOLDER = "BB201"
    LANDING_FILE_MISSING = "BB202"
    LANDING_FILE_EMPTY = "BB203"
    LANDING_FILE_BROKEN = "BB204"
    LANDING_ENCODING = "BB205"
    LANDING_ROW = "BB206"
    LANDING_TYPE = "BB207"
    LANDING_COLUMN_UNDECLARED = "BB208"
    LANDING_COLUMN_MISSING = "BB209"

    WAREHOUSE_LOCKED = "BB301"
    WAREHOUSE_SCHEMA_CHANGED = "BB302"
    WAREHOUSE_TABLE_MISSING = "BB303"
    WAREHOUSE_TYPE_UNSUPPORTED = "BB304"
    WAREHOUSE_KEY = "BB305"
    WAREHOUSE_BROKEN = "BB306"

    OWNERSHIP_DRIFT = "BB401"
    DERIVED_STALE = "BB402"
    SETTING_LOCKED = "BB403"
    SETTING_SYNTAX = "BB404"
    DERIVED_TAKEN = "BB405"
    COLLISION = "BB406"
    MERGE = "BB407"
    ANSWERS = "BB408"
    REQUIREMENT = "BB409"
    SETTING_IGNORED = "BB410"
    EXCEPTIONS = "BB411"
    EXCEPTION_DUE = "BB412"
    EXCEPTION_LONG = "BB413"
    UPGRADE_TREE = "BB420"
    UPGRADE_VERSION = "BB421"
    UPGRADE_ANSWERS = "BB422"
    UPGRADE_COLLISION = "BB423"
    UPGRADE_ENVIRONMENT = "BB424"
    UPGRADE_FAILURES = "BB425"
    UPGRADE_VERIFY = "BB426"
    UPGRADE_GIT = "BB427"
    UPGRADE_PATH = "BB428"
    ADOPT_PROJECT = "BB430"
    ADOPT_TAKEN = "BB431"
    ADOPT_PYPROJECT = "BB432"
    ADOPT_NAME = "BB433"
    ADOPT_LAYER = "BB434"
    ADOPT_DBT = "BB435"

    PROJECT_NOT_FOUND = "BB501"
    DBT_PARSE = "BB502"
    SELECTION_UNKNOWN = "BB503"
    BUILD_FAILED = "BB504"
    DBT_MODEL_FAILED = "BB505"
    DBT_TEST_FAILED = "BB506"
    ASSET_KEY = "BB507"
    DBT_LAYER = "BB508"
    CHECK_FAILED = "BB509"
    DEFINITIONS = "BB510"
    PARTITIONS = "BB511"
    DOMAIN_NAME = "BB512"
    TOOL_MISSING = "BB513"
    NO_REPOSITORY = "BB514"
    MODEL_RULE = "BB515"
    DBT_FRESHNESS = "BB530"

    CONTRACT_YAML = "BB601"
    CONTRACT_SCHEMA = "BB602"
    CONTRACT_VALUE = "BB603"
    CONTRACT_TYPE = "BB604"
    CONTRACT_VERSION = "BB605"
    CONTRACT_RULE = "BB606"
    CONTRACT_PORT = "BB607"
    CONTRACT_COLUMN = "BB608"
    CONTRACT_BROKEN = "BB609"
    MASKING_KEY = "BB610"
    CONTRACT_OWNER = "BB611"
    CONTRACT_CLASSIFICATION = "BB612"
    CONTRACT_RETENTION = "BB613"
    CONTRACT_PII = "BB614"
    CONTRACT_MASKING = "BB615"
    CONTRACT_DESCRIPTION = "BB616"
    CONTRACT_KEY = "BB617"
    CANDIDATE_FAILED = "BB618"
    CONTRACT_REF = "BB620"
    CONTRACT_BUMP = "BB621"
    CONTRACT_APPROVAL = "BB622"
    CONTRACT_REMOVED = "BB623"
    CONTRACT_APPROVALS = "BB624"
    CONTRACT_UNREADABLE = "BB625"

    SAMPLE_VALUES = "BB630"
    SAMPLE_RULE = "BB631"
    DATA_FILE = "BB632"

    RETENTION_PLACE = "BB640"
    RETENTION_TABLE = "BB641"
    RETENTION_PERSONAL = "BB642"
    RETENTION_RELEASE = "BB643"

    CONTRACT_DESCRIBED = "BB650"


WARNINGS = frozenset()
"""Of rules that are new: for one minor version they are printed, and fail nothing."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, told so that the reader can put it right without asking."""

    code: StrEnum
    where: str
    """File relative to the project's root, with ``:line`` where a line is known."""
    what: str
    write: str
    """What to write or do instead."""
    path: str = ""
    """Key path in a YAML file, or row and column in a data file."""

    def __str__(self) -> str:
        """Return the house format of a message."""
        place = f"{self.where} {self.path}".rstrip()
        return f"{self.code} {place}: {self.what}; {self.write}"


@dataclass(frozen=True)
class Explanation:
    """All that a person needs who has never met a message of this code. Texts are plain, with `code` in backticks."""

    what: str
    """One sentence."""
    example: str
    """A message as it is printed."""
    why: str
    """Why the platform stops here instead of going on."""
    fix: str


class ProblemError(Exception):
    """Raised for a user's mistake; commands print its problems and never a traceback."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    @classmethod
    def raise_any(cls, problems: Iterable[Problem]) -> None:
        """Raise one error that carries all ``problems``; return when there is none."""
        if found := tuple(problems):
            raise cls(*found)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like ``name``, or all of them when none is like it."""
    names = sorted(known)
    return next(iter(difflib.get_close_matches(name, names, n=1)), ", ".join(names))


def shown(value: Any) -> str:
    """Return a value of a YAML file as a message shows it: on one line, cut short, and never as Python writes it."""
    match value:
        case None:
            return "an empty value"
        case dict():
            return "a group of keys"
        case list():
            return "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    line = one_line(text, _LONGEST)
    return f"`{line}`" if line else "an empty text"


def one_line(text: str, longest: int = 200) -> str:
    """Return text of others as a message can hold it: without line breaks and control characters, cut short."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= longest else line[:longest] + "…"
