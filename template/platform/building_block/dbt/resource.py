# platform-owned: changed by `copier update` only; see platform/README.md
"""dagster-dbt's resource without two starts of dbt that nobody here needs."""

import importlib.metadata
import shutil
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version


class QuickDbtCliResource(DbtCliResource):
    """The dbt of this Python environment.

    Before each ``dbt build`` dagster-dbt starts ``dbt --version``, and it loads dbt's adapter and macros into its own
    process, for ``fetch_row_counts`` and ``fetch_column_metadata``: together 2.6 CPU seconds a run, as much as
    building a small project. Those two cannot work here anyhow: they open the warehouse a second time, with other
    settings, which DuckDB refuses. There is no public way to leave them out, so here are the only two private names of
    dagster-dbt that we override; a test counts what a build starts.
    """

    @classmethod
    def of(cls, project: DbtProject) -> "QuickDbtCliResource":
        """Return the resource of a dbt project."""
        own = shutil.which("dbt", path=Path(sys.executable).parent)  # found without an activated environment, too
        return cls(project_dir=project, dbt_executable=own or "dbt")

    @cached_property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        """Load nothing; dagster-dbt takes None, as it has to with dbt Fusion."""
