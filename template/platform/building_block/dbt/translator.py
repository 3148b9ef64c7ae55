# platform-owned: changed by `copier update` only; see platform/README.md
"""One name everywhere: what dbt calls schema and model is Dagster's group and asset key."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from building_block.project import Domain


class LayerTranslator(DagsterDbtTranslator):
    """Names the model ``models/marts/fct_orders.sql`` of sales ``sales/marts/fct_orders``, in the group marts."""

    def __init__(self, domain: Domain) -> None:
        # Checks on sources stay dbt's own: as Dagster checks they would let dbt start before the ingest's checks ended.
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_tests_as_checks=False))
        self._domain = domain

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return ``<domain>/<layer>/<model>``; the schema is the layer."""
        return dg.AssetKey([self._domain.slug, dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer."""
        return dbt_resource_props["schema"]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Return the owners that the model names, or the domain's team."""
        return super().get_owners(dbt_resource_props) or [self._domain.owner_email, f"team:{self._domain.owner_team}"]

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """Return dbt's tags and the classification of the model's meta."""
        classification = dbt_resource_props.get("meta", {}).get("classification")
        tags = super().get_tags(dbt_resource_props)
        return {**tags, "classification": classification} if classification else tags
