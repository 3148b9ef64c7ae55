# platform-owned: changed by `copier update` only; see platform/README.md
"""The component that loads a domain's dbt project."""

import json
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

        @dbt_assets(
            manifest=dbt_project.manifest_path,
            project=dbt_project,
            name="dbt",
            dagster_dbt_translator=LayerTranslator(project.domain),
        )
        def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
            invocation = dbt.cli(["build"], context=context, raise_on_error=False)
            yield from invocation.stream()
            ProblemError.raise_any(_failures(invocation))

        return dg.Definitions(assets=[models], resources={"dbt": DbtCliResource(project_dir=dbt_project)})


def _failures(invocation: DbtCliInvocation) -> Iterator[Problem]:
    """Yield a problem for each model that could not be built and each test that found rows."""
    if invocation.is_successful():
        return
    nodes = json.loads((invocation.target_path / "manifest.json").read_text())["nodes"]
    for result in invocation.get_artifact("run_results.json")["results"]:
        node = nodes.get(result["unique_id"], {})
        where = (Path("dbt") / node.get("original_file_path", "")).as_posix()
        message = " ".join((result["message"] or "").split())
        match result["status"]:
            case "fail":
                write = f"look at the rows with the SQL in {_compiled(invocation, node)}"
                yield Problem(Code.DBT_TEST_FAILED, where, f"test {node['name']}: {message}", write)
            case "error":
                yield Problem(Code.DBT_MODEL_FAILED, where, message, "put the SQL right and build again")


def _compiled(invocation: DbtCliInvocation, node: dict) -> str:
    path = node.get("compiled_path") or node["original_file_path"]
    return (Path("dbt") / path).as_posix()
