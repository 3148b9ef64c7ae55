# platform-owned: changed by `copier update` only; see platform/README.md
"""Names and text as SQL, whatever is in them."""


def quoted(*names: str) -> str:
    """Return the names as one SQL identifier."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: object) -> str:
    """Return ``text``, or a path, as an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def parquet(file: object) -> str:
    """Return SQL after FROM that reads a parquet file; a folder above it named ``day=1`` gives it no column."""
    return f"read_parquet({literal(file)}, hive_partitioning = false)"


def folded(name: str) -> bytes:
    """Return what DuckDB compares names by: of ASCII letters, and only of them, it ignores the case."""
    return name.encode().lower()
