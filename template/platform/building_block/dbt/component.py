# platform-owned: changed by `copier update` only; see platform/README.md
"""The component that loads a domain's dbt project."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource, dbt_assets

from building_block.dbt.manifest import prepared
from building_block.dbt.translator import LayerTranslator
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


class DbtModels(dg.Component, dg.Model, dg.Resolvable):
    """Every model of ``dbt/`` as an asset, every data test as a check of its asset.

    Ours and not dagster-dbt's ``DbtProjectComponent``: that one works on a copy of the project that only ``dg``
    refreshes, so tests and plain Python would see yesterday's models.
    """

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return assets, checks and the resource ``dbt``; parses the dbt project when it has changed."""
        project = Project.here()
        dbt_project = prepared(project)
        manifest = json.loads(dbt_project.manifest_path.read_bytes())

        @dbt_assets(
            manifest=manifest,
            project=dbt_project,
            name="dbt",
            dagster_dbt_translator=LayerTranslator(project.domain, manifest),
        )
        def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
            invocation = dbt.cli(["build"], context=context, raise_on_error=False)
            yield from invocation.stream()
            ProblemError.raise_any(_failures(invocation))
            # Each run has a folder of its own; of a failed one it holds the SQL that the messages name.
            shutil.rmtree(invocation.target_path, ignore_errors=True)

        return dg.Definitions(assets=[models], resources={"dbt": DbtCliResource(project_dir=dbt_project)})


def _failures(invocation: DbtCliInvocation) -> Iterator[Problem]:
    """Yield a problem for each model that could not be built and each test that found rows."""
    if invocation.is_successful():
        return
    manifest = json.loads((invocation.target_path / "manifest.json").read_text())
    nodes = manifest["nodes"] | manifest["unit_tests"]
    results = invocation.get_artifact("run_results.json")["results"]
    if not any(result["status"] in ("fail", "error") for result in results):
        yield Problem(Code.DBT_MODEL_FAILED, "dbt", str(invocation.get_error()), "look at dbt's log in data/logs/")
    for result in results:
        node = nodes.get(result["unique_id"], {"name": result["unique_id"], "original_file_path": ""})
        where = (Path("dbt") / node["original_file_path"]).as_posix()
        message = " ".join((result["message"] or "").split())
        match result["status"]:
            case "fail":
                compiled = node.get("compiled_path") or node["original_file_path"]
                write = f"look at the rows with the SQL in {(Path('dbt') / compiled).as_posix()}"
                yield Problem(Code.DBT_TEST_FAILED, where, f"test {node['name']}: {message}", write)
            case "error":
                yield Problem(Code.DBT_MODEL_FAILED, where, message, "put the SQL right and build again")
