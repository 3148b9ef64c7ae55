# platform-owned: changed by `copier update` only; see platform/README.md
"""The components that ``dg`` lists for a domain."""

from building_block.contracts.assets import PublishedPorts
from building_block.dbt.component import DbtModels
from building_block.ingest.component import IngestFolder

__all__ = ["DbtModels", "IngestFolder", "PublishedPorts"]
