"""Every kind of change of the surface, and which number of the template's version it raises."""

from enum import Enum, auto
from typing import NamedTuple

from building_block.contracts.changes import Bump

from tools.surface.entry import Part


class Event(Enum):
    """What became of an entry."""

    REMOVED = auto()
    ADDED = auto()
    CHANGED = auto()
    """Its value is another; which way nobody can tell."""
    NEEDED = auto()
    """It has to be given where it had not to be."""
    NOT_NEEDED = auto()
    LOWERED = auto()
    """An upper bound is lower, or new."""
    FAILS = auto()
    """It warned before."""
    WARNS = auto()
    """It is new and warns, or failed before."""
    HARMLESS = auto()
    """It is new, and only meets what came with it: `new_ground` of declared.yml says so."""


class Verdict(NamedTuple):
    """What is thought of a kind of change."""

    what: str
    bump: Bump
    migration: bool
    """Whether it takes something away that no version can announce: without a migration it is refused, in 0.x too."""
    why: str
    of: tuple[Part, ...]
    when: tuple[Event, ...]


class Kind(Enum):
    """Every kind of change; ``docs/reference/what-may-change.md`` is written from it. What has none is a patch."""

    QUESTION_REMOVED = Verdict(
        "a question is removed or renamed",
        Bump.MAJOR,
        True,
        "copier drops the stored answer without a word, and asks the new question as if it had never been answered.",
        (Part.QUESTION,),
        (Event.REMOVED,),
    )
    QUESTION_CHANGED = Verdict(
        "a question gets another type, or is computed from now on",
        Bump.MAJOR,
        True,
        "The stored answer may not be read any more.",
        (Part.QUESTION,),
        (Event.CHANGED,),
    )
    QUESTION_NEEDED = Verdict(
        "a question without a default is added, or one loses its default",
        Bump.MAJOR,
        True,
        "`copier update --defaults` ends in an error; nobody can answer for a hundred projects.",
        (Part.QUESTION,),
        (Event.NEEDED,),
    )
    CHOICE_REMOVED = Verdict(
        "a choice is removed",
        Bump.MAJOR,
        True,
        "copier replaces the stored answer by the default without a word.",
        (Part.CHOICE,),
        (Event.REMOVED,),
    )
    VALIDATOR_CHANGED = Verdict(
        "a question's validator is changed or new, or a further name is reserved",
        Bump.MAJOR,
        False,
        "An update asks it of stored answers again: a project whose answer it refuses can't be updated. Whether one "
        "expression takes all that another takes cannot be decided.",
        (Part.VALIDATOR, Part.RESERVED),
        (Event.CHANGED, Event.ADDED),
    )
    QUESTION_ADDED = Verdict(
        "a question with a default, or a choice, is added; a default is changed; a validator goes, a name is free",
        Bump.MINOR,
        False,
        "An update takes the default. A changed default does not reach a stored answer.",
        (Part.QUESTION, Part.CHOICE, Part.DEFAULT, Part.VALIDATOR, Part.RESERVED),
        (Event.ADDED, Event.CHANGED, Event.REMOVED, Event.NOT_NEEDED),
    )
    CLASS_CHANGED = Verdict(
        "a path of the ownership lists is removed, or changes its class",
        Bump.MAJOR,
        True,
        "What was the unit's would be written over, or what was the platform's would never be updated again.",
        (Part.PATH, Part.CLAIM),
        (Event.REMOVED, Event.CHANGED),
    )
    PATH_CLAIMED = Verdict(
        "a platform or derived path is added outside of `platform/` and without the prefix `platform-`",
        Bump.MAJOR,
        False,
        "A unit may have a file of its own there.",
        (Part.CLAIM,),
        (Event.ADDED,),
    )
    PATH_ADDED = Verdict(
        "another path is added, or a platform file at the root",
        Bump.MINOR,
        False,
        "It can't meet a file of a unit, or an update does not bring it.",
        (Part.PATH, Part.FILE),
        (Event.ADDED,),
    )
    FILE_REMOVED = Verdict(
        "a platform file outside of `platform/` is removed or renamed",
        Bump.MAJOR,
        False,
        'A file of a unit\'s may name it, as `extend = "../ruff.toml"` does.',
        (Part.FILE,),
        (Event.REMOVED,),
    )
    SEED_REMOVED = Verdict(
        "a seed is removed or renamed",
        Bump.MAJOR,
        True,
        "It stays in each project that has it, beside the new one, and what the platform expects of it is said there "
        "by nobody.",
        (Part.SEED,),
        (Event.REMOVED,),
    )
    SEED_ADDED = Verdict(
        "a seed is added", Bump.MINOR, False, "Only new projects get it.", (Part.SEED,), (Event.ADDED,)
    )
    KEY_REMOVED = Verdict(
        "a key of an ingest file or contract is removed or renamed, or gets another default",
        Bump.MAJOR,
        False,
        "A file that was good is refused, or means something else.",
        (Part.KEY,),
        (Event.REMOVED, Event.CHANGED),
    )
    KEY_NEEDED = Verdict(
        "a key, parameter or option must be given that had not to be",
        Bump.MAJOR,
        False,
        "What was written without it is refused.",
        (Part.KEY, Part.PARAMETER),
        (Event.NEEDED,),
    )
    VALUE_REMOVED = Verdict(
        "a value is removed, or what it may be or means is changed: of a key, a metric, option, format, masking, unit",
        Bump.MAJOR,
        False,
        "A file that was good is refused, or means something else. Whether one pattern takes all that another takes "
        "cannot be decided.",
        (Part.VALUE,),
        (Event.REMOVED, Event.CHANGED),
    )
    KEY_ADDED = Verdict(
        "a key, value or parameter that may be left out is added, or one may be left out from now on",
        Bump.MINOR,
        False,
        "What was written before is read as before.",
        (Part.KEY, Part.VALUE, Part.PARAMETER),
        (Event.ADDED, Event.NOT_NEEDED),
    )
    GATE_CHANGED = Verdict(
        "`poe contracts gate` demands something else of a change of a contract, or knows a kind of change no more",
        Bump.MAJOR,
        False,
        "A unit's version that was high enough is refused, or its readers are told less.",
        (Part.GATE,),
        (Event.REMOVED, Event.CHANGED),
    )
    NAME_REMOVED = Verdict(
        "a name is removed or renamed: task, command, macro, dbt test, Python name or fixture, job, sensor, schedule, "
        "resource, entry point, environment variable, settings slot, extra, hook",
        Bump.MAJOR,
        False,
        "What a unit wrote with it fails.",
        (Part.NAME,),
        (Event.REMOVED,),
    )
    NAME_ADDED = Verdict(
        "such a name, or a kind of change of a contract, is added",
        Bump.MINOR,
        False,
        "Platform names are told apart by `bb_` or `platform-`, or are the tool's.",
        (Part.NAME, Part.GATE),
        (Event.ADDED,),
    )
    PARAMETER_CHANGED = Verdict(
        "a parameter, argument or option is removed, renamed or moved, or gets another type or default",
        Bump.MAJOR,
        False,
        "A call that was good fails, or does something else.",
        (Part.PARAMETER,),
        (Event.REMOVED, Event.CHANGED),
    )
    MESSAGE_REMOVED = Verdict(
        "a message's code is removed, or means something else",
        Bump.MAJOR,
        False,
        "Pages and scripts name it, and `poe explain` knows it no more.",
        (Part.MESSAGE,),
        (Event.REMOVED, Event.CHANGED),
    )
    RULE_ADDED = Verdict(
        "a message, lint rule or hook is added that fails at once, or a lint rule is changed",
        Bump.MAJOR,
        False,
        "Files that passed fail, and the unit learns it from a red pull request.",
        (Part.MESSAGE, Part.LINT),
        (Event.ADDED, Event.CHANGED),
    )
    RULE_FAILS = Verdict(
        "a message or lint rule fails that only warned in the release before",
        Bump.MINOR,
        False,
        "Each unit could read in the output of a whole minor what to put right.",
        (Part.MESSAGE, Part.LINT),
        (Event.FAILS,),
    )
    RULE_WARNS = Verdict(
        "a message or lint rule is added that warns, or one that failed warns",
        Bump.MINOR,
        False,
        "It is news, and nothing fails.",
        (Part.MESSAGE, Part.LINT),
        (Event.WARNS,),
    )
    RULE_OF_NEW_GROUND = Verdict(
        "a message, lint rule or hook is added that can only meet what came with it",
        Bump.MINOR,
        False,
        "Nothing that passed fails. `new_ground` of `tools/surface/declared.yml` vouches for it by name.",
        (Part.MESSAGE, Part.LINT),
        (Event.HARMLESS,),
    )
    RULE_REMOVED = Verdict(
        "a lint rule is removed", Bump.MINOR, False, "What passed passes.", (Part.LINT,), (Event.REMOVED,)
    )
    PYTHON_REMOVED = Verdict(
        "a version of Python is not supported any more: `requires-python` is raised",
        Bump.MAJOR,
        False,
        "A project whose own `requires-python` allows it can't be resolved.",
        (Part.PYTHON,),
        (Event.REMOVED,),
    )
    PYTHON_ADDED = Verdict(
        "a further version of Python is supported",
        Bump.MINOR,
        False,
        "Who names another keeps it.",
        (Part.PYTHON,),
        (Event.ADDED,),
    )
    DEPENDENCY_REMOVED = Verdict(
        "a dependency is removed, or its upper bound is new or lowered",
        Bump.MAJOR,
        False,
        "A unit's code may import it, or need a version that is forbidden from now on.",
        (Part.DEPENDENCY, Part.UPPER),
        (Event.REMOVED, Event.LOWERED),
    )
    DEPENDENCY_CHANGED = Verdict(
        "a dependency is added, or its lower bound is changed, or its upper bound raised; the oldest copier too",
        Bump.MINOR,
        False,
        "The lock file is resolved anew, and a narrower pin of the unit's may have to go.",
        (Part.DEPENDENCY, Part.LOWER, Part.UPPER),
        (Event.ADDED, Event.CHANGED, Event.REMOVED),
    )


KINDS: dict[tuple[Part, Event], Kind] = {}
"""The kind of each change; of two that claim one, the earlier, which is the graver."""
for _kind in Kind:
    for _part in _kind.value.of:
        for _event in _kind.value.when:
            KINDS.setdefault((_part, _event), _kind)
