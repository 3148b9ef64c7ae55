# platform-owned: changed by `copier update` only; see platform/README.md
"""What is derived from the contracts: for dbt its YAML, and for people pages, a glossary and a picture of the ports."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from building_block.contracts.column import Column
from building_block.contracts.contract import Contract
from building_block.contracts.load import Agreed
from building_block.contracts.publish import POINTER
from building_block.contracts.rules import DuplicateRule
from building_block.contracts.service_levels import Action, Retention

# For dbt: the published models in its words ---------------------------------------------------------------------------


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
        "columns": [_dbt_column(column, column.name in unique) for column in contract.columns],
    }
    if together:
        model["data_tests"] = [{"bb_unique_together": {"arguments": {"columns": columns}}} for columns in together]
    return model


def _dbt_column(column: Column, unique: bool) -> dict[str, Any]:
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


# For people: a page a port, a glossary of all columns, and a picture of how the ports hang together -------------------

FOLDER = "docs/contracts"
HEADER = "<!-- derived by `poe generate` from contracts/*.odcs.yaml: edit those -->\n"


def pages(ports: Mapping[str, Agreed], domain: str) -> dict[str, str]:
    """Return the text of every page by its path; none when the domain publishes nothing."""
    if not ports:
        return {}
    each = {f"{FOLDER}/{name}.md": _page(port, domain) for name, port in ports.items()}
    overview = {f"{FOLDER}/README.md": _overview(ports, domain)}
    return {path: f"{HEADER}\n{text}" for path, text in (overview | each).items()}


def _overview(ports: Mapping[str, Agreed], domain: str) -> str:
    rows = (
        (f"[{name}]({name}.md)", port.contract.description, str(port.contract.version), port.contract.classification)
        for name, port in ports.items()
    )
    return "\n".join(
        [
            f"# What {domain} publishes\n",
            *_table(("Port", "One row", "Version", "Class"), rows),
            "\n```mermaid\nerDiagram",
            *(line for port in ports.values() for line in _entity(port.contract)),
            *(line for port in ports.values() for line in _relationships(port.contract)),
            "```\n\n## Glossary\n",
            *_glossary(ports),
            "",
        ]
    )


def _entity(contract: Contract) -> Iterator[str]:
    yield f"    {contract.name} {{"
    for column in contract.columns:
        kind = column.type.lower().replace(" ", "_").replace(",", "-")
        yield f"        {kind} {column.name}{' PK' if column in contract.key else ''}"
    yield "    }"


def _relationships(contract: Contract) -> Iterator[str]:
    for column in contract.columns:
        for relationship in column.standard.relationships or ():
            for target in [relationship.to] if isinstance(relationship.to, str) else relationship.to or ():
                yield f'    {target.partition(".")[0]} ||--o{{ {contract.name} : "{column.name}"'


def _page(port: Agreed, domain: str) -> str:
    contract = port.contract
    said = contract.source.content.description
    facts = [
        ("Version", str(contract.version)),
        ("Answers for it", f"team {contract.team}" + (f", {contract.owner}" if contract.owner else "")),
        ("Class", contract.classification),
        ("Key", ", ".join(f"`{column.name}`" for column in contract.key)),
        ("Published again within", str(contract.frequency) if contract.frequency else "no promise"),
        ("A row is kept for", _kept(contract.retention)),
    ]
    rules = ((f"`{rule.name}`", rule.description, "yes" if rule.blocking else "no, warns") for rule in port.rules)
    return "\n".join(
        [
            f"# {contract.name}\n",
            f"{contract.description}\n",
            *(f"{text}\n" for text in ((said.purpose, said.usage, said.limitations) if said else ()) if text),
            *_table(("", ""), facts),
            "\n## Columns\n",
            *_table(("Column", "Type", "Meaning", "Class"), (_column(column) for column in contract.columns)),
            "\n## What every row and the whole table keep\n",
            "Checked before each publication. Data that breaks a rule that blocks is not published: what was valid "
            "before stays valid.\n",
            *_table(("Rule", "What", "Blocks"), rules),
            "\n## How to read it\n",
            f"In this project: the table `published.{contract.name}`, or the asset "
            f"`{domain}/published/{contract.name}`. From another domain, in DuckDB:\n",
            "```sql",
            f"-- the folder published/{contract.name} of this domain",
            f"SET VARIABLE port = '…/published/{contract.name}/v{contract.version.major}/';",
            "SET VARIABLE release = "
            f"(SELECT getvariable('port') || data FROM read_json(getvariable('port') || '{POINTER}'));",
            "FROM read_parquet(getvariable('release'));",
            "```\n",
        ]
    )


def _kept(retention: Retention) -> str:
    text = f"{retention.span} from `{retention.column.name}`"
    if retention.action is Action.ANONYMISE:
        text += ", then its personal data is emptied"
    if retention.places:
        text += "; so in " + ", ".join(f"`{place.layer}.{place.table}`" for place in retention.places)
    return text


def _column(column: Column) -> tuple[str, ...]:
    meaning = (column.standard.description or "").strip()
    if column.is_pii:
        meaning += f" Personal data; masking: {column.masking}."
    return f"`{column.name}`", column.type.lower(), meaning, column.classification or ""


def _glossary(ports: Mapping[str, Agreed]) -> Iterator[str]:
    meanings: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, port in ports.items():
        for column in port.contract.columns:
            meanings[column.name][(column.standard.description or "").strip()].append(f"[{name}]({name}.md)")
    rows = (
        (f"`{column}`", meaning, ", ".join(where))
        for column in sorted(meanings)
        for meaning, where in meanings[column].items()
    )
    yield from _table(("Column", "Meaning", "Port"), list(rows))


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        # A line break or a bar would end the cell.
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |"
