# platform-owned: changed by `copier update` only; see platform/README.md
"""The published layer in Dagster: each port an asset, each rule of its contract a check that blocks."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from building_block.automation import when_data_changes
from building_block.contracts.contract import Contract
from building_block.contracts.load import Agreed, ports
from building_block.contracts.pages import FOLDER
from building_block.contracts.publish import Published, publish, refused
from building_block.contracts.verify import Finding
from building_block.dbt.failures import failures
from building_block.dbt.manifest import prepared
from building_block.dbt.translator import LayerTranslator
from building_block.messages import ProblemError
from building_block.project import Project
from building_block.warehouse.client import Warehouse
from building_block.warehouse.retry import tried_again

_MODELS = "dbt/models/published/"


class PublishedPorts(dg.Component, dg.Model, dg.Resolvable):
    """One asset ``published/<port>`` for each contract of the domain."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return one op that publishes any of the ports; dbt is started once for all of them.

        Raises:
            ProblemError: a contract is wrong; the error carries every problem of every contract.
        """
        project = Project.here()
        agreed = ports(project)
        if not agreed:
            return dg.Definitions()
        dbt_project = prepared(project)
        manifest = json.loads(dbt_project.manifest_path.read_bytes())
        specs = _specs(project, dbt_project, manifest, agreed)
        warehouse = Warehouse(project.warehouse)
        by_key = {specs[name].key: agreed[name] for name in agreed}

        @dg.multi_asset(
            name="publish",
            specs=list(specs.values()),
            check_specs=[check for name in agreed for check in _checks(specs[name].key, agreed[name])],
            can_subset=True,
        )
        def published(
            context: dg.AssetExecutionContext, dbt: DbtCliResource
        ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
            chosen = {key: by_key[key] for key in sorted(context.selected_asset_keys)}
            models = " ".join(port.contract.name for port in chosen.values())
            with tried_again(context.run):
                with warehouse.writing():  # as for the other models: dbt's own waiting has no good end
                    pass
                invocation = dbt.cli(["run", "--select", models], raise_on_error=False).wait()
                problems = list(failures(invocation, warehouse))
                if not all(problem.where.startswith(_MODELS) for problem in problems):
                    raise ProblemError(*problems)  # dbt as a whole failed: no candidate is known to be new
                failed = {Path(problem.where).stem for problem in problems}
                for key, port in chosen.items():
                    if port.contract.name in failed:
                        continue
                    try:
                        done = publish(project, port)
                    except ProblemError as error:
                        problems += error.problems
                        continue
                    yield from _results(key, port, done)
                    problems += refused(port, done.findings)
                ProblemError.raise_any(problems)

        return dg.Definitions(assets=[published])


def _specs(
    project: Project, dbt_project: DbtProject, manifest: Mapping[str, Any], agreed: Mapping[str, Agreed]
) -> dict[str, dg.AssetSpec]:
    translator = LayerTranslator(project.domain, manifest)
    nodes = {
        node["name"]: unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["fqn"][1] == "published"
    }
    return {
        name: _with_contract(translator.get_asset_spec(manifest, nodes[name], dbt_project), port.contract, project)
        for name, port in agreed.items()
    }


def _with_contract(spec: dg.AssetSpec, contract: Contract, project: Project) -> dg.AssetSpec:
    digest = contract.source.digest
    return spec.replace_attributes(
        description=contract.description,
        owners=[f"team:{contract.team}", *([contract.owner] if contract.owner else [])],
        tags={**spec.tags, "classification": contract.classification},
        kinds={"dbt", "parquet"},
        code_version=f"{spec.code_version}-{digest}",
        automation_condition=when_data_changes(),
        freshness_policy=contract.frequency and dg.FreshnessPolicy.time_window(fail_window=contract.frequency.delta),
        metadata={
            **spec.metadata,
            "contract": _page(contract, project),
            "contract_version": str(contract.version),
            "dagster/column_schema": _column_schema(contract),
        },
    )


def _page(contract: Contract, project: Project) -> dg.MetadataValue:
    """Return the link to the contract's page, or where there is no repository to link to its path."""
    page = f"{FOLDER}/{contract.name}.md"
    if url := project.domain.repository_url:
        return dg.MetadataValue.url(f"{url.removesuffix('.git')}/blob/HEAD/{page}")
    return dg.MetadataValue.path(str(project.root / page))


def _column_schema(contract: Contract) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=column.type,
                description=column.standard.description,
                constraints=dg.TableColumnConstraints(nullable=not column.standard.required),
                tags={"classification": column.classification}
                | ({"pii": "", "masking": str(column.masking)} if column.is_pii else {}),
            )
            for column in contract.columns
        ]
    )


def _checks(key: dg.AssetKey, port: Agreed) -> Iterator[dg.AssetCheckSpec]:
    for rule in port.rules:
        yield dg.AssetCheckSpec(rule.name, asset=key, description=rule.description, blocking=rule.blocking)


def _results(key: dg.AssetKey, port: Agreed, done: Published) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    checks = [_result(key, finding) for finding in done.findings]
    if done.release is None:
        yield from checks
        return
    yield dg.MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": done.release.rows,
            "dagster/table_name": f"published.{port.contract.name}",
            "version": done.release.version,
            "sha256": done.release.sha256,
        },
        check_results=checks,
    )


def _result(key: dg.AssetKey, finding: Finding) -> dg.AssetCheckResult:
    blocking = finding.rule.blocking
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=finding.rule.name,
        passed=finding.kept,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=finding.sentence,
        metadata={"measured": finding.shown, "allowed": str(finding.rule.limit)},
    )
