# platform-owned: changed by `copier update` only; see platform/README.md
"""Contracts in Dagster: each port an asset, each rule a check that blocks, and the job and checks of retention."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from building_block.automation import default_status, when_data_changes
from building_block.contracts.contract import Contract
from building_block.contracts.derived import FOLDER
from building_block.contracts.expiry import Findings, Found, look, remove
from building_block.contracts.load import Agreed, ports
from building_block.contracts.publish import Published, publish, refused
from building_block.contracts.retention import NAME, places, terms, today
from building_block.contracts.verify import Finding
from building_block.dbt.assets import LayerTranslator, failures
from building_block.dbt.manifest import prepared
from building_block.messages import ProblemError
from building_block.project import Project
from building_block.warehouse.client import Warehouse, tried_again

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


# Retention: a job that removes what is past it, and a check of each asset that tells what remains ---------------------

_PUT_RIGHT = "`poe contracts expire` shows them, with --apply it removes them, as the job bb_retention does daily"


def retention(project: Project, contracts: Sequence[Contract], keys: Collection[dg.AssetKey]) -> dg.Definitions:
    """Return the job, its schedule, and a check for each of the assets ``keys`` whose table keeps rows for a time."""
    named = {(place.layer, place.table) for one in contracts for place in places(one)}
    kept = sorted(key for key in keys if (*key.path[1:],) in named)

    @dg.op(name="bb_remove_expired", description="Removes what is past its retention; its metadata says what that was.")
    def removes(context: dg.OpExecutionContext) -> Iterator[dg.AssetCheckEvaluation | dg.Output]:
        wanted, day = terms(project, contracts), today()
        with tried_again(context.run):
            context.log.info("To be removed: %s.", _sentence(look(project, wanted, day).found))
            removed = remove(project, wanted, day)
            context.log.info("Removed: %s.", _sentence(removed.found))
            left = look(project, wanted, day)
            # Of what could not be looked at no check may say that all is well.
            ProblemError.raise_any(dict.fromkeys([*removed.problems, *left.problems]))
        for key in kept:
            yield dg.AssetCheckEvaluation(key, NAME, **_verdict(key, left))
        yield dg.Output(None, metadata={"removed": _table(removed.found)})

    @dg.job(name=NAME, description="Removes the rows that are past the retention of their contract, to the bytes.")
    def job() -> None:
        removes()

    schedule = dg.ScheduleDefinition(
        name=NAME,
        job=job,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus[default_status().name],
    )
    checks = [
        _retention_checks(project, contracts, layer, list(group))
        for layer, group in groupby(kept, lambda key: key.path[1])
    ]
    return dg.Definitions(jobs=[job], schedules=[schedule], asset_checks=checks)


def _retention_checks(
    project: Project, contracts: Sequence[Contract], layer: str, keys: Sequence[dg.AssetKey]
) -> dg.AssetChecksDefinition:
    """Return the checks of a layer's assets; one op a layer, so that they wait for no later one."""
    what = "No row is past the retention that its contract promises."

    @dg.multi_asset_check(
        name=f"{NAME}_{layer}",
        specs=[dg.AssetCheckSpec(NAME, asset=key, description=what) for key in keys],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = sorted(key.asset_key for key in context.selected_asset_check_keys)
        names = {key.path[2] for key in chosen}
        with tried_again(context.run):
            wanted = [term for term in terms(project, contracts, [layer]) if term.table in names]
            found = look(project, wanted, today())
            ProblemError.raise_any(found.problems)
        for key in chosen:
            yield dg.AssetCheckResult(asset_key=key, check_name=NAME, **_verdict(key, found))

    return checks


def _verdict(key: dg.AssetKey, findings: Findings) -> dict[str, Any]:
    found = [one for one in findings.found if (one.term.layer, one.term.table) == (*key.path[1:],)]
    said = f"Past its retention: {_sentence(found)}. {_PUT_RIGHT}." if found else "No row is past its retention."
    return {"passed": not found, "description": said, "metadata": {"found": _table(found)}}


def _sentence(found: Iterable[Found]) -> str:
    return ", ".join(f"{one.rows:,} rows of {one.place}" for one in found) or "no rows"


def _table(found: Iterable[Found]) -> dg.TableMetadataValue:
    rows = [{"place": one.place, "kept for": one.term.what, "rows": one.rows, "bytes": one.bytes} for one in found]
    kinds = {"place": "string", "kept for": "string", "rows": "int", "bytes": "int"}
    columns = [dg.TableColumn(name, kind) for name, kind in kinds.items()]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], dg.TableSchema(columns=columns))
