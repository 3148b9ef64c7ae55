# platform-owned: changed by `copier update` only; see platform/README.md
"""Texts that a regular expression matches, by number.

No library is fit for it: rstr takes 0.1 ms a text and repeats itself, exrex is under the AGPL.
"""

import re
import string
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from re import _constants as sre  # the standard library's own reading of a pattern, which no public module gives
from re import _parser
from typing import Any

from building_block.sql import literal

MOST = 1 << 40
"""So many values are told apart at most, so that numbers can be multiplied in 64 bits."""
_POSIX = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9a-f"}
_LETTERS = string.ascii_lowercase + string.digits
_CATEGORIES = {
    sre.CATEGORY_DIGIT: string.digits,
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_WORD: _LETTERS,
}
_MORE = 8
"""So often at most is repeated what a pattern repeats without bound, beyond what it must."""
_LONGEST = 2000
_NUMBER = "\0"


@dataclass(frozen=True)
class Values:
    """Values that can be told by their numbers."""

    size: int
    """How many numbers there are, from 0; two numbers may have the same value."""
    sql: Callable[[str], str]
    """Makes of SQL for a number SQL for its value."""


def of_pattern(pattern: str, least: int = 0) -> Values | None:
    """Return texts, of ``least`` characters or more where it can be, that a regular expression of RE2 matches.

    None for an expression that Python reads otherwise or that has something rare; the caller holds them against it.
    """
    plain = re.sub(r"\[:(\w+):\]", lambda found: _POSIX.get(found[1], found[0]), pattern).replace(r"\z", r"\Z")
    texts = _Texts(max(_MORE, least))
    try:
        with warnings.catch_warnings(action="ignore"):
            parts = ["''", *texts.of(_parser.parse(plain))]
    except (re.error, _UnknownError):
        return None
    return Values(texts.size, lambda number: f"concat({', '.join(parts)})".replace(_NUMBER, number))


class _UnknownError(Exception):
    """A part of a pattern from which no text is made."""


class _Texts:
    """Writes for each choice in a pattern which digit of the number decides it."""

    def __init__(self, more: int) -> None:
        self.size = 1
        self._choices = self._parts = 0
        self._more = more

    def of(self, parsed: Sequence[tuple[Any, Any]]) -> list[str]:
        """Return SQL of the texts that a parsed pattern amounts to, one after another."""
        return [text for kind, given in parsed for text in self._part(kind, given)]

    def _part(self, kind: Any, given: Any) -> list[str]:
        self._parts += 1
        if self._parts > _LONGEST:
            raise _UnknownError
        match kind:
            case sre.AT:
                return []
            case sre.LITERAL:
                return [literal(chr(given))]
            case sre.NOT_LITERAL:
                return self._one_of([character for character in _LETTERS if ord(character) != given])
            case sre.ANY:
                return self._one_of(_LETTERS)
            case sre.IN:
                return self._one_of(_class(given))
            case sre.SUBPATTERN:
                return self.of(given[-1])
            case sre.ATOMIC_GROUP:
                return self.of(given)
            case sre.BRANCH:
                return self._branch(given[1])
            case sre.MAX_REPEAT | sre.MIN_REPEAT | sre.POSSESSIVE_REPEAT:
                return self._repeat(*given)
        raise _UnknownError

    def _choice(self, among: int) -> str:
        """Return SQL of a number below ``among``."""
        self._choices += 1
        if self.size * among > MOST:
            return f"CAST(hash({_NUMBER}, {self._choices}) % {among} AS INTEGER)"
        factor, self.size = self.size, self.size * among
        return f"({_NUMBER} // {factor} % {among})"

    def _one_of(self, characters: Sequence[str]) -> list[str]:
        if not characters:
            raise _UnknownError
        if len(characters) == 1:
            return [literal(characters[0])]
        chosen = f"CAST({self._choice(len(characters))} AS INTEGER)"
        first = ord(characters[0])
        if [*map(ord, characters)] == [*range(first, first + len(characters))]:
            return [f"chr({first} + {chosen})"]  # in half the time of substr
        return [f"substr({literal(''.join(characters))}, {chosen} + 1, 1)"]

    def _branch(self, alternatives: Sequence[Sequence[tuple[Any, Any]]]) -> list[str]:
        chosen = self._choice(len(alternatives))
        texts = [", ".join(["''", *self.of(one)]) for one in alternatives]
        return [
            f"CASE {chosen} {' '.join(f'WHEN {place} THEN concat({text})' for place, text in enumerate(texts))} END"
        ]

    def _repeat(self, least: int, most: int, parsed: Sequence[tuple[Any, Any]]) -> list[str]:
        most = min(most, least + self._more)
        chosen = self._choice(most - least + 1)
        parts = [text for _ in range(least) for text in self.of(parsed)]
        for place in range(most - least):
            text = ", ".join(["''", *self.of(parsed)])
            parts.append(f"CASE WHEN {chosen} > {place} THEN concat({text}) ELSE '' END")
        return parts


def _class(given: Sequence[tuple[Any, Any]]) -> list[str]:
    """Return some characters that a class in brackets has, letters and digits if it has such."""
    found: list[str] = []
    negated = given[0][0] is sre.NEGATE
    for kind, value in given[negated:]:
        match kind:
            case sre.LITERAL:
                found.append(chr(value))
            case sre.RANGE:
                found += map(chr, range(value[0], min(value[1], value[0] + 255) + 1))
            case sre.CATEGORY if value in _CATEGORIES:
                found += _CATEGORIES[value]
            case sre.CATEGORY:  # a negated one, as \S
                found += "-" if value is sre.CATEGORY_NOT_WORD else string.ascii_lowercase
    if negated:
        excluded, printable = {*found}, string.printable[:95]
        found = next(filter(None, ([one for one in some if one not in excluded] for some in (_LETTERS, printable))), [])
    return list(dict.fromkeys(found))
