# platform-owned: changed by `copier update` only; see platform/README.md
"""What in the dbt project breaks the rules of ``platform/dbt-bouncer.yml``."""

import contextlib
import io
import json
import posixpath
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dbt_bouncer import run_bouncer

from building_block.dbt.manifest import prepared
from building_block.messages import Code, Problem
from building_block.project import Project

RULES = "platform/dbt-bouncer.yml"


def broken(project: Project) -> Iterator[Problem]:
    """Yield a problem for each rule that a model, source or macro breaks; parses the dbt project when it has changed.

    Raises:
        ProblemError: dbt cannot parse the project.
    """
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
