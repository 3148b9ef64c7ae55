"""What changed between two surfaces, and whether a version says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml
from building_block.contracts.changes import Bump
from packaging.version import Version

from tools.surface.entry import Entry, Part, Surface
from tools.surface.verdicts import KINDS, Event, Kind

_NOTHING: Mapping[str, Entry] = {}


@dataclass(frozen=True)
class Change:
    """One difference."""

    name: str
    kind: Kind
    what: str
    """The values before and after, where the name does not say it."""


class Declared(NamedTuple):
    """What a release vouches for."""

    migrations: Mapping[str, str]
    """Name → the page or module that brings a unit over the change."""
    new_ground: frozenset[str]

    @classmethod
    def of(cls, root: Path) -> "Declared":
        """Return what a checkout declares; a migration whose page or module is not there is none."""
        file = root / "tools" / "surface" / "declared.yml"
        said = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
        migrations = {name: path for name, path in (said.get("migrations") or {}).items() if (root / path).is_file()}
        return cls(migrations, frozenset(said.get("new_ground") or ()))


def difference(before: Surface, after: Surface, new_ground: frozenset[str] = frozenset()) -> list[Change]:
    """Return the changes, the gravest first, those of one kind together.

    Of a thing that came or went as a whole its parts are not told: a new command may need an argument.
    """
    found = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        whole = (was or now).of
        if whole and (whole not in before or whole not in after):
            continue
        for event in _events(was, now, harmless=name in new_ground):
            if kind := KINDS.get(((was or now).part, event)):
                found.append(Change(name, kind, _told(was, now)))
    return sorted(found, key=lambda change: (-change.kind.value.bump, [*Kind].index(change.kind)))


def _events(was: Entry | None, now: Entry | None, *, harmless: bool) -> Iterator[Event]:
    if now is None:
        yield Event.CHANGED if was.part is Part.UPPER else Event.REMOVED
    elif was is None:
        upper = Event.LOWERED if now.part is Part.UPPER else Event.ADDED
        yield Event.HARMLESS if harmless else Event.WARNS if now.warns else Event.NEEDED if now.needed else upper
    else:
        if was.warns != now.warns:
            yield Event.WARNS if now.warns else Event.FAILS
        if was.needed != now.needed:
            yield Event.NEEDED if now.needed else Event.NOT_NEEDED
        elif was.value != now.value or was.part is not now.part:
            lower = now.part is Part.UPPER and Version(now.value) < Version(was.value)
            # A rule that warns may be sharpened: what it finds anew fails in a later minor.
            yield Event.LOWERED if lower else Event.WARNS if now.warns else Event.CHANGED


def _told(was: Entry | None, now: Entry | None) -> str:
    if was and now:
        return f"{was.value} → {now.value}" if was.value != now.value else ""
    return ""


def needed(changes: list[Change]) -> Bump:
    """Return which number the changes raise at least; a release without any is a patch."""
    return max((change.kind.value.bump for change in changes), default=Bump.PATCH)


def bump(before: Version, after: Version) -> Bump:
    """Return which of its numbers a version raises."""
    if after.major != before.major:
        return Bump.MAJOR
    return Bump.MINOR if after.minor != before.minor else Bump.PATCH if after.micro != before.micro else Bump.NONE


def refusals(changes: list[Change], declared: Declared, before: Version, raised: Bump) -> list[str]:
    """Return a sentence for each reason why a release after ``before`` may not raise only that number of it.

    Below 1.0.0 a minor may break, and the changelog says what a project must do. What takes something away that no
    version can announce needs a migration at any version.
    """
    least = needed(changes)
    if before.major == 0:
        least = min(least, Bump.MINOR)
    lacking = [c for c in changes if c.kind.value.migration and c.name not in declared.migrations]
    sentences = [
        f"{change.name}: {change.kind.value.what}, and nothing brings a unit over it; write a page or a module that "
        f"does, and name it below `migrations:` in tools/surface/declared.yml"
        for change in lacking
    ]
    if raised < least:
        graves = (f", for {one.name}: {one.kind.value.what}" for one in changes if one.kind.value.bump >= least)
        sentences.append(
            f"after {before} this is no {raised.name.lower()} but a {least.name.lower()}{next(graves, '')}"
        )
    return sentences
