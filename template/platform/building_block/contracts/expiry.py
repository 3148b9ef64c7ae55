# platform-owned: changed by `copier update` only; see platform/README.md
"""Find what is past its retention, in the warehouse and in the published files, and remove it down to the bytes."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb

from building_block.contracts.contract import CONTRACT, contract
from building_block.contracts.publish import DATA, Publication
from building_block.contracts.retention import Term, of_port
from building_block.contracts.standard import read
from building_block.messages import Code, Problem, ProblemError, nearest
from building_block.project import QUARANTINE, Project
from building_block.sql import folded, literal, parquet, quoted
from building_block.warehouse.client import Warehouse, is_due, rewrite


@dataclass(frozen=True)
class Found:
    """Rows of one table, or of one published file, of which something is past its retention."""

    term: Term
    place: str
    """The table as ``layer.name``, or the file."""
    rows: int
    bytes: int
    """Size of the file that they lie in."""
    kept: str
    """A SELECT of all that may be kept."""


@dataclass
class Findings:
    """What was found or removed."""

    found: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """What could not be looked at."""


def look(project: Project, terms: Sequence[Term], day: date) -> Findings:
    """Return what is past its retention on ``day``; nothing is written."""
    findings = Findings()
    warehouse = Warehouse(project.warehouse)
    if warehouse.path.exists():
        with warehouse.reading() as connection:
            _look_at_tables(project, connection, terms, day, findings)
    for term, folder in _majors(project, terms):
        _look_at_releases(project, term, folder, day, findings)
    return findings


def remove(project: Project, terms: Sequence[Term], day: date) -> Findings:
    """Remove what is past its retention on ``day``, and return it.

    Each port's release and the warehouse are switched by one rename each. Who is killed in between leaves the rest to
    the next call.
    """
    removed = Findings()
    for term, folder in _majors(project, terms):
        try:
            _remove_from_releases(project, term, folder, day, removed)
        except ProblemError as error:
            removed.problems += error.problems
    try:
        tables = _remove_from_tables(project, terms, day)
    except ProblemError as error:  # what has been removed is reported nevertheless
        tables = Findings(problems=[*error.problems])
    return Findings(removed.found + tables.found, removed.problems + tables.problems)


# The warehouse --------------------------------------------------------------------------------------------------------


def _remove_from_tables(project: Project, terms: Sequence[Term], day: date) -> Findings:
    warehouse, found = Warehouse(project.warehouse), Findings()
    if not warehouse.path.exists():
        return found
    with warehouse.reading() as connection:
        _look_at_tables(project, connection, terms, day, found)
    if found.found or is_due(warehouse.path):  # only then must nobody read
        found = Findings()
        with warehouse.holding() as connection:
            rewrite(connection, warehouse.path, _look_at_tables(project, connection, terms, day, found))
    return found


def _look_at_tables(
    project: Project, connection: duckdb.DuckDBPyConnection, terms: Iterable[Term], day: date, findings: Findings
) -> dict[tuple[str, str], str]:
    """Add what is past its retention to the findings, and return what may be kept by layer and name."""
    tables = "SELECT table_schema, table_name, table_type = 'VIEW' FROM information_schema.tables"
    is_view = {(layer, name): view for layer, name, view in connection.execute(tables).fetchall()}
    size, instead = project.warehouse.stat().st_size, {}
    for term in terms:
        names = [term.table, f"{term.table}{QUARANTINE}"] if term.layer == "raw" else [term.table]
        for name in names:
            if (term.layer, name) not in is_view and term.layer in ("raw", "published"):
                continue  # the project's files say that the name is right: it is not built yet
            try:
                columns = _columns(connection, term, name, is_view)
            except ProblemError as error:
                findings.problems += error.problems
                continue
            table = quoted(term.layer, name)
            rows, kept = _counted(connection, table, term, columns, day)
            if rows:
                instead[term.layer, name] = kept
                findings.found.append(Found(term, f"{term.layer}.{name}", rows, size, kept))
    return instead


def _counted(
    connection: duckdb.DuckDBPyConnection, relation: str, term: Term, columns: dict[str, str], day: date
) -> tuple[int, str]:
    """Return how many rows of ``relation`` have something past its retention, and a SELECT of what may be kept."""
    there = {folded(name): kind for name, kind in columns.items()}
    if term.personal is not None:
        term = replace(term, personal=tuple(name for name in term.personal if folded(name) in there))
    kind = there[folded(term.column)]
    (rows,) = connection.execute(f"SELECT count_if({term.is_due(kind, day)}) FROM {relation}").fetchone()
    return rows, term.kept(relation, kind, day) if rows else ""


def _columns(
    connection: duckdb.DuckDBPyConnection, term: Term, name: str, is_view: dict[tuple[str, str], bool]
) -> dict[str, str]:
    """Return the types of a table's columns; raise ProblemError where it cannot keep the term."""
    said = f"{term.layer}.{name}"
    if (term.layer, name) not in is_view:
        known = [f"{layer}.{table}" for (layer, table), view in is_view.items() if layer == term.layer and not view]
        write = f"write {nearest(said, known)}, or build it" if known else f"build it: `poe build {term.layer}/{name}`"
        raise ProblemError(_problem(term, f"the warehouse has no table {said}", write))
    if is_view[term.layer, name]:
        write = "name the table that it reads"
        raise ProblemError(_problem(term, f"{said} is a view, in which no rows lie", write))
    columns = connection.execute(f"DESCRIBE {quoted(term.layer, name)}").fetchall()
    kind = next((kind for column, kind, *_ in columns if folded(column) == folded(term.column)), None)
    dates = [column for column, other, *_ in columns if _is_date(other)]
    if not kind or not (_is_date(kind) or name != term.table):
        what = f"{said}.{term.column} is {kind}" if kind else f"the table {said} has no column {term.column}"
        raise ProblemError(_problem(term, what, f"write {said}.{nearest(term.column, dates) or '<a column of dates>'}"))
    for column, _, null, *_ in columns:
        if null == "NO" and column in (term.personal or ()):
            what, write = f"{said}.{column} is to be emptied, and may not be empty", "take the constraint not_null out"
            raise ProblemError(_problem(term, what, write))
    return {column: kind for column, kind, *_ in columns}


def _is_date(kind: str) -> bool:
    return kind == "DATE" or kind.startswith("TIMESTAMP")


def _problem(term: Term, what: str, write: str) -> Problem:
    return term.contract.source.problem(Code.RETENTION_TABLE, (*term.contract.retention.loc, "element"), what, write)


# Published files ------------------------------------------------------------------------------------------------------


def _majors(project: Project, terms: Iterable[Term]) -> Iterator[tuple[Term, Path]]:
    """Yield the folder of each major version of each port, with the port's term."""
    for term in terms:
        if term.layer == "published":
            yield from ((term, folder) for folder in sorted((project.published / term.table).glob("v*")))


def _look_at_releases(project: Project, term: Term, folder: Path, day: date, findings: Findings) -> None:
    for data in sorted(folder.glob(f"[!.]*/{DATA}")):
        try:
            findings.found += _past(project, term, data, day)
        except ProblemError as error:
            findings.problems += error.problems


def _past(project: Project, term: Term, data: Path, day: date) -> Iterator[Found]:
    """Yield what of a release is past its retention; raise ProblemError when it cannot be read."""
    file = project.relative(data)
    if data.parents[1].name != f"v{term.contract.version.major}":  # what was promised then holds of what was given then
        stored = data.with_name(CONTRACT)
        term = of_port(contract(read(stored, project.relative(stored))))
        if term is None:
            return
    relation = parquet(data)
    with duckdb.connect() as connection:
        try:
            types = {column: kind for column, kind, *_ in connection.execute(f"DESCRIBE FROM {relation}").fetchall()}
            if term.column not in types:
                what = f"the release has no column {term.column}, from which its retention counts"
                write = f"publish it anew, `poe build published/{term.table}`, or delete its folder"
                raise ProblemError(Problem(Code.RETENTION_RELEASE, file, what, write))
            rows, kept = _counted(connection, relation, term, types, day)
        except duckdb.Error as error:
            if not data.exists():  # the next publication has removed it meanwhile
                return
            what = f"the release cannot be read: {str(error).splitlines()[0].replace(str(data), DATA)}"
            write = f"delete its folder and publish anew: `poe build published/{term.table}`"
            raise ProblemError(Problem(Code.RETENTION_RELEASE, file, what, write)) from None
    if rows:
        yield Found(term, file, rows, data.stat().st_size, kept)


def _remove_from_releases(project: Project, term: Term, folder: Path, day: date, removed: Findings) -> None:
    publication, found = Publication(folder), Findings()
    with publication.candidate() as aside:
        _look_at_releases(project, term, folder, day, found)
        now = publication.current()
        valid = now and project.relative(folder / now.data)
        for one in found.found:
            if one.place == valid:
                with duckdb.connect() as connection:
                    copy = f"COPY ({one.kept}) TO {literal(aside / DATA)} (FORMAT parquet)"
                    (rows,) = connection.execute(copy).fetchone()
                publication.switch(aside, rows, (folder / now.contract).read_bytes(), now.version)
        for one in found.found:
            _delete((project.root / one.place).parent, one.place)
    removed.found += found.found
    removed.problems += found.problems


def _delete(release: Path, file: str) -> None:
    try:
        if release.is_dir():  # the switch may have removed it
            shutil.rmtree(release)
    except OSError as error:
        what, write = f"the release cannot be deleted: {error}", "close what has it open and run it again"
        raise ProblemError(Problem(Code.RETENTION_RELEASE, file, what, write)) from None
