# platform-owned: changed by `copier update` only; see platform/README.md
"""The JSON schema of an ingest file, for editors and for the names in messages."""

import json
from typing import Any

from building_block.ingest.spec import IngestSpec

OWNED = "platform-owned: changed by `copier update` only; see platform/README.md"


def ingest_schema() -> dict[str, Any]:
    """Return the schema that ``platform/schemas/ingest.json`` holds."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$comment": OWNED, "$schema": dialect, **IngestSpec.model_json_schema()}


def ingest_schema_text() -> str:
    """Return the text of ``platform/schemas/ingest.json``."""
    return json.dumps(ingest_schema(), indent=2, ensure_ascii=False) + "\n"
