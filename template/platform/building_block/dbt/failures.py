# platform-owned: changed by `copier update` only; see platform/README.md
"""What went wrong in a run of dbt."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from dagster_dbt import DbtCliInvocation

from building_block.messages import Code, Problem
from building_block.warehouse.client import Warehouse, holder

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
