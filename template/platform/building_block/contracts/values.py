# platform-owned: changed by `copier update` only; see platform/README.md
"""Made-up values of a column, by number: each as SQL that makes of a number the value with that number."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from itertools import count
from math import lcm
from typing import Any

from duckdb.sqltypes import DuckDBPyType

from building_block.contracts.contract import Column, Masking
from building_block.contracts.patterns import MOST, Values, of_pattern
from building_block.sql import binder, literal

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
        least, most = (-(1 << 60), 1 << 60) if column.options.keys() & {*_ENDS} else (_FIRST, _LAST)
    bounds = {}
    for option in _ENDS:
        if option in column.options:
            value = f"CAST({literal(column.options[option])} AS {name})"
            bounds[option] = Fraction(binder().execute(f"SELECT {of_value.format(value)}").fetchone()[0])
    for step in (_DAY,) if name == "DATE" else (1_000_000, 1):
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
