# platform-owned: changed by `copier update` only; see platform/README.md
"""A dbt manifest that is never stale: parsed when, and only when, something it is made from has changed."""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dagster_dbt import DbtProject
from dbt.cli.main import dbtRunner

from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project

_FILE = re.compile(r"\b(models|macros|seeds|snapshots|tests|generated)/[^ )]+")
_MADE_BY_DBT = {"target", "logs", ".user.yml"}


def prepared(project: Project) -> DbtProject:
    """Return the dbt project with a manifest that matches its files, parsing them first when it does not.

    Raises:
        ProblemError: dbt cannot parse the project.
    """
    dbt = DbtProject(project.dbt, profiles_dir=project.dbt)
    stamp = dbt.manifest_path.with_suffix(".inputs")
    inputs = _fingerprint(project)
    if not (dbt.manifest_path.is_file() and stamp.is_file() and stamp.read_text() == inputs):
        stamp.unlink(missing_ok=True)
        _parse(dbt)
        stamp.write_text(inputs)
    return dbt


def _fingerprint(project: Project) -> str:
    """Return a hash over name, size and time of every file that dbt reads, and over the target."""
    digest = hashlib.sha256(os.environ.get("DBT_TARGET", "").encode())
    for file in sorted(_inputs(project)):
        stat = file.stat()
        digest.update(f"{project.relative(file)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _inputs(project: Project) -> Iterator[Path]:
    yield from (project.root / "platform" / "dbt").rglob("*.sql")
    for entry in project.dbt.iterdir():
        if entry.name not in _MADE_BY_DBT:
            yield from (file for file in (entry.rglob("*") if entry.is_dir() else [entry]) if file.is_file())


def _parse(dbt: DbtProject) -> None:
    """Write the manifest, in this process: starting another one costs more than parsing does."""
    for command in ("deps", "parse") if dbt.has_uninstalled_deps else ("parse",):
        folders = ["--project-dir", str(dbt.project_dir), "--profiles-dir", str(dbt.profiles_dir)]
        with contextlib.redirect_stdout(io.StringIO()):
            result = dbtRunner().invoke([command, "--quiet", *folders])
        if not result.success:
            what = " ".join(str(result.exception).split())
            file = _FILE.search(what)
            where = f"dbt/{file[0]}" if file else "dbt"
            raise ProblemError(Problem(Code.DBT_PARSE, where, what, "put that right and build again"))
