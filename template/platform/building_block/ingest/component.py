# platform-owned: changed by `copier update` only; see platform/README.md
"""The component that turns ingest files into assets."""

import dagster as dg

from building_block.ingest.assets import ingest_asset
from building_block.ingest.load import load_specs
from building_block.project import Project


class IngestFolder(dg.Component, dg.Model, dg.Resolvable):
    """One asset ``raw/<table>`` for each file of ``ingest/``."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the assets of the folder.

        Raises:
            ProblemError: any of the files is wrong; the error carries every problem of every file.
        """
        project = Project.here()
        return dg.Definitions(assets=[ingest_asset(project, spec) for spec in load_specs(project.ingest, project.root)])
