# platform-owned: changed by `copier update` only; see platform/README.md
"""The component that loads a domain's dbt project."""

import json
import shutil
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject

from building_block.dbt.failures import failures
from building_block.dbt.manifest import prepared
from building_block.dbt.resource import QuickDbtCliResource
from building_block.dbt.translator import LayerTranslator
from building_block.messages import ProblemError
from building_block.project import CANDIDATE, Project
from building_block.warehouse.client import Warehouse
from building_block.warehouse.retry import tried_again

_ASSETS = {"model", "seed", "snapshot"}


class DbtModels(dg.Component, dg.Model, dg.Resolvable):
    """Every model of ``dbt/`` as an asset, every data test as a check of its asset.

    Ours and not dagster-dbt's ``DbtProjectComponent``: that one works on a copy of the project that only ``dg``
    refreshes, so tests and plain Python would see yesterday's models.
    """

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return assets, checks and the resource ``dbt``; parses the dbt project when it has changed."""
        project = Project.here()
        dbt_project = prepared(project)
        warehouse = Warehouse(project.warehouse)
        manifest = json.loads(dbt_project.manifest_path.read_bytes())

        specs, checks = asset_and_check_specs(dbt_project, manifest, LayerTranslator(project.domain, manifest))

        @dg.multi_asset(name="dbt", specs=specs, check_specs=checks, can_subset=True)
        def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
            with tried_again(context.run):
                if warehouse.path.exists():
                    # dbt waits for the lock in ever longer steps, a dozen times over, and names nobody.
                    with warehouse.writing():
                        pass
                invocation = dbt.cli(
                    ["build", "--exclude", f"config.schema:{CANDIDATE}"], context=context, raise_on_error=False
                )
                yield from invocation.stream()
                ProblemError.raise_any(failures(invocation, warehouse))
            # Each run has a folder of its own; of a failed one it holds the SQL that the messages name.
            shutil.rmtree(invocation.target_path, ignore_errors=True)

        return dg.Definitions(assets=[models], resources={"dbt": QuickDbtCliResource.of(dbt_project)})


def asset_and_check_specs(
    dbt_project: DbtProject, manifest: Mapping[str, Any], translator: DagsterDbtTranslator
) -> tuple[list[dg.AssetSpec], list[dg.AssetCheckSpec]]:
    """Return every model, seed and snapshot of the manifest as an asset, every data test of one as its check.

    That is what ``@dbt_assets`` makes of a selection of everything. To select everything it builds dbt's graph anew and
    imports half of dbt, in every process that loads the location.
    """
    specs, checks = [], []
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] not in _ASSETS or node["config"]["materialized"] == "ephemeral":
            continue
        if node["schema"] == CANDIDATE:  # the op that publishes builds it
            continue
        spec = translator.get_asset_spec(manifest, unique_id, dbt_project)
        specs.append(spec)
        tests = (child for child in manifest["child_map"][unique_id] if child.startswith("test."))
        found = (translator.get_asset_check_spec(spec, manifest, test, dbt_project) for test in tests)
        checks += filter(None, found)
    return specs, checks
