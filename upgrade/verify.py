"""The verifier: is what an update has made of a project the new release, and of the unit's own files every byte?

It reads two commits and a fresh render, and runs nothing. `poe update`, the tests and the fleet all ask it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from building_block.messages import Code, Problem
from pathspec import GitIgnoreSpec

from upgrade.tree import ANSWERS, Entry, Tree

_MARKERS = (b"<<<<<<< ", b"=======", b">>>>>>> ")


@dataclass(frozen=True)
class Update:
    """What is judged."""

    before: Tree
    after: Tree
    fresh: Tree
    """The new release, rendered with the answers that the project had before the update."""
    derived: GitIgnoreSpec
    """The patterns of what is derived."""
    excepted: Collection[str] = ()
    """The platform's files that the unit keeps as its own for a while."""


def verify(update: Update) -> list[Problem]:
    """Return all that is wrong with an update; nothing when it may be taken."""
    return [
        *_left_over(update),
        *_touched(update),
        *_not_as_rendered(update),
        *_answers(update),
    ]


def _left_over(update: Update) -> Iterator[Problem]:
    """Yield what a merge that did not succeed leaves behind; a file that is as it was rendered was not merged."""
    for path, (before, after) in update.before.changed(update.after).items():
        if before is None and path.endswith((".rej", ".orig")):
            yield _problem(path, "is what a merge left behind that failed")
        elif before and after and after != update.fresh.entries.get(path) and (line := _new_marker(update, path)):
            yield _problem(f"{path}:{line}", "has markers of a merge that failed")


def _touched(update: Update) -> Iterator[Problem]:
    """Yield each path that an update changed and that is none of the platform's, before or after, and not derived."""
    allowed = update.before.platform | update.after.platform
    for path, (before, after) in update.before.changed(update.after).items():
        if update.derived.match_file(path):
            continue
        if path not in allowed:
            yield _problem(path, f"is the unit's own and was {_what(before, after)}")
        elif before and path not in update.before.platform:
            yield _problem(path, "was the unit's own and was replaced by a file of the platform")


def _what(before: Entry | None, after: Entry | None) -> str:
    if before is None or after is None:
        return "created" if before is None else "deleted"
    return "changed" if before.blob != after.blob else f"given the mode {after.mode}"


def _not_as_rendered(update: Update) -> Iterator[Problem]:
    """Yield each of the platform's files that is not as the new release renders it."""
    for path in sorted((update.before.platform | update.fresh.platform) - {ANSWERS, *update.excepted}):
        if update.after.entries.get(path) != update.fresh.entries.get(path):
            yield _problem(path, "is not as the new release renders it")


def _answers(update: Update) -> Iterator[Problem]:
    """Yield each answer that is neither as it was nor, where the release asks anew, as it answers by itself."""
    before, after, fresh = update.before.given, update.after.given, update.fresh.given
    for name in sorted(before.keys() | after.keys() | fresh.keys()):
        was = before.get(name, fresh.get(name)) if name in fresh else None
        if after.get(name) != was:
            yield _problem(ANSWERS, f"the answer `{name}` was {was!r} and is {after.get(name)!r}")


def _new_marker(update: Update, path: str) -> int | None:
    return None if _marker(update.before.content(path)) else _marker(update.after.content(path))


def _marker(content: bytes) -> int | None:
    """Return the line of the first marker of a merge that is followed by the other two."""
    wanted, first = list(_MARKERS), None
    for number, line in enumerate(content.splitlines(), 1):
        if wanted and (line.startswith(wanted[0]) if wanted[0] != b"=======" else line == b"======="):
            first = first or number
            wanted.pop(0)
    return None if wanted else first


def _problem(where: str, what: str) -> Problem:
    return Problem(Code.UPGRADE_VERIFY, where, what, "nothing was changed in your project; tell the platform team")
