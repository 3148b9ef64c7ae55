# platform-owned: changed by `copier update` only; see platform/README.md
"""Made-up values of a column, by number: each as SQL that makes of a number the value with that number.

For texts that a regular expression matches no library is fit: rstr takes 0.1 ms a text and repeats itself, exrex is
under the AGPL.
"""

import re
import string
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import count
from math import lcm
from re import _constants as sre  # the standard library's own reading of a pattern, which no public module gives
from re import _parser
from typing import Any

from duckdb.sqltypes import DuckDBPyType

from building_block.contracts.column import Column, Masking
from building_block.sql import binder, literal

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


# Of a column, and what its type and rules leave to choose from -------------------------------------------------------

_NAMED = 1 << 26
"""So many texts are told apart by a number that a person can read still."""
_FORMATS: dict[str, tuple[str, int]] = {
    "email": ("'person' || {0} || '@example.org'", _NAMED),
    "uuid": ("CAST(CAST(md5(CAST({0} AS VARCHAR)) AS UUID) AS VARCHAR)", MOST),
    "uri": ("'https://example.org/' || {0}", _NAMED),
    "hostname": ("'host-' || {0} || '.example.org'", _NAMED),
    "ipv4": ("printf('10.%d.%d.%d', {0} // 65536, {0} // 256 % 256, {0} % 256)", 1 << 24),
    "ipv6": ("printf('2001:db8::%x:%x', {0} // 65536, {0} % 65536)", 1 << 32),
}
_ENDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
_DAY = 86_400_000_000
_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_FIRST, _LAST = 19723 * _DAY, 20453 * _DAY  # the years 2024 and 2025


def candidates(column: Column, wanted: int) -> Iterator[Values]:
    """Yield values for a column, ``wanted`` different ones where it can be, those that the contract names first.

    They are made with the contract's options in mind, and still a rule may refuse some of them.
    """
    options, said = column.options, column.standard
    if column.masking is Masking.HASH:
        yield Values(MOST, "sha256('masked ' || {0})".format)
        return
    listed = [[one.value for one in said.enum or ()]]
    arguments = [quality.arguments or {} for quality in said.quality or ()]
    listed += [argument.get("validValues", ()) for argument in arguments]
    yield from (_listed(column, values) for values in listed if values)
    for pattern in [options.get("pattern"), *(argument.get("pattern") for argument in arguments)]:
        if isinstance(pattern, str) and (values := of_pattern(pattern, options.get("minLength", 0))):
            yield values
    if options.get("format") in _FORMATS and said.logicalType == "string":
        text, size = _FORMATS[options["format"]]
        yield Values(size, text.format)
    kinds = list(_of_type(column, binder().sql(f"SELECT NULL::{column.type}").types[0], wanted))
    examples = [_listed(column, said.examples)] if said.examples else []
    yield from [*kinds, *examples] if options else [*examples, *kinds]


def _listed(column: Column, values: Iterable[Any]) -> Values:
    texts = [literal(str(value).lower() if isinstance(value, bool) else str(value)) for value in values]
    items = ", ".join(f"TRY_CAST({text} AS {column.type})" for text in texts)
    return Values(len(texts), lambda number: f"[{items}][{number} + 1]")


def _of_type(column: Column, kind: DuckDBPyType, wanted: int) -> Iterator[Values]:
    name, options = str(kind), column.options
    match kind.id:
        case "boolean":
            yield Values(2, "({0} = 0)".format)
        case "varchar":
            most = min(options.get("maxLength", 255), column.masking_length or 255)
            least = options.get("minLength", 0)
            if least or most < 255:
                pattern = f"[a-z0-9]{{{least or 1},{max(least, min(most, least + 8))}}}"
                yield from filter(None, [of_pattern(pattern, least)])
            yield Values(_NAMED, (literal(f"{column.name} ") + " || {0}").format)
        case "uuid":
            yield Values(MOST, "CAST(md5(CAST({0} AS VARCHAR)) AS UUID)".format)
        case "list":
            for items in _of_type(column, kind.children[0][1], wanted):
                length = max(options.get("minItems", 0), min(2, options.get("maxItems", 2)))
                yield Values(items.size, partial(_list, items, length, kind))
        case "struct":
            parts = {key: next(_of_type(column, child, wanted), None) for key, child in kind.children}
            if all(parts.values()):
                yield Values(min(part.size for part in parts.values()), partial(_struct, parts))
        case "decimal":
            (_, width), (_, scale) = kind.children
            end = Fraction(10**width - 1, 10**scale)
            yield from _numbers(column, name, Fraction(1, 10**scale), -end, end, wanted)
        case "double" | "float":
            yield from _numbers(column, name, Fraction(1, 10**6), Fraction(-(10**15)), Fraction(10**15), wanted)
        case _ if (unsigned := name.removeprefix("U")) in _BITS:
            end = 1 << (_BITS[unsigned] - (name == unsigned))
            least = Fraction(-end if name == unsigned else 0)
            yield from _numbers(column, name, Fraction(1), least, Fraction(end - 1), wanted)
        case "date" | "time" | "timestamp" | "timestamp with time zone":
            yield from _times(column, name, wanted)


def _list(items: Values, length: int, kind: DuckDBPyType, number: str) -> str:
    return f"[{', '.join(items.sql(f'(({number} + {place}) % {items.size})') for place in range(length))}]::{kind}"


def _struct(parts: dict[str, Values], number: str) -> str:
    return "{" + ", ".join(f"{literal(key)}: {part.sql(number)}" for key, part in parts.items()) + "}"


def _numbers(
    column: Column, name: str, unit: Fraction, least: Fraction, most: Fraction, wanted: int
) -> Iterator[Values]:
    """Yield numbers: whole cents where the type has them and there are enough, else of the type's own unit."""
    options = column.options
    bounds = {option: Fraction(str(options[option])) for option in _ENDS if option in options}
    multiple = Fraction(str(options["multipleOf"])) if options.get("multipleOf") else None
    for step in dict.fromkeys((max(unit, Fraction(1, 100)), unit)):
        if multiple:
            step = multiple if name in ("DOUBLE", "FLOAT") else _common(multiple, step)
        low, high = _ends(bounds, step, least, most, max(wanted, 10_000 * int(1 / min(step, Fraction(1)))))
        if high >= low:
            yield _grid(low, high, step, lambda made: f"CAST({made} AS {name})")


def _times(column: Column, name: str, wanted: int) -> Iterator[Values]:
    """Yield days or seconds, or the microseconds between two ends that are close."""
    if name == "TIME":
        of_value, made = "date_diff('microsecond', TIME '00:00', {0})", "(TIME '00:00' + to_microseconds({0}))"
        least, most = 0, _DAY - 1
    else:
        zone = "tz" if name.endswith("ZONE") else ""
        of_value, made = f"epoch_us(CAST({{0}} AS TIMESTAMP{zone}))", f"make_timestamp{zone}({{0}})"
        least, most = -(1 << 60), 1 << 60
    bounds = {}
    for option in _ENDS:
        if option in column.options:
            value = f"CAST({literal(column.options[option])} AS {name})"
            bounds[option] = Fraction(binder().execute(f"SELECT {of_value.format(value)}").fetchone()[0])
    for step in (_DAY,) if name == "DATE" else (1_000_000, 1):
        if not bounds and name != "TIME":  # later years than those where the days in them are too few
            bounds = {"minimum": Fraction(_FIRST), "maximum": Fraction(max(_LAST, _FIRST + wanted * step))}
        span = max(wanted, (_LAST - _FIRST) // max(step, 1_000_000))
        low, high = _ends(bounds, Fraction(step), Fraction(least), Fraction(most), span)
        if high >= low:
            cast = "CAST(" + made.format("CAST({0} AS BIGINT)") + f" AS {name})"
            yield _grid(low, high, Fraction(step), cast.format)


def _ends(
    bounds: dict[str, Fraction], step: Fraction, least: Fraction, most: Fraction, span: int
) -> tuple[Fraction, Fraction]:
    """Return the first and the last multiple of ``step`` within the bounds, or ``span`` steps of what has none."""
    lows = [-(-bounds["minimum"] // step)] if "minimum" in bounds else []
    lows += [bounds["exclusiveMinimum"] // step + 1] if "exclusiveMinimum" in bounds else []
    highs = [bounds["maximum"] // step] if "maximum" in bounds else []
    highs += [-(-bounds["exclusiveMaximum"] // step) - 1] if "exclusiveMaximum" in bounds else []
    first, last = -(-least // step), most // step
    low = max(lows) if lows else max(first, min(highs) - span + 1) if highs and min(highs) < span else max(first, 0)
    high = min(highs) if highs else low + span - 1
    return max(low, first) * step, min(high, last) * step


def _grid(low: Fraction, high: Fraction, step: Fraction, cast: Callable[[str], str]) -> Values:
    size = int((high - low) / step) + 1
    # Integers are several times as fast; the width keeps the product of decimals below 38 digits.
    is_whole = low.denominator == step.denominator == 1 and max(abs(low), abs(high)) < 1 << 62
    number = "{0}" if is_whole else "CAST({0} AS DECIMAL(13,0))"
    sql = cast(f"({_decimal(low)} + {number} * {_decimal(step)})")
    return Values(min(size, MOST), sql.format)


def _common(one: Fraction, other: Fraction) -> Fraction:
    """Return the least number that is a multiple of both."""
    both = lcm(one.denominator, other.denominator)
    return Fraction(lcm(int(one * both), int(other * both)), both)


def _decimal(number: Fraction) -> str:
    """Return a number that has finitely many digits as SQL."""
    digits = next(digits for digits in count() if not (10**digits) % number.denominator)
    whole = int(number * 10**digits)
    text = f"{abs(whole):0{digits + 1}d}"
    point = len(text) - digits
    return f"{'-' if whole < 0 else ''}{text[:point]}{'.' if digits else ''}{text[point:]}"
