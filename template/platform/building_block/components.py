# platform-owned: changed by `copier update` only; see platform/README.md
"""The components that ``dg`` lists for a domain."""

import dagster as dg

from building_block.contracts.assets import PublishedPorts
from building_block.contracts.load import ports
from building_block.contracts.retention import terms
from building_block.dbt.assets import DbtModels
from building_block.ingest.assets import ingest_asset
from building_block.ingest.entrance import quarantine
from building_block.ingest.landing_sensor import landing_sensor
from building_block.ingest.spec import load_specs
from building_block.project import Project

__all__ = ["DbtModels", "IngestFolder", "PublishedPorts"]


class IngestFolder(dg.Component, dg.Model, dg.Resolvable):
    """One asset ``raw/<table>`` for each file of ``ingest/``, its quarantine if it has one, and a sensor for all."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the assets of the folder, and the sensor unless it is empty.

        Raises:
            ProblemError: any of the files, or of the contracts that say how long rows are kept, is wrong; the error
                carries every problem of every file.
        """
        project = Project.here()
        specs = load_specs(project.ingest, project.root)
        contracts = [port.contract for port in ports(project).values()]
        kept = {term.table: term for term in terms(project, contracts, ["raw"])}
        return dg.Definitions(
            assets=[
                *(ingest_asset(project, spec, kept.get(spec.table)) for spec in specs),
                *(quarantine(project, spec) for spec in specs if spec.quarantine),
            ],
            sensors=[landing_sensor(project, specs)] if specs else [],
        )
