# platform-owned: changed by `copier update` only; see platform/README.md
"""Every kind of change of a contract, and what each means for those who read the data."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from building_block.contracts.contract import Version
from building_block.contracts.standard import Location


class Bump(IntEnum):
    """Which number of a version a change raises."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def least(self, before: Version) -> Version:
        """Return the lowest version after ``before`` that raises this number; 0.x is no exception."""
        match self:
            case Bump.MAJOR:
                return Version(before.major + 1, 0, 0)
            case Bump.MINOR:
                return Version(before.major, before.minor + 1, 0)
            case Bump.PATCH:
                return Version(before.major, before.minor, before.patch + 1)
        return before


class Verdict(NamedTuple):
    """What is thought of a kind of change."""

    what: str
    bump: Bump
    approval: bool
    """Whether it lowers what compliance relies on, so that a raised version alone does not allow it."""
    why: str


class Kind(Enum):
    """Every kind of change; ``docs/reference/contract-changes.md`` is written from it."""

    COLUMN_REMOVED = Verdict("a column is removed", Bump.MAJOR, False, "Queries that name it fail.")
    COLUMN_RENAMED = Verdict(
        "a column is renamed: another name after the same column and with the same type, or with the same `id`",
        Bump.MAJOR,
        False,
        "Queries that name it fail. What protects the column is compared under its new name.",
    )
    COLUMN_ADDED = Verdict("a column is added", Bump.MINOR, False, "Who reads by name does not see it.")
    TYPE_CHANGED = Verdict(
        "a column's type is changed, widened or narrowed",
        Bump.MAJOR,
        False,
        "A reader that kept INTEGER cannot take BIGINT: Avro promotes int to long for a newer reader, never for an "
        "older one, and dbt calls another type of a contracted column breaking.",
    )
    KEY_CHANGED = Verdict("other columns are the primary key", Bump.MAJOR, False, "Joins find other rows.")
    RULE_REMOVED = Verdict(
        "a rule is removed, or only warns from now on: `required`, `unique`, an option, an entry of `quality`",
        Bump.MAJOR,
        False,
        "Values come that could not come before.",
    )
    RULE_LOOSENED = Verdict(
        "a rule is loosened: a minimum lowered, an `enum` extended, a limit raised",
        Bump.MAJOR,
        False,
        "Values come that could not come before.",
    )
    RULE_CHANGED = Verdict(
        "a rule is changed and nobody can tell which way: a `pattern`, a `format`, a query, what is measured",
        Bump.MAJOR,
        False,
        "Whether one pattern or query allows all that another does cannot be decided, so it counts as looser.",
    )
    RULE_TIGHTENED = Verdict("a rule is tightened", Bump.MINOR, False, "What comes was allowed before.")
    RULE_ADDED = Verdict(
        "a rule is added, or blocks where it only warned", Bump.MINOR, False, "What comes was allowed before."
    )
    OPTION_CHANGED = Verdict(
        "an option that is no rule is added, changed or removed, such as `timezone`",
        Bump.MAJOR,
        False,
        "The same value means something else.",
    )
    RELATIONSHIP_REMOVED = Verdict(
        "a relationship is changed or removed", Bump.MAJOR, False, "Joins that it promised may find nothing."
    )
    RELATIONSHIP_ADDED = Verdict("a relationship is added", Bump.MINOR, False, "Nothing that was promised is lost.")
    DEPRECATION_CHANGED = Verdict(
        "a column or the table is `deprecated`, or is so no more", Bump.MINOR, False, "It is news, and nothing breaks."
    )
    STATUS_WITHDRAWN = Verdict(
        "`status` goes back to draft or proposed, or on to retired",
        Bump.MAJOR,
        False,
        "Nothing is promised any more. A port that is retired may be deleted in a later change.",
    )
    STATUS_CHANGED = Verdict(
        "`status` changes otherwise, for example to deprecated", Bump.MINOR, False, "It is news, and nothing breaks."
    )
    CLASSIFICATION_LOWERED = Verdict(
        "a column's class is lowered", Bump.MAJOR, True, "More people may see the data from then on."
    )
    CLASSIFICATION_RAISED = Verdict("a column's class is raised", Bump.MINOR, False, "The data stays as it is.")
    PII_REMOVED = Verdict(
        "a column's tag `pii` is removed", Bump.MAJOR, True, "It escapes masking, policy and whoever must be informed."
    )
    PII_REPLACED = Verdict(
        "a column with the tag `pii` is removed and one of its type is added without it",
        Bump.MAJOR,
        True,
        "The data may come back under another name, without masking and policy.",
    )
    PII_ADDED = Verdict("a column gets the tag `pii`", Bump.MINOR, False, "The data stays as it is.")
    MASKING_WEAKENED = Verdict(
        "masking is removed or weakened; from the strongest: nullify, hash, truncate (the fewer characters the "
        "stronger), none",
        Bump.MAJOR,
        True,
        "Emptied, a value tells nothing; hashed, who has the key can tell who it is; truncated, a part of it is read "
        "by everyone; then all of it.",
    )
    MASKING_STRENGTHENED = Verdict(
        "masking is added or strengthened", Bump.MAJOR, False, "All values of the column become others."
    )
    RETENTION_LENGTHENED = Verdict(
        "retention is longer, removed, of one table less, or empties columns where it deleted rows",
        Bump.MAJOR,
        True,
        "Rows are kept past the day on which they had to go.",
    )
    RETENTION_MOVED = Verdict(
        "retention counts from another column",
        Bump.MAJOR,
        True,
        "Rows may be kept past the day on which they had to go.",
    )
    RETENTION_SHORTENED = Verdict(
        "retention is shorter or new, or deletes rows where it emptied columns",
        Bump.MAJOR,
        False,
        "Rows vanish that who reads could rely on.",
    )
    FREQUENCY_LOOSENED = Verdict(
        "`frequency` is longer or removed", Bump.MAJOR, True, "Data may be older than was agreed on."
    )
    FREQUENCY_TIGHTENED = Verdict(
        "`frequency` is shorter or new", Bump.MINOR, False, "Data is never older than before."
    )
    SERVICE_LEVEL_CHANGED = Verdict(
        "another service level is changed or removed",
        Bump.MAJOR,
        True,
        "The house does not know its words and takes it as looser.",
    )
    SERVICE_LEVEL_ADDED = Verdict("another service level is added", Bump.MINOR, False, "More is promised.")
    OWNER_CHANGED = Verdict(
        "the owner, `team.name`, is changed", Bump.MAJOR, True, "Somebody else answers for the data and its protection."
    )
    WORDS_CHANGED = Verdict(
        "anything else is changed: descriptions, examples, other tags, the order of columns, the name of a rule",
        Bump.PATCH,
        False,
        "It is read by people; files are read by the names of columns.",
    )
    PORT_ADDED = Verdict("a contract is new", Bump.NONE, False, "It may begin with any version.")
    PORT_WITHDRAWN = Verdict(
        "a contract is deleted that was `retired` before", Bump.NONE, False, "Its last version was the notice."
    )
    PORT_REMOVED = Verdict(
        "a contract is deleted, or renamed, that was not `retired` before",
        Bump.NONE,
        True,
        "No version can tell it to those who read the port: there is none any more.",
    )
    PORT_UNREADABLE = Verdict(
        "the contract was faulty before",
        Bump.NONE,
        True,
        "Nothing can be compared, so nothing shows that protection was kept.",
    )


@dataclass(frozen=True)
class Change:
    """One difference."""

    kind: Kind
    what: str
    """What an approval has to repeat, so it names both values."""
    loc: Location
    """Where in the newer contract."""
