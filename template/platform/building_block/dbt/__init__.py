# platform-owned: changed by `copier update` only; see platform/README.md
"""The domain's dbt project as Dagster assets and checks."""
