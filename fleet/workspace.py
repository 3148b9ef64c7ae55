"""The fleet in one Dagster: the ``workspace.yaml`` that makes each registered domain a code location of its own.

Nothing is shared but that file. A location runs in the domain's own environment, so the central Dagster needs dagster
and dagster-webserver, and nothing of any domain.
"""

from pathlib import Path
from typing import Any

import yaml

from fleet.registry import DOMAINS, Checkout, Fleet, Server

MODULE = "building_block.definitions"
"""What dg.toml of a stamped project points to. Whose project that is follows from the Python that imports it."""


def workspace(fleet: Fleet) -> str:
    """Return the text of a ``workspace.yaml`` with every domain that ``left_out`` does not name, as they are declared.

    Its paths are absolute: Dagster would take some relative ones from where it was started.
    """
    entries = [
        _entry(domain.name, domain.location, fleet.folder)
        for domain in fleet.domains
        if domain.location and not domain.skip
    ]
    written = yaml.safe_dump({"load_from": entries}, sort_keys=False, allow_unicode=True)
    return f"# Written by `fleet workspace`: edit {DOMAINS} instead.\n{written}"


def left_out(fleet: Fleet) -> list[str]:
    """Return a line for each domain that ``workspace`` leaves out."""
    reasons = {
        domain.name: f"skipped, {domain.skip}" if domain.skip else f"no `location` in {DOMAINS}"
        for domain in fleet.domains
        if domain.skip or not domain.location
    }
    return [f"{name} is left out: {reason}" for name, reason in reasons.items()]


def _entry(name: str, location: Checkout | Server, base: Path) -> dict[str, Any]:
    if isinstance(location, Server):
        return {"grpc_server": {"location_name": name, "host": location.host, "port": location.port}}
    folder = (base / location.folder).absolute()
    return {
        "python_module": {
            "location_name": name,
            "module_name": MODULE,
            # Links are not followed: an environment's Python is one to a Python that has none of its packages.
            "executable_path": str(folder / location.python),
            "working_directory": str(folder),
        }
    }
