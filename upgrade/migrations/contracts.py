"""0.2.0: each published model has a contract, in the place of the dbt YAML beside it."""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from upgrade.environment import Environment

_MISSING = re.compile(r"^BB607 (dbt/models/published/\S+?)(\.sql|\.py):1: the model is published without", re.MULTILINE)
# The port that every project of 0.1.0 came with: as long as nobody edited it, all of its contract is known.
_SEED = {
    "dbt/models/published/daily_orders.sql": "c5bfe58989e270921b543ddc195644f35a2a77b1c0598403dc61002bfde1f594",
    "dbt/models/published/daily_orders.yml": "4b1fc70ae6c02168eec8b8ee6bacc32146e84c6da2f6bb0cf43c4a6a751e4f76",
}


def put_under_contract(project: Path, environment: Environment) -> Iterator[str]:
    """Write the contract of the port that came with the project, and begin that of each other."""
    said = environment.building_block(project, "contracts", "lint").stderr
    for path, suffix in _MISSING.findall(said):
        port = Path(path).name
        if all(_digest(project / seed) == digest for seed, digest in _SEED.items()) and f"{path}{suffix}" in _SEED:
            domain = tomllib.loads((project / "platform" / "domain.toml").read_text(encoding="utf-8"))
            text = Path(__file__).with_name("daily_orders.odcs.yaml").read_text(encoding="utf-8")
            file = project / "contracts" / f"{port}.odcs.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text.replace("<domain>", domain["slug"]), encoding="utf-8", newline="\n")
            (project / f"{path}.yml").unlink()
            continue
        done = environment.building_block(project, "contracts", "draft", port)
        if done.returncode:
            yield f"contracts/{port}.odcs.yaml could not be begun: {done.stderr.strip()}"
        else:
            yield f"contracts/{port}.odcs.yaml is begun: write a class at each column and how long a row is kept"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
