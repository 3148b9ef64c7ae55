# platform-owned: changed by `copier update` only; see platform/README.md
"""A dbt manifest that is never stale: parsed when, and only when, something it is made from has changed.

And what in it breaks the rules of the layers.
"""

import contextlib
import gc
import hashlib
import io
import json
import os
import posixpath
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster_dbt import DbtProject
from filelock import FileLock

from building_block.contracts.load import ports
from building_block.messages import Code, Problem, ProblemError
from building_block.project import CANDIDATE, LAYERS, Project

_FILE = re.compile(r"\b(models|macros|seeds|snapshots|tests|generated)/[^ )]+")
DBT_LAYERS = LAYERS[1:]
_MADE_BY_DBT = {"target", "logs", ".user.yml"}


def prepared(project: Project) -> DbtProject:
    """Return the dbt project with a manifest that matches its files, parsing them first when it does not.

    Raises:
        ProblemError: dbt cannot parse the project, or a contract is wrong.
    """
    dbt = DbtProject(project.dbt, profiles_dir=project.dbt)
    stamp = dbt.manifest_path.with_suffix(".inputs")
    inputs = _fingerprint(project)
    target = project.dbt / "target"
    target.mkdir(exist_ok=True)
    with FileLock(target / "parse.lock"):  # a manifest that another process is writing is no manifest yet
        if not (dbt.manifest_path.is_file() and stamp.is_file() and stamp.read_text() == inputs):
            stamp.unlink(missing_ok=True)
            ports(project)  # raises what is wrong with them, which dbt would tell otherwise or not at all
            parse(dbt)
            ProblemError.raise_any(_out_of_place(dbt))
            stamp.write_text(inputs)
    return dbt


def _out_of_place(dbt: DbtProject) -> Iterator[Problem]:
    """Yield a problem for each model whose folder, schema or contract is not what other domains rely on.

    Asked of the manifest, since a setting can stand in three places: dbt_project.yml, the model's YAML, the model.
    """
    manifest = json.loads(dbt.manifest_path.read_bytes())
    project = manifest["metadata"]["project_name"]
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model" or node["package_name"] != project:
            continue
        where, layer = f"dbt/{node['original_file_path']}", node["fqn"][1]
        if len(node["fqn"]) < 3 or layer not in DBT_LAYERS:
            write = f"move it into one of {', '.join(f'dbt/models/{name}/' for name in DBT_LAYERS)}"
            yield Problem(Code.DBT_LAYER, where, "the model lies in no layer", write)
        elif node["schema"] != (CANDIDATE if layer == "published" else layer):
            what = f"the model's schema is {node['schema']} and its folder {layer}"
            yield Problem(Code.DBT_LAYER, where, what, "remove the setting `schema`: the folder is the schema")
        elif layer == "published" and not (node["contract"]["enforced"] and node["access"] == "public"):
            what = "the model is published without an enforced contract or public access"
            yield Problem(Code.DBT_LAYER, where, what, "remove its settings `contract` and `access`")


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


def parse(dbt: DbtProject, *options: str) -> Any:
    """Write the manifest and return it as dbt has it; raise ProblemError when dbt cannot parse the project."""
    if dbt.has_uninstalled_deps:
        in_process(dbt, "deps")
    manifest = in_process(dbt, "parse", *options).result
    gc.collect()  # `definitions.collector_at_rest` would keep what parsing leaves behind
    return manifest


def in_process(dbt: DbtProject, command: str, *options: str, of: Any = None) -> Any:
    """Run dbt in this process, since starting another one costs more than parsing does; return its result.

    Raises:
        ProblemError: it failed.
    """
    from dbt.cli.main import dbtRunner  # a third of a second, which most processes do without

    folders = ["--project-dir", str(dbt.project_dir), "--profiles-dir", str(dbt.profiles_dir)]
    with contextlib.redirect_stdout(io.StringIO()):
        result = dbtRunner(manifest=of).invoke([command, "--quiet", *folders, *options])
    if not result.success:
        what = " ".join(str(result.exception).split())
        file = _FILE.search(what)
        where = f"dbt/{file[0]}" if file else "dbt"
        raise ProblemError(Problem(Code.DBT_PARSE, where, what, "put that right and build again"))
    return result


# What breaks the rules of platform/dbt-bouncer.yml --------------------------------------------------------------------

RULES = "platform/dbt-bouncer.yml"


def broken(project: Project) -> Iterator[Problem]:
    """Yield a problem for each rule that a model, source or macro breaks; parses the dbt project when it has changed.

    Raises:
        ProblemError: dbt cannot parse the project.
    """
    from dbt_bouncer import run_bouncer  # one of the extra `dev`

    prepared(project)  # writes the manifest that dbt-bouncer reads
    said = io.StringIO()  # dbt-bouncer prints a table and logs its progress
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        report = Path(folder) / "failures.json"
        run_bouncer(
            config_file=project.root / RULES,
            output_file=report,
            output_only_failures=True,
            allow_zero_checks=True,  # a project without a model breaks no rule
        )
        failures = json.loads(report.read_bytes()) if report.is_file() else []
    for failure in failures:
        # A broken rule is told as its description, which says what to write, and what was found; a crash as one text.
        write, separator, what = failure["failure_message"].partition(" - ")
        if not separator:
            write, what = "tell the platform team", write
        if not failure["file_path"]:  # a rule about the project as a whole
            yield Problem(Code.MODEL_RULE, RULES, what.rstrip("."), write)
            continue
        rule = failure["check_run_id"].partition(":")[0]
        where = posixpath.normpath(f"dbt/{failure['file_path']}")  # a macro's may begin with ../platform
        if not where.startswith("dbt/models/published/"):  # whose YAML is derived from its contract
            write += f", or except it in its .yml: `config: {{meta: {{dbt-bouncer: {{skip_checks: [{rule}]}}}}}}`"
        yield Problem(Code.MODEL_RULE, where, what.rstrip("."), write)
