# platform-owned: changed by `copier update` only; see platform/README.md
"""Hold data against a contract, in as few passes over it as there can be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from building_block.contracts.contract import Contract
from building_block.contracts.rule import OBJECT, CountRule, DuplicateRule, QueryRule, RowRule, Rule
from building_block.messages import Code, Problem
from building_block.warehouse.table import folded, quoted


@dataclass(frozen=True)
class Finding:
    """What one rule measured."""

    rule: Rule
    measured: Any
    """Rows, percent of the rows, or what the rule's own SQL returned."""

    @property
    def kept(self) -> bool:
        """Say whether the data keeps the rule."""
        return self.rule.limit.holds(self.measured)

    @property
    def sentence(self) -> str:
        """Return what was found, for a person."""
        counted = "rows break it" if isinstance(self.rule, RowRule | DuplicateRule) else "measured"
        unit = " percent of the" if self.rule.limit.percent else ""
        return f"{self.rule.description} {self.measured}{unit} {counted}; allowed: {self.rule.limit}"


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
    single rows take one scan together; each rule about duplicates and each of own SQL takes a query of its own.
    """
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {OBJECT} AS FROM {relation}")
    measured = _by_rows(connection, [rule for rule in rules if isinstance(rule, RowRule | CountRule)])
    total = measured.pop("")
    for rule in rules:
        if isinstance(rule, DuplicateRule):
            measured[rule.name] = _duplicates(connection, rule)
        elif isinstance(rule, QueryRule):
            row = connection.execute(rule.query).fetchone()
            measured[rule.name] = row[0] if row else None
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


def _by_rows(connection: duckdb.DuckDBPyConnection, rules: Sequence[RowRule | CountRule]) -> dict[str, Any]:
    """Return how many rows break each rule, by its name, and under the empty name how many rows there are."""
    settled = {rule.name: rule.settled for rule in rules if isinstance(rule, RowRule) and rule.settled}
    row = connection.execute(f"SELECT {', '.join(['count(*)', *settled.values()])} FROM {OBJECT}").fetchone()
    measured = {"": row[0]} | {name: 0 for name, holds in zip(settled, row[1:], strict=True) if holds}
    measured |= {rule.name: row[0] for rule in rules if isinstance(rule, CountRule)}
    left = [rule for rule in rules if isinstance(rule, RowRule) and rule.name not in measured]
    if left:
        # In DuckDB 1.5 a sum over CASE takes 0.6 of the time of count(*) FILTER.
        sums = ", ".join(f"sum(CASE WHEN {rule.breaks} THEN 1 ELSE 0 END)" for rule in left)
        counts = connection.execute(f"SELECT {sums} FROM {OBJECT}").fetchone()
        measured |= {rule.name: int(count or 0) for rule, count in zip(left, counts, strict=True)}
    return measured


def _duplicates(connection: duckdb.DuckDBPyConnection, rule: DuplicateRule) -> int:
    names = [quoted(name) for name in rule.columns]
    filled = f"FROM {OBJECT} WHERE {' AND '.join(f'{name} IS NOT NULL' for name in names)}"
    # Two queries in one: count(DISTINCT …) takes a third longer.
    query = f"SELECT (SELECT count(*) {filled}) - (SELECT count(*) FROM (SELECT DISTINCT {', '.join(names)} {filled}))"
    return connection.execute(query).fetchone()[0]


def _in_unit(rule: Rule, measured: Any, total: int) -> Any:
    if rule.limit.percent and isinstance(rule, RowRule | DuplicateRule):
        return 100 * measured / total if total else 0
    return measured
