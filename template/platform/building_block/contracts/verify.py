# platform-owned: changed by `copier update` only; see platform/README.md
"""Hold data against a contract, in as few passes over it as there can be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import prod
from typing import Any

import duckdb

from building_block.contracts.contract import Contract
from building_block.contracts.rules import OBJECT, CountRule, DuplicateRule, QueryRule, RowRule, Rule
from building_block.messages import Code, Problem
from building_block.sql import folded, quoted

_COUNTABLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "DATE")
_BITS_A_ROW = 16
"""So much room a rule about duplicates may take in each thread; hashing takes more."""
_MOST_BITS = 1_000_000_000
"""DuckDB's own bound."""


@dataclass(frozen=True)
class Finding:
    """What one rule measured."""

    rule: Rule
    measured: Any
    """Rows, percent of the rows, or what the rule's own SQL returned; None where that failed or was not one value."""

    @property
    def kept(self) -> bool:
        """Say whether the data keeps the rule."""
        return self.rule.limit.holds(self.measured)

    @property
    def shown(self) -> str:
        """Return what was measured, for a person; a text may be a value of the data, which no record is to keep."""
        if self.measured is None:
            return "nothing"
        return "a text" if isinstance(self.measured, str) else str(self.measured)

    @property
    def sentence(self) -> str:
        """Return what was found, for a person."""
        if self.measured is None:
            said = "The query fails over this data, or returns no single value"
            return f"{self.rule.description} {said}; allowed: {self.rule.limit}"
        unit = " percent of the" if self.rule.limit.percent else ""
        rows = "row breaks it" if self.measured == 1 and not unit else "rows break it"
        counted = rows if isinstance(self.rule, RowRule | DuplicateRule) else "measured"
        return f"{self.rule.description} {self.shown}{unit} {counted}; allowed: {self.rule.limit}"


def misshapen(connection: duckdb.DuckDBPyConnection, relation: str, contract: Contract, where: str) -> list[Problem]:
    """Return a problem for each column of ``relation``, SQL after FROM, that is not as the contract declares it."""
    empty = connection.sql(f"FROM {relation} LIMIT 0")
    there = {folded(name): (name, str(kind)) for name, kind in zip(empty.columns, empty.types, strict=True)}
    declared = {folded(column.name): column for column in contract.columns}
    return [
        *_unlike(there, declared, contract, where),
        *(
            Problem(
                Code.CONTRACT_COLUMN,
                where,
                f"the data has a column `{name}` that {contract.file} does not declare",
                "take it out of the data, or declare it",
                name,
            )
            for key, (name, _) in there.items()
            if key not in declared
        ),
    ]


def verify(connection: duckdb.DuckDBPyConnection, relation: str, rules: Sequence[Rule]) -> list[Finding]:
    """Return what each of the rules measured over ``relation``, SQL after FROM, whose columns are those declared.

    What count, min and max settle is asked first, since DuckDB answers those from statistics; the other rules over
    single rows take one scan together, and so do the rules about duplicates of numbers and days that lie close enough
    for a bit each; each other rule about duplicates and each of own SQL takes a query of its own.
    """
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {OBJECT} AS FROM {relation}")
    total, measured, keys = _by_statistics(connection, rules)
    measured |= _by_scan(connection, [rule for rule in rules if rule.name not in measured], keys)
    for key in keys:
        if key.rule.name not in measured:
            measured[key.rule.name] = connection.execute(key.by_hashing(total)).fetchone()[0]
    for rule in rules:
        if isinstance(rule, QueryRule):
            measured[rule.name] = _answer(connection, rule.query)
    return [Finding(rule, _in_unit(rule, measured[rule.name], total)) for rule in rules]


def _unlike(there: dict, declared: dict, contract: Contract, where: str) -> Iterator[Problem]:
    for key, column in declared.items():
        if key not in there:
            what = f"the data lacks the column `{column.name}` that {contract.file} promises"
            yield Problem(Code.CONTRACT_COLUMN, where, what, "give it, or publish a new major version", column.name)
        elif there[key][1] != column.type:
            what = f"the column is {there[key][1]} and {contract.file} promises {column.type}"
            write = f"write `cast({column.name} as {column.type.lower()}) as {column.name}`"
            yield Problem(Code.CONTRACT_COLUMN, where, what, write, column.name)


def broken(contract: Contract, findings: Sequence[Finding], write: str) -> list[Problem]:
    """Return a problem for each blocking rule that was broken, at its line in the contract."""
    return [
        contract.source.problem(Code.CONTRACT_BROKEN, one.rule.loc, f"rule {one.rule.name}: {one.sentence}", write)
        for one in findings
        if one.rule.blocking and not one.kept
    ]


@dataclass(frozen=True)
class _Key:
    """What statistics say of the columns of a rule about duplicates."""

    rule: DuplicateRule
    columns: list[str]
    """Quoted."""
    filled: bool
    """Whether none of them is null anywhere."""
    ends: list[tuple[Any, Any]] | None
    """The least and the greatest value of each column; None where they cannot be counted from one to the other."""

    @property
    def by_bits(self) -> str | None:
        """SQL of an aggregate that counts the duplicates with a bit for each value that there can be."""
        if self.ends is None:
            return None
        place, size = "", 1
        for column, (low, high) in zip(self.columns, self.ends, strict=True):
            distance = f"({column} - DATE '{low}')" if isinstance(low, date) else f"({column}::BIGINT - ({low}))"
            place += f"{' + ' if place else ''}{size} * {distance}"
            size *= _values(low, high)
        return f"count({place}) - coalesce(bit_count(bitstring_agg({place}, 0::BIGINT, {size - 1}::BIGINT)), 0)"

    def by_hashing(self, total: int) -> str:
        """Return SQL of a query that counts the duplicates by telling all values apart."""
        names = ", ".join(self.columns)
        # In DuckDB 1.5 count(DISTINCT …) takes a third longer.
        if self.filled:
            return f"SELECT {total} - count(*) FROM (SELECT DISTINCT {names} FROM {OBJECT})"
        filled = f"FROM {OBJECT} WHERE {' AND '.join(f'{name} IS NOT NULL' for name in self.columns)}"
        return f"SELECT (SELECT count(*) {filled}) - (SELECT count(*) FROM (SELECT DISTINCT {names} {filled}))"


def _by_statistics(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule]
) -> tuple[int, dict[str, Any], list[_Key]]:
    """Return how many rows there are, what count, min and max settle by rule, and what they say of the keys."""
    settled = {rule.name: rule.settled for rule in rules if isinstance(rule, RowRule) and rule.settled}
    unique = [rule for rule in rules if isinstance(rule, DuplicateRule)]
    empty = connection.sql(f"FROM {OBJECT} LIMIT 0")
    kinds = {folded(name): str(kind) for name, kind in zip(empty.columns, empty.types, strict=True)}
    asked: dict[str, str | None] = {}
    for column in {name: None for rule in unique for name in rule.columns}:
        ends = f"[min({quoted(column)}), max({quoted(column)})]" if kinds[folded(column)] in _COUNTABLE else None
        asked[column] = ends
    counts = [f"count({quoted(column)})" for column in asked]
    query = ", ".join(["count(*)", *settled.values(), *counts, *(ends or "NULL" for ends in asked.values())])
    total, *answers = connection.execute(f"SELECT {query} FROM {OBJECT}").fetchone()
    measured: dict[str, Any] = {name: 0 for name, holds in zip(settled, answers, strict=False) if holds}
    measured |= {rule.name: total for rule in rules if isinstance(rule, CountRule)}
    count = dict(zip(asked, answers[len(settled) :], strict=False))
    ends = dict(zip(asked, answers[len(settled) + len(asked) :], strict=True))
    keys = [
        _Key(
            rule,
            [quoted(name) for name in rule.columns],
            all(count[name] == total for name in rule.columns),
            _countable([ends[name] for name in rule.columns], total),
        )
        for rule in unique
    ]
    return total, measured, keys


def _countable(ends: Sequence[list[Any] | None], total: int) -> list[tuple[Any, Any]] | None:
    pairs = [(pair[0], pair[1]) for pair in ends if pair and pair[0] not in (None, date.min) and pair[1] != date.max]
    if len(pairs) < len(ends):  # also for days that are infinite, which Python has as its least and greatest
        return None
    room = min(max(_BITS_A_ROW * total, 1 << 16), _MOST_BITS)
    return pairs if prod(_values(*pair) for pair in pairs) <= room else None


def _values(low: Any, high: Any) -> int:
    """Return how many values there are from one to the other."""
    return ((high - low).days if isinstance(low, date) else high - low) + 1


def _by_scan(connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], keys: Sequence[_Key]) -> dict[str, Any]:
    """Return what one scan counts, by rule."""
    asked = {rule.name: f"count_if({rule.breaks})" for rule in rules if isinstance(rule, RowRule)}
    asked |= {key.rule.name: key.by_bits for key in keys if key.by_bits}
    if not asked:
        return {}
    counts = connection.execute(f"SELECT {', '.join(asked.values())} FROM {OBJECT}").fetchone()
    # DuckDB counts NULL where every row is NULL.
    return {name: int(count or 0) for name, count in zip(asked, counts, strict=True)}


def _answer(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    try:
        rows = connection.execute(query).fetchmany(2)
    except (duckdb.DataError, duckdb.ProgrammingError):  # as of a cast; DuckDB's words quote the value
        return None
    return rows[0][0] if len(rows) == 1 else None


def _in_unit(rule: Rule, measured: Any, total: int) -> Any:
    if rule.limit.percent and isinstance(rule, RowRule | DuplicateRule):
        return 100 * measured / total if total else 0
    return measured
