# platform-owned: changed by `copier update` only; see platform/README.md
"""Made-up rows that keep a contract, for whoever develops against a port without its data.

Each column has a pool of values that its own rules have been asked about; one SELECT draws from the pools by hashes of
the row's number, so that the same seed gives the same rows in the same version of DuckDB.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd, prod
from pathlib import Path
from random import Random

import duckdb

from building_block.contracts.column import Column, Masking
from building_block.contracts.load import Agreed
from building_block.contracts.rule import SAMPLE_EXPRESSION, CountRule, DuplicateRule, RowRule, Rule
from building_block.contracts.values import Values, candidates
from building_block.contracts.verify import Finding, verify
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal

SAMPLE = "bb_contract_sample"
"""The temporary table that ``make`` makes."""
_POOL = 10_000
"""So many values a column has that may repeat them."""
_NULLS = 20
"""One row of so many has no value in a column that may be empty."""
_TRIES = (1, 1.5, 4, 16, 64)
"""How many times the wanted number of values is made up before too many of them were refused."""


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
