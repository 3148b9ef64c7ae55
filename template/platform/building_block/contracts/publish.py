# platform-owned: changed by `copier update` only; see platform/README.md
"""Publish one port: mask what dbt gives, check it against the contract, switch to it, let the warehouse follow.

The files are written aside, checked there, and switched to by one rename. ``published/<port>/v<major>/current.json``
names the release that is valid; a release is a folder whose files never change, so that who reads one while the next is
published reads it to the end.
"""

import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import pyarrow as pa
from filelock import FileLock

from building_block.contracts.column import Column, Masking
from building_block.contracts.contract import CONTRACT, Contract
from building_block.contracts.load import Agreed
from building_block.contracts.retention import of_port, today
from building_block.contracts.verify import Finding, broken, misshapen, verify
from building_block.messages import Code, Problem, ProblemError
from building_block.project import CANDIDATE, Project
from building_block.sql import confine, literal, parquet, quoted
from building_block.warehouse.client import Warehouse

DATA = "data.parquet"
POINTER = "current.json"
_ASIDE = ".candidate-"


@dataclass(frozen=True)
class Release:
    """What ``current.json`` says."""

    data: str
    """The parquet file, relative to the folder of the pointer."""
    contract: str
    version: str
    sha256: str
    """Of the parquet file."""
    rows: int
    published_at: str


class Publication:
    """The releases of one major version of a port, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, project: Project, contract: Contract) -> "Publication":
        """Return where the data of a contract is published."""
        return cls(project.published / contract.name / f"v{contract.version.major}")

    def current(self) -> Release | None:
        """Return the valid release, None before the first."""
        pointer = self.folder / POINTER
        return Release(**json.loads(pointer.read_bytes())) if pointer.is_file() else None

    @contextmanager
    def candidate(self) -> Iterator[Path]:
        """Yield a folder for the next release's parquet file; what is not switched to is gone after the block.

        One process at a time: the others wait.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            for left in self.folder.glob(f"{_ASIDE}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            aside = Path(mkdtemp(prefix=_ASIDE, dir=self.folder))
            try:
                yield aside
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def switch(self, aside: Path, rows: int, contract: bytes, version: str) -> Release:
        """Make the parquet file in a candidate's folder the valid release; until the rename the last one is.

        ``contract`` is the text of the contract that its data keeps.
        """
        with (aside / DATA).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        (aside / CONTRACT).write_bytes(contract)
        (aside / f"{DATA}.sha256").write_text(f"{digest}  {DATA}\n", encoding="ascii")
        name = hashlib.sha256(digest.encode() + contract).hexdigest()[:16]
        release = Release(
            data=f"{name}/{DATA}",
            contract=f"{name}/{CONTRACT}",
            version=version,
            sha256=digest,
            rows=rows,
            published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        for file in aside.iterdir():
            _to_disk(file)
        before = self.current()
        if not (self.folder / name).is_dir():
            aside.rename(self.folder / name)
        pointer = self.folder / f".{POINTER}"
        pointer.write_text(json.dumps(asdict(release), indent=2) + "\n", encoding="utf-8")
        _to_disk(pointer)
        pointer.replace(self.folder / POINTER)
        self._remove_all_but(release, before)
        return release

    def _remove_all_but(self, *kept: Release | None) -> None:
        """Remove older releases; the one before stays for whoever has just read the pointer."""
        names = {release.data.partition("/")[0] for release in kept if release}
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in names and not entry.name.startswith(_ASIDE):
                shutil.rmtree(entry, ignore_errors=True)


def _to_disk(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


# Masking: what becomes of personal data on its way --------------------------------------------------------------------

KEY_VARIABLE = "BUILDING_BLOCK_MASKING_KEY"
_HASH = "bb_masking_hash"
_LEAST_CHARACTERS = 32
_LAPTOP = "duckdb"


def masked(connection: duckdb.DuckDBPyConnection, project: Project, contract: Contract) -> str:
    """Return the columns of a SELECT that masks what the contract says; may teach ``connection`` to hash.

    The key stays in this process: it is in no SQL, and so in no log, manifest or query history.

    Raises:
        ProblemError: a column is hashed and there is no key.
    """
    if any(column.masking is Masking.HASH for column in contract.columns):
        hashed = _hashed(_key(project))
        connection.create_function(_HASH, hashed, ["VARCHAR"], "VARCHAR", type="arrow")
    return ", ".join(f"{_sql(column)} AS {column.sql}" for column in contract.columns)


def _sql(column: Column) -> str:
    match column.masking:
        case Masking.HASH:
            return f"{_HASH}({column.sql})"
        case Masking.NULLIFY:
            return f"NULL::{column.type}"
        case Masking.TRUNCATE if column.type == "VARCHAR":
            return f"left({column.sql}, {column.masking_length})"
        case Masking.TRUNCATE:
            return f"CAST(date_trunc('year', {column.sql}) AS {column.type})"
        case _:
            return column.sql


def _hashed(key: bytes) -> Callable[[pa.ChunkedArray], pa.Array]:
    def of(value: str | None) -> str | None:
        return None if value is None else hmac.digest(key, value.encode(), "sha256").hex()

    def hashed(values: pa.ChunkedArray) -> pa.Array:
        # Each distinct value once: a column of customers repeats them.
        coded = pa.chunked_array(values).combine_chunks().dictionary_encode()
        return pa.array(map(of, coded.dictionary.to_pylist()), pa.string()).take(coded.indices)

    return hashed


def _key(project: Project) -> bytes:
    """Return the domain's key: the environment's, or on a laptop one that is made there and never committed."""
    if said := os.environ.get(KEY_VARIABLE):
        write = f"set one of {_LEAST_CHARACTERS} or more: `openssl rand -hex 32`"
        return _long_enough(said.encode(), KEY_VARIABLE, write)
    target = os.environ.get("DBT_TARGET", _LAPTOP)
    if target != _LAPTOP:
        what = f"a contract masks by hash, and the target {target} has no key"
        write = f"set the secret {KEY_VARIABLE} where the target runs: `openssl rand -hex 32`, once for all time"
        raise ProblemError(Problem(Code.MASKING_KEY, KEY_VARIABLE, what, write))
    file = project.data / "masking.key"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():  # whole by one rename: of a key that is empty every hash can be undone
            new = file.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as made:
                made.write(secrets.token_hex(32))
            new.replace(file)
    return _long_enough(file.read_bytes(), project.relative(file), "delete the file, and the next build makes a key")


def _long_enough(key: bytes, where: str, write: str) -> bytes:
    if len(key) < _LEAST_CHARACTERS:
        what = f"the key has {len(key)} characters"
        raise ProblemError(Problem(Code.MASKING_KEY, where, what, write))
    return key


# Publishing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """What became of a candidate."""

    findings: list[Finding]
    release: Release | None
    """None when the candidate broke a blocking rule: the release before it is valid still."""


def publish(project: Project, port: Agreed) -> Published:
    """Publish what the view ``candidate.<port>`` gives now, unless it breaks a blocking rule of the contract.

    Rows past the contract's retention are left out, or what of them is personal data.

    Raises:
        ProblemError: the candidate's columns are not the contract's, or it is to be masked and there is no key.
    """
    publication = Publication.of(project, port.contract)
    contract = (project.root / port.contract.file).read_bytes()
    with publication.candidate() as aside:
        data = aside / DATA
        _write(project, port, data)
        with duckdb.connect() as connection:
            confine(connection, data)
            findings = verify(connection, parquet(data), port.rules)
        if any(finding.rule.blocking and not finding.kept for finding in findings):
            return Published(findings, None)
        release = publication.switch(aside, _rows(data), contract, str(port.contract.version))
    _follow(project, port, publication.folder / release.data)
    return Published(findings, release)


def refused(port: Agreed, findings: list[Finding]) -> list[Problem]:
    """Return a problem for each blocking rule that was broken, at its line in the contract."""
    write = "put right what the model reads, or the model; what was published before stays valid"
    return broken(port.contract, findings, write)


def _write(project: Project, port: Agreed, data: Path) -> None:
    candidate = quoted(CANDIDATE, port.contract.name)
    where = f"dbt/models/published/{port.contract.name}.sql"
    with Warehouse(project.warehouse).reading() as connection:
        ProblemError.raise_any(misshapen(connection, candidate, port.contract, where))
        rows = f"(SELECT {masked(connection, project, port.contract)} FROM {candidate})"
        if term := of_port(port.contract):
            rows = f"({term.kept(rows, port.contract.retention.column.type, today())})"
        try:
            connection.execute(f"COPY {rows} TO {literal(data)} (FORMAT parquet)")
        except (duckdb.DataError, duckdb.ProgrammingError) as error:
            # DuckDB quotes the value, which no mask has seen; without `from None` Dagster would record it.
            fault = type(error).__name__
            what = f"the model's SQL fails over the data it reads: {fault}, about a value that is not shown"
            name = f"{CANDIDATE}.{port.contract.name}"
            write = f"put the SQL right; `FROM {name}` in a SQL client of the warehouse shows the value"
            raise ProblemError(Problem(Code.CANDIDATE_FAILED, where, what, write)) from None


def _rows(data: Path) -> int:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT count(*) FROM {parquet(data)}").fetchone()[0]


def _follow(project: Project, port: Agreed, data: Path) -> None:
    """Make the warehouse's table of the port's name what was published, with the contract's descriptions."""
    table = quoted("published", port.contract.name)
    comments = [f"COMMENT ON TABLE {table} IS {literal(port.contract.description)}"]
    comments += [
        f"COMMENT ON COLUMN {table}.{column.sql} IS {literal(column.standard.description or '')}"
        for column in port.contract.columns
    ]
    with Warehouse(project.warehouse).writing() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS published")
        views = f"FROM duckdb_views() WHERE schema_name = 'published' AND view_name = {literal(port.contract.name)}"
        if connection.execute(views).fetchone():  # dbt made it, before there was a contract
            connection.execute(f"DROP VIEW {table}")
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {parquet(data)}")
        for comment in comments:
            connection.execute(comment)
