# platform-owned: changed by `copier update` only; see platform/README.md
"""The domain's dbt project as Dagster assets and checks."""

import hashlib
import importlib.metadata
import json
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliInvocation, DbtCliResource, DbtProject
from packaging.version import Version

from building_block.automation import of_models, policy, when_sources_change
from building_block.dbt.manifest import prepared
from building_block.messages import Code, Problem, ProblemError
from building_block.project import CANDIDATE, Domain, Project
from building_block.warehouse.client import Warehouse, holder, tried_again

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


# One name everywhere: what dbt calls schema and model is Dagster's group and asset key --------------------------------


class LayerTranslator(DagsterDbtTranslator):
    """Names the model ``models/marts/fct_orders.sql`` of sales ``sales/marts/fct_orders``, in the group marts."""

    def __init__(self, domain: Domain, manifest: Mapping[str, Any]) -> None:
        """Read from the manifest what does not stand in a model's own properties. Raises ProblemError."""
        # Checks on sources stay dbt's own: as Dagster checks they would let dbt start before the ingest's checks ended.
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_tests_as_checks=False))
        self._domain = domain
        self._freshness = of_models(manifest)
        self._sources = {node: self.get_asset_key(source) for node, source in manifest["sources"].items()}
        self._macros = manifest["macros"]
        self._tests = defaultdict(list)
        for node in manifest["nodes"].values():
            if node["resource_type"] == "test":
                # A test that is a SQL file of its own is attached to no model, but to the one that it reads.
                reads = node["depends_on"]["nodes"]
                self._tests[node.get("attached_node") or (reads[0] if len(reads) == 1 else None)].append(node)
        self._macro = cache(self._with_what_it_calls)

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Return the whole spec of a model; of a source that an ingest file declares only the key.

        The ingest's own asset says all the rest, and nobody reads a second spec of it.
        """
        source = manifest["sources"].get(unique_id)
        if source and Path(source["original_file_path"]).parts[0] == "generated":
            return dg.AssetSpec(self.get_asset_key(source))
        spec = super().get_asset_spec(manifest, unique_id, project)
        said = self._freshness.get(unique_id)
        return spec.replace_attributes(freshness_policy=policy(said)) if said else spec

    def get_automation_condition(self, dbt_resource_props: Mapping[str, Any]) -> dg.AutomationCondition:
        """Return what the model's meta says in dagster-dbt's own words, or the house's: built when its data changes."""
        reads = dbt_resource_props.get("depends_on", {}).get("nodes", ())
        sources = sorted({self._sources[node] for node in reads if node in self._sources})
        return super().get_automation_condition(dbt_resource_props) or when_sources_change(*sources)

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return ``<domain>/<layer>/<model>``."""
        return dg.AssetKey([self._domain.slug, _layer(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer."""
        return _layer(dbt_resource_props)

    def get_code_version(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return a hash of what decides table and checks: SQL, settings, columns, tests, and the macros behind them."""
        nodes = [dbt_resource_props, *self._tests[dbt_resource_props["unique_id"]]]
        content = [
            [node.get(key) for key in ("checksum", "raw_code", "config", "columns", "description", "test_metadata")]
            for node in nodes
        ]
        called = {name for node in nodes for name in node.get("depends_on", {}).get("macros", [])}
        macros = sorted(set().union(*map(self._macro, called)))
        digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
        digest.update("".join(self._macros[name]["macro_sql"] for name in macros).encode())
        return digest.hexdigest()[:12]

    def _with_what_it_calls(self, macro: str) -> set[str]:
        found, to_visit = set(), {macro}
        while to_visit:
            found |= to_visit
            calls = (self._macros[name]["depends_on"]["macros"] for name in to_visit if name in self._macros)
            to_visit = {name for names in calls for name in names} - found
        return found & self._macros.keys()

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Return the owners that the model names, or the domain's team."""
        return super().get_owners(dbt_resource_props) or self._domain.owners

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """Return dbt's tags and the classification of the model's meta."""
        classification = dbt_resource_props.get("meta", {}).get("classification")
        tags = super().get_tags(dbt_resource_props)
        return {**tags, "classification": classification} if classification else tags


def _layer(dbt_resource_props: Mapping[str, Any]) -> str:
    """Return the layer, which is the schema; dbt leaves in another one what is yet to be published."""
    schema = dbt_resource_props["schema"]
    return "published" if schema == CANDIDATE else schema


# How dbt is run: without two starts of dbt that nobody here needs -----------------------------------------------------


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


# What went wrong in a run of dbt --------------------------------------------------------------------------------------

_ERROR = re.compile(r"Encountered an error:\s*(.+?)\s*(?:Traceback|\Z)", re.DOTALL)  # as dbt says what ended it


def failures(invocation: DbtCliInvocation, warehouse: Warehouse) -> Iterator[Problem]:
    """Yield a problem for each model that could not be built and each test that found rows."""
    if invocation.is_successful():
        return
    results = []
    if (invocation.target_path / "run_results.json").exists():  # else dbt ended before the first model
        manifest = json.loads((invocation.target_path / "manifest.json").read_text())
        nodes = manifest["nodes"] | manifest["unit_tests"]
        results = invocation.get_artifact("run_results.json")["results"]
    if not any(result["status"] in ("fail", "error") for result in results):
        said = str(invocation.get_error())
        if other := holder(said):
            yield warehouse.locked(f"{other} took the warehouse while dbt began")
        else:
            found = _ERROR.search(said)
            what = " ".join((found[1] if found else said).split())
            yield Problem(Code.DBT_MODEL_FAILED, "dbt", what, "look at dbt's log in data/logs/")
    for result in results:
        node = nodes.get(result["unique_id"], {"name": result["unique_id"], "original_file_path": ""})
        where = (Path("dbt") / node["original_file_path"]).as_posix()
        message = " ".join((result["message"] or "").split())
        match result["status"]:
            case "fail":
                compiled = node.get("compiled_path") or node["original_file_path"]
                write = f"look at the rows with the SQL in {(Path('dbt') / compiled).as_posix()}"
                yield Problem(Code.DBT_TEST_FAILED, where, f"test {node['name']}: {message}", write)
            case "error" if other := holder(message):
                yield warehouse.locked(f"{other} took the warehouse while dbt was at work")
            case "error":
                yield Problem(Code.DBT_MODEL_FAILED, where, message, "put the SQL right and build again")
