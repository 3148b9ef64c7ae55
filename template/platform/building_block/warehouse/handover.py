# platform-owned: changed by `copier update` only; see platform/README.md
"""Hand data over as Arrow: from what an asset returns to a stream, and from a query to what an asset asks for."""

import atexit
import importlib
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from building_block.messages import Code, Problem, ProblemError

# DuckDB's row group; its default of a million rows a batch is a gigabyte for a wide table.
BATCH_ROWS = 122_880
ACCEPTED = "pyarrow.Table, pyarrow.RecordBatchReader, polars.DataFrame, polars.LazyFrame or pandas.DataFrame"


def to_reader(data: object, where: str) -> pa.RecordBatchReader:
    """Return ``data`` as a stream of Arrow batches; ``where`` names the asset in errors.

    A pandas index is kept as columns when it has a name. An unnamed one is dropped: filtering rows makes one out of
    the default index, and a table must not change its columns with the rows that happen to be in it.

    Raises ProblemError for a type that is not accepted and for data without columns.
    """
    if isinstance(data, pa.RecordBatchReader):
        reader = data
    else:
        match _name(type(data)):
            case "polars.LazyFrame":
                data = data.collect()
            case "pandas.DataFrame":
                named = any(name is not None for name in data.index.names)
                data = pa.Table.from_pandas(data, preserve_index=named)
        if not hasattr(data, "__arrow_c_stream__"):
            raise _unsupported(where, f"cannot store a {_name(type(data))}", "return")
        reader = pa.RecordBatchReader.from_stream(data)
    if not reader.schema.names:
        what, write = "the data has no columns", "return a frame with its columns, even when it has no rows"
        raise ProblemError(Problem(Code.WAREHOUSE_TYPE_UNSUPPORTED, where, what, write))
    return reader


def sampled(reader: pa.RecordBatchReader, rows: int) -> tuple[pa.RecordBatchReader, list[pa.RecordBatch]]:
    """Return ``reader`` and a list that holds its first ``rows`` rows once they have been read."""
    sample: list[pa.RecordBatch] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            if missing := rows - sum(map(len, sample)):
                sample.append(batch.slice(0, missing))
            yield batch

    return pa.RecordBatchReader.from_batches(reader.schema, batches()), sample


@contextmanager
def surfacing(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatchReader]:
    """Yield ``reader`` for DuckDB to scan; what it raises in the middle leaves the block as it was raised.

    DuckDB keeps only the text of an exception that comes out of a stream, so it is put by before DuckDB sees it.
    """
    raised: list[BaseException] = []

    def batches() -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except BaseException as error:
                raised.append(error)
                raise
            yield batch

    try:
        yield pa.RecordBatchReader.from_batches(reader.schema, batches())
    except Exception:
        if raised:
            raise raised[0] from raised[0].__cause__
        raise


def offer(connection: duckdb.DuckDBPyConnection, name: str, reader: pa.RecordBatchReader) -> None:
    """Let SQL read ``reader`` once, as the table ``name``.

    The bare capsule, because a reader object goes through pyarrow's scanner, which reads ahead without bound: 1,000 of
    3,000 batches were in memory at once, and 3 with the capsule.
    """
    connection.register(name, reader.__arrow_c_stream__())


def fetch(result: duckdb.DuckDBPyConnection, kind: object, where: str) -> object:
    """Return an executed query's result as ``kind``, a type annotation; without one (Any) as ``pyarrow.Table``.

    What is returned does not need the connection any more. Raises ProblemError for any other ``kind``.
    """
    match _name(kind):
        case "pyarrow.Table" | "typing.Any":
            return result.to_arrow_table()
        case "polars.DataFrame":
            return importlib.import_module("polars").from_arrow(result.to_arrow_table())
        case "pandas.DataFrame":
            return result.to_arrow_table().to_pandas()
        case "pyarrow.RecordBatchReader":
            return _stream(_spool(result))
        case "polars.LazyFrame":
            path = _spool(result)
            # Every frame derived from this one reads the file, and polars does not say when the last is gone.
            atexit.register(path.unlink, missing_ok=True)
            return importlib.import_module("polars").scan_ipc(path)
    raise _unsupported(where, f"cannot be loaded as {_name(kind)}", "annotate the parameter with")


def _spool(result: duckdb.DuckDBPyConnection) -> Path:
    """Write the result to a temporary Arrow file, batch by batch.

    A stream straight from DuckDB would keep its connection open while the asset runs: that blocks the writers of all
    other processes, and in this one collides with the write that follows. Arrow IPC and not parquet, because DuckDB's
    parquet turns HUGEINT, the type of every `sum()` of integers, into a double. Not compressed, and by Arrow's own file
    and not Python's: together that halves the CPU seconds, for a file as large as the rows are in memory.
    """
    handle, name = tempfile.mkstemp(prefix="warehouse-", suffix=".arrow")
    os.close(handle)
    try:
        with (
            result.to_arrow_reader(BATCH_ROWS) as reader,
            pa.OSFile(name, "wb") as file,
            pa.ipc.new_file(file, reader.schema) as writer,
        ):
            for batch in reader:
                writer.write_batch(batch)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _stream(path: Path) -> pa.RecordBatchReader:
    """Read a spooled file batch by batch; it is deleted when the stream is exhausted or dropped, or at exit."""
    source = pa.OSFile(str(path))
    file = pa.ipc.open_file(source)

    def discard() -> None:
        source.close()  # Windows deletes no open file
        path.unlink(missing_ok=True)

    def batches() -> Iterator[pa.RecordBatch]:
        for index in range(file.num_record_batches):
            yield file.get_batch(index)
        discard()

    stream = batches()
    weakref.finalize(stream, discard)
    return pa.RecordBatchReader.from_batches(file.schema, stream)


def _name(kind: object) -> str:
    """Return package and name of a type: compared as text, polars and pandas need not be installed."""
    name = getattr(kind, "__qualname__", str(kind))
    return f"{getattr(kind, '__module__', '').partition('.')[0]}.{name}"


def _unsupported(where: str, what: str, verb: str) -> ProblemError:
    return ProblemError(Problem(Code.WAREHOUSE_TYPE_UNSUPPORTED, where, what, f"{verb} a {ACCEPTED}"))
