# platform-owned: changed by `copier update` only; see platform/README.md
"""What dbt is told of the published models: the contract in dbt's words."""

from collections.abc import Iterable
from typing import Any

from building_block.contracts.contract import Column
from building_block.contracts.load import Agreed
from building_block.contracts.rule import DuplicateRule

CANDIDATE = "candidate"
"""The schema where dbt leaves what a published model gives, before the platform has checked and published it."""


def models(ports: Iterable[Agreed]) -> dict[str, Any]:
    """Return the content of a dbt YAML file with a group for each team and a model for each port."""
    agreed = list(ports)
    teams = sorted({port.contract.team for port in agreed})
    return {
        "version": 2,
        "groups": [{"name": team, "owner": {"name": team}} for team in teams],
        "models": [_model(port) for port in agreed],
    }


def _model(port: Agreed) -> dict[str, Any]:
    contract = port.contract
    unique = {rule.columns[0] for rule in port.rules if isinstance(rule, DuplicateRule) and len(rule.columns) == 1}
    together = [list(rule.columns) for rule in port.rules if isinstance(rule, DuplicateRule) and len(rule.columns) > 1]
    model = {
        "name": contract.name,
        "description": contract.description,
        "config": {
            "access": "public",
            "group": contract.team,
            "contract": {"enforced": True},
            "meta": {
                "contract": contract.file,
                "contract_version": str(contract.version),
                "classification": contract.classification,
            },
        },
        "latest_version": contract.version.major,
        "versions": [
            {
                "v": contract.version.major,
                "defined_in": contract.name,
                "config": {"alias": contract.name},
            }
        ],
        "columns": [_column(column, column.name in unique) for column in contract.columns],
    }
    if together:
        model["data_tests"] = [{"bb_unique_together": {"arguments": {"columns": columns}}} for columns in together]
    return model


def _column(column: Column, unique: bool) -> dict[str, Any]:
    tests = ["not_null"] * bool(column.standard.required) + ["unique"] * unique
    meta = {"classification": column.classification}
    if column.is_pii:
        meta |= {"pii": True, "masking": str(column.masking)}
    return {
        "name": column.name,
        "description": column.standard.description,
        "data_type": column.type.lower(),
        "config": {"meta": meta, "tags": list(column.standard.tags or ())},
    } | ({"data_tests": tests} if tests else {})
