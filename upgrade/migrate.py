"""``poe migrate``: what a release asks of the unit's own files, shown, and on request done in a commit of its own."""

import re
from dataclasses import dataclass

from packaging.version import Version

from upgrade.aside import Aside
from upgrade.environment import Environment
from upgrade.migrations import MIGRATIONS, Migration
from upgrade.template import Template
from upgrade.update import author, bring


@dataclass(frozen=True)
class Migrated:
    """What a release asks of the unit's own files."""

    what: list[str]
    """The migrations that changed something."""
    left: list[str]
    """What is left to a person."""


def migrate(template: Template, aside: Aside) -> Migrated:
    """Commit aside, on top of what the unit has, what the migrations change in its own files; no commit if nothing.

    They run on the project as it is after the update, whose check says what is missing; the update itself is not kept.

    Raises:
        ProblemError: the project cannot be brought to that release.
    """
    start = aside.head()
    if not (wanted := due(start.answers["_commit"], template.ref)):
        return Migrated([], [])
    bring(template, aside)
    environment = Environment.of(aside.root)
    what: list[str] = []
    left: list[str] = []
    updated = aside.head()
    for migration in wanted:
        left += migration.change(aside.root, environment)
        if aside.commit(migration.what, author(start)):
            what.append(migration.what)
    migrated = aside.head()
    others, classes = updated.platform | start.platform, template.classes()["derived"]
    own = {path: pair for path, pair in updated.changed(migrated).items() if path not in others}
    own = {path: pair for path, pair in own.items() if not classes.match_file(path)}
    aside.git("reset", "--quiet", "--hard", start.commit)
    for path, (_, after) in own.items():
        if after:
            aside.git("checkout", "--quiet", migrated.commit, "--", f"{aside.below}{path}")
        else:
            aside.git("rm", "--quiet", "--ignore-unmatch", "--", f"{aside.below}{path}")
    aside.commit(f"Migrate to {template.ref}\n\n" + "\n".join(what), author(start))
    return Migrated(what, left)


def due(before: str, after: str) -> list[Migration]:
    """Return the migrations between two versions; one that is no release is before or after all of them."""
    first, last = _version(before) or Version("0"), _version(after)
    numbered = [(Version(one.version), one) for one in MIGRATIONS]
    return [one for number, one in numbered if first < number and (last is None or number <= last)]


def _version(text: str) -> Version | None:
    found = re.match(r"v(\d+\.\d+\.\d+)", text)
    return Version(found[1]) if found else None
