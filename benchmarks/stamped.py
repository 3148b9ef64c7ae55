"""A project stamped from the working tree, and the environment that its commands need."""

import os
import shutil
import sys
import warnings
from pathlib import Path

import copier
import yaml

from tools.ownership import ROOT


def stamp(folder: Path) -> Path:
    """Stamp the project of a domain called Sales into ``folder`` and return it."""
    answers = yaml.safe_load((ROOT / "tests" / "answers" / "minimal.yml").read_text(encoding="utf-8"))
    with warnings.catch_warnings(action="ignore"):  # of a working tree with changes
        copier.run_copy(str(ROOT), folder, data=answers, defaults=True, vcs_ref="HEAD", quiet=True)
    return folder


def emptied(project: Path) -> Path:
    """Take the example out of a stamped project, so that it holds what a benchmark writes and no more."""
    for example in ("ingest", "dbt/models", "src/sales/defs", "sample", "tests"):
        shutil.rmtree(project / example)
    for needed in ("ingest", "dbt/models", "src/sales/defs", "sample"):
        (project / needed).mkdir()
    (project / "src" / "sales" / "defs" / "__init__.py").touch()
    return project


def environment(project: Path) -> dict[str, str]:
    """Return the variables by which this Python environment runs the project's own packages and not the template's."""
    path = os.pathsep.join(str(project / folder) for folder in ("platform", "src"))
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PYTHONPATH": path, "PATH": binaries, "DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
