# platform-owned: changed by `copier update` only; see platform/README.md
"""Made-up rows that keep a contract, for whoever develops against a port without its data.

Each column has a pool of values that its own rules have been asked about; one SELECT draws from the pools by hashes of
the row's number, so that the same seed gives the same rows in the same version of DuckDB.

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
from math import gcd, lcm, prod
from pathlib import Path
from random import Random
from re import _constants as sre  # the standard library's own reading of a pattern, which no public module gives
from re import _parser
from typing import Any

import duckdb
from duckdb.sqltypes import DuckDBPyType

from building_block.contracts.column import Column, Masking
from building_block.contracts.load import Agreed
from building_block.contracts.rules import SAMPLE_EXPRESSION, CountRule, DuplicateRule, RowRule, Rule
from building_block.contracts.verify import Finding, verify
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import binder, literal

SAMPLE = "bb_contract_sample"
"""The temporary table that ``make`` makes."""
_POOL = 10_000
"""So many values a column has that may repeat them."""
_NULLS = 20
"""One row of so many has no value in a column that may be empty."""
_TRIES = (1, 1.5, 4, 16, 64)
"""How many times the wanted number of values is made up before too many of them were refused."""


@dataclass(frozen=True)
class Values:
    """Values that can be told by their numbers."""

    size: int
    """How many numbers there are, from 0; two numbers may have the same value."""
    sql: Callable[[str], str]
    """Makes of SQL for a number SQL for its value."""


def write(port: Agreed, rows: int, seed: int, out: Path) -> None:
    """Write ``rows`` made-up rows to a parquet file, or to a CSV file where ``out`` ends so.

    Raises:
        ProblemError: a column has too few values for so many rows, or the rows break a rule; nothing is written.
    """
    form = {".parquet": "FORMAT parquet", ".csv": "FORMAT csv, HEADER"}.get(out.suffix)
    if form is None:
        instead = "let the file's name end in .parquet or .csv"
        raise ProblemError(Problem(Code.DATA_FILE, str(out), f"a sample has no form `{out.suffix}`", instead))
    with duckdb.connect() as connection:
        make(connection, port, rows, seed)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(f"COPY {SAMPLE} TO {literal(out)} ({form})")
        except (OSError, duckdb.IOException) as error:
            what = f"the sample cannot be written: {str(error).splitlines()[0]}"
            raise ProblemError(Problem(Code.DATA_FILE, str(out), what, "name a file that you may write")) from None


def make(connection: duckdb.DuckDBPyConnection, port: Agreed, rows: int, seed: int) -> None:
    """Make the temporary table ``bb_contract_sample``, which keeps every rule of the contract.

    Raises:
        ProblemError: as ``write`` does.
    """
    query = _Sampler(connection, port, rows, seed).query()
    for column in port.contract.columns:
        if derived := column.custom(SAMPLE_EXPRESSION):
            query = f"SELECT * REPLACE (CAST(({derived.value}) AS {column.type}) AS {column.sql}) FROM ({query})"
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {SAMPLE} AS {query}")
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        derived = next(column for column in port.contract.columns if column.custom(SAMPLE_EXPRESSION))
        what = f"a {SAMPLE_EXPRESSION} does not fit its column: {str(error).splitlines()[0]}"
        instead = "write one whose value fits the column's type in every row"
        raise ProblemError(port.contract.source.problem(Code.SAMPLE_VALUES, derived.loc, what, instead)) from None
    ProblemError.raise_any(_unkept(port, verify(connection, SAMPLE, port.rules)))


def _unkept(port: Agreed, findings: Sequence[Finding]) -> Iterator[Problem]:
    for one in findings:
        if one.kept:
            continue
        what = f"the sample does not keep the rule {one.rule.name}: {one.sentence}"
        instead = (
            f"say how a column of it follows from the others: `customProperties: [{{property: {SAMPLE_EXPRESSION},"
            " value: <SQL>}]`"
        )
        if isinstance(one.rule, CountRule):
            instead = "ask for that number of rows by --rows"
        yield port.contract.source.problem(Code.SAMPLE_RULE, one.rule.loc, what, instead)


@dataclass(frozen=True)
class _Sampler:
    connection: duckdb.DuckDBPyConnection
    port: Agreed
    rows: int
    seed: int

    def query(self) -> str:
        """Return the SELECT of all rows, and make the pools that it draws from."""
        alone, together = _keys(self.port.rules)
        columns = self.port.contract.columns
        sizes = {
            column.name: self._pool(column, self.rows, self.rows)
            if column.name in alone
            else self._pool(column, min(self.rows, _POOL), 1)
            for column in columns
        }
        place = {name: f"{self._hash(name)} % {size}" for name, size in sizes.items()}
        for names in together:
            place |= self._apart(names, sizes)
        given = [self._value(column, column.name in alone, place[column.name]) for column in columns]
        joined = "".join(
            f" POSITIONAL JOIN (SELECT bb_v AS {_own(column)} FROM {_table(column)} ORDER BY hash(bb_n))"
            for column in columns
            if column.name in alone
        )
        # In a table, since DuckDB puts its threads on one and not on a range.
        numbers = f"(SELECT range AS bb_i FROM range({self.rows}))"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE bb_rows AS SELECT * FROM {numbers}{joined}")
        lists = "".join(
            f", (SELECT list(bb_v ORDER BY bb_n) AS {_own(column)} FROM {_table(column)})"
            for column in columns
            if column.name not in alone
        )
        return f"SELECT {', '.join(given)} FROM bb_rows{lists}"

    def _value(self, column: Column, is_alone: bool, place: str) -> str:
        value = _own(column) if is_alone else f"{_own(column)}[CAST({place} AS INTEGER) + 1]"
        if self._may_be_empty(column):
            value = f"CASE WHEN {self._hash(f'{column.name} is empty')} % {_NULLS} > 0 THEN {value} END"
        return f"{value} AS {column.sql}"

    def _may_be_empty(self, column: Column) -> bool:
        empty = f"FROM (SELECT NULL::{column.type} AS {column.sql})"
        return not column.standard.required and not any(
            self.connection.execute(f"SELECT {rule.breaks} {empty}").fetchone()[0] for rule in self._rules(column)
        )

    def _rules(self, column: Column) -> list[RowRule]:
        """Return the rules that want no row to break them, or do not mind that none does."""
        own = [rule for rule in self.port.rules if isinstance(rule, RowRule) and rule.column == column.name]
        return [rule for rule in own if rule.limit.holds(0)]

    def _apart(self, names: Sequence[str], sizes: dict[str, int]) -> dict[str, str]:
        """Return for each column which value of its pool a row has, so that no two rows have the same of all."""
        by_name = self.port.contract.column
        if prod(sizes[name] for name in names) < self.rows:
            sizes |= {name: self._pool(by_name[name], self.rows, 1) for name in names}
        room = prod(sizes[name] for name in names)
        if room < self.rows:
            what = f"{', '.join(names)} together have {room} different values, too few for {self.rows} rows"
            raise ProblemError(self._too_few(by_name[names[0]], what, f"ask for at most {room} rows by --rows"))
        places, factor = {}, 1
        needed = []
        for name in names:
            if factor < self.rows:
                needed.append(name)
                factor *= sizes[name]
        number, factor = _shuffled("bb_i", factor, self._random(" ".join(names))), 1
        for name in needed:
            places[name] = f"({number}) // {factor} % {sizes[name]}"
            factor *= sizes[name]
        return places

    def _pool(self, column: Column, wanted: int, needed: int) -> int:
        """Make the table of a column's values, as many as are ``wanted`` if there are; return how many there are.

        Raises:
            ProblemError: there are fewer than ``needed``.
        """
        is_derived, most = column.custom(SAMPLE_EXPRESSION) is not None, 0
        if column.masking is not Masking.NULLIFY:
            for values in candidates(column, wanted):
                for times in _TRIES:
                    count = min(values.size, int(max(wanted, 1000) * times))
                    most = max(most, found := self._fill(column, values, count, wanted))
                    if found >= needed:
                        return found
                    if count == values.size:
                        break
        if is_derived or column.masking is Masking.NULLIFY:
            self.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {_table(column)} AS"
                f" SELECT range AS bb_n, NULL::{column.type} AS bb_v FROM range({needed})"
            )
            return needed
        if not most:
            instead = (
                f"write `examples` of it, or `customProperties: [{{property: {SAMPLE_EXPRESSION}, value: <SQL>}}]`"
            )
            raise ProblemError(
                self._too_few(column, f"no value of `{column.name}` that keeps its rules was found", instead)
            )
        what = f"`{column.name}` never repeats, and {most} different values were found for {self.rows} rows"
        raise ProblemError(self._too_few(column, what, f"ask for at most {most} rows by --rows"))

    def _fill(self, column: Column, values: Values, count: int, wanted: int) -> int:
        kept = [f"{column.sql} IS NOT NULL", *(f"({rule.breaks}) IS NOT TRUE" for rule in self._rules(column))]
        if column.type == "VARCHAR":
            kept.append(f"{column.sql} <> ''")  # which is NULL in a CSV file
        number = _shuffled("range", values.size, self._random(column.name))
        query = (
            # Or DuckDB would make each value up anew for each of the rules.
            f"WITH made AS MATERIALIZED (SELECT bb_n, {values.sql('bb_k')} AS {column.sql}"
            f" FROM (SELECT range AS bb_n, {number} AS bb_k FROM range({count})))"
            f", told AS (SELECT min(bb_n) AS bb_n, {column.sql} AS bb_v FROM made"
            f" WHERE {' AND '.join(kept)} GROUP BY ALL)"
            # A LIMIT of a million keeps a heap of a million.
            " SELECT * FROM (SELECT row_number() OVER (ORDER BY bb_n) AS bb_n, bb_v FROM told)"
            f" WHERE bb_n <= {wanted}"
        )
        return self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_table(column)} AS {query}").fetchone()[0]

    def _hash(self, name: str) -> str:
        # One number and not hash(row, salt), whose last bits would be alike in all columns.
        return f"hash(bb_i + {self._random(name).getrandbits(31) << 32})"

    def _random(self, name: str) -> Random:
        return Random(f"{self.seed} {name}")  # noqa: S311 - no secret

    def _too_few(self, column: Column, what: str, instead: str) -> Problem:
        return self.port.contract.source.problem(Code.SAMPLE_VALUES, column.loc, what, instead)


def _keys(rules: Sequence[Rule]) -> tuple[set[str], list[tuple[str, ...]]]:
    """Return the columns that never repeat by themselves, and those that do not together, no column twice."""
    unique = [rule.columns for rule in rules if isinstance(rule, DuplicateRule) and rule.limit.holds(0)]
    alone = {names[0] for names in unique if len(names) == 1}
    together: list[tuple[str, ...]] = []
    for names in sorted(unique, key=len):
        taken = {name for other in together for name in other}
        if not alone.isdisjoint(names):
            continue
        if taken.isdisjoint(names):
            together.append(names)
        elif free := [name for name in names if name not in taken]:
            alone.add(free[0])
    return alone, together


def _shuffled(number: str, size: int, random: Random) -> str:
    """Return SQL that makes of the numbers from 0 other numbers below ``size``, each once until all were there."""
    factor = next(one for one in iter(lambda: random.randint(1, min(size, 1 << 36)), 0) if gcd(one, size) == 1)
    return f"({number} * {factor} + {random.randrange(size)}) % {size}"


def _table(column: Column) -> str:
    return f"bb_pool_{column.loc[-1]}"


def _own(column: Column) -> str:
    return f"bb_c{column.loc[-1]}"


# Values of a column by number, each as SQL that makes of a number the value with that number --------------------------

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
