# platform-owned: changed by `copier update` only; see platform/README.md
"""The domain's one DuckDB file: how it is opened, how Arrow data gets in and out, and Dagster's IO manager for it."""
