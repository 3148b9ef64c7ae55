"""The warehouse: real DuckDB files, real Dagster runs, real other processes."""
