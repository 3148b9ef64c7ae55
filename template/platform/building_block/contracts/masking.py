# platform-owned: changed by `copier update` only; see platform/README.md
"""What becomes of personal data on its way to ``published``."""

import hmac
import os
import secrets
from collections.abc import Callable

import duckdb
import pyarrow as pa
from filelock import FileLock

from building_block.contracts.contract import Column, Contract, Masking
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project

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
