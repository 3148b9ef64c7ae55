# platform-owned: changed by `copier update` only; see platform/README.md
"""One name everywhere: what dbt calls schema and model is Dagster's group and asset key."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from building_block.automation import when_sources_change
from building_block.freshness import of_models, policy
from building_block.project import CANDIDATE, Domain


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
