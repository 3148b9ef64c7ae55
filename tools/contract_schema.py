"""What an editor is told while one writes a contract: the keys of the standard that the house reads, and its own.

The standard has many more, which stay allowed; ``poe contracts lint`` holds a file against the standard's own schema.
"""

from typing import Any

from building_block.contracts.column import CLASSES, PII, Masking
from building_block.contracts.rules import FORMATS, METRICS, OPERATORS, OPTIONS, SAMPLE_EXPRESSION, SEVERITIES
from building_block.contracts.service_levels import ACTION, UNITS, Action

from tools.ownership import HEADER

_LOGICAL = ("string", "integer", "number", "boolean", "date", "timestamp", "time", "array", "object", "map", "vector")
MASKINGS = {
    Masking.HASH: "a keyed hash of text: equal values stay equal, nobody without the key can try values out",
    Masking.NULLIFY: "the column is emptied",
    Masking.TRUNCATE: "text keeps its first maskingLength characters, a date or timestamp the first day of its year",
    Masking.NONE: "stays as it is; the description beside it says why",
}
ACTIONS = {
    Action.DELETE: "the row is deleted, which is the default",
    Action.ANONYMISE: "the row stays and its columns of personal data are emptied",
}
_OPTIONS = {
    "minLength": "at least so many characters",
    "maxLength": "at most so many characters",
    "pattern": "a regular expression of RE2 that a part of the text matches; ^ and $ for the whole of it",
    "format": f"one of {', '.join(FORMATS)}",
    "minimum": "this or more",
    "exclusiveMinimum": "more than this",
    "maximum": "this or less",
    "exclusiveMaximum": "less than this",
    "multipleOf": "a multiple of this",
    "minItems": "at least so many items",
    "maxItems": "at most so many items",
    "uniqueItems": "no item twice",
}


def contract_schema() -> dict[str, Any]:
    """Return the JSON schema of a contract, with a description and an example of each key."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$comment": HEADER, "$schema": dialect, "title": "The contract of an output port"} | (
        _group(
            {
                "apiVersion": _key("version of the standard", "v3.2.0"),
                "kind": _key("kind of file", "DataContract", const="DataContract"),
                "id": _key("a name of the contract that never changes", "orders"),
                "version": _key("semantic version of what is promised; readers read by its first number", "1.0.0"),
                "status": _key("draft, proposed, active, deprecated or retired; delete only what is retired", "active"),
                "description": _key("what the port is for", type="object")
                | _group(
                    {
                        "purpose": _key("whom it helps to do what", "Who orders what amount when."),
                        "usage": _key("how it is meant to be used", "Join it to daily_orders by order_date."),
                        "limitations": _key("what it is not good for", "Returns are not in it."),
                    }
                ),
                "team": _key("who answers for the data", type="object")
                | _group(
                    {
                        "name": _key("handle of the team, which is the owner", "sales"),
                        "members": _listed("people of the team; one is the owner, whom Dagster names", _member()),
                    },
                    "name",
                ),
                "schema": _listed("the one table, called as the file is", _table(), maxItems=1),
                "slaProperties": _listed("retention, which must be there, and frequency", _service_level()),
            },
            "apiVersion", "kind", "id", "version", "status", "team", "schema", "slaProperties",
        )
    )  # fmt: skip


def _member() -> dict[str, Any]:
    return _group(
        {
            "username": _key("e-mail address", "ada@example.org"),
            "role": _key("`owner`, or any other", "owner"),
        },
        "username",
    )  # fmt: skip


def _table() -> dict[str, Any]:
    return _group(
        {
            "name": _key("the port: the name of the file, and of the model in dbt/models/published/", "orders"),
            "description": _key("what one row is", "One row per invoice."),
            "properties": _listed("the columns, all of them", _column()),
            "quality": _listed("rules of the whole table", _quality()),
        },
        "name", "description", "properties",
    )  # fmt: skip


def _column() -> dict[str, Any]:
    return _group(
        {
            "name": _key("name of the column", "order_date"),
            "description": _key("what a value means, with its unit", "Day of the invoice."),
            "logicalType": _key("what a value is; its rules are read by it", "date", enum=list(_LOGICAL)),
            "physicalType": _key("DuckDB's type, where the logical one does not decide it", "decimal(18,2)"),
            "classification": _key("how far values may go", "internal", enum=list(CLASSES)),
            "primaryKey": _key("whether it tells rows apart, alone or with others", example=True, type="boolean"),
            "primaryKeyPosition": _key("its place in a key of several columns, from 1", 1, type="integer"),
            "required": _key("whether it is never empty", example=True, type="boolean"),
            "unique": _key("whether no value is repeated", example=True, type="boolean"),
            "enum": _listed("the values that there are", _group({"value": {"description": "one of them"}}, "value")),
            "logicalTypeOptions": _key("rules of a single value", type="object")
            | _group({name: _key(meaning) | {"type": _kinds(name)} for name, meaning in _OPTIONS.items()}),
            "quality": _listed("rules of the column", _quality()),
            "relationships": _listed(
                "columns of other ports that have the same values, drawn in docs/contracts/",
                _group({"to": _key("the column, after its port", "daily_orders.order_date")}, "to"),
            ),
            "examples": _key("values as there are, of which samples are made up", ["York"], type="array"),
            "tags": _key(f"`{PII}` marks personal data", [PII], type="array"),
            "customProperties": _listed("masking of personal data, sampleExpression", _custom()),
        },
        "name", "description", "logicalType", "classification",
    )  # fmt: skip


def _quality() -> dict[str, Any]:
    keys = {
        "id": _key("name of the check, where two would have the same", "orders_are_paid"),
        "description": _key("what it says, for a reader", "What was cancelled was paid back."),
        "metric": _key("what is measured; in place of it `type: sql`", "nullValues", enum=list(METRICS)),
        "arguments": _key("of the metric: properties, missingValues, validValues or pattern", type="object"),
        "type": _key(
            "`sql` for a query; `text` is for readers and not checked", "sql", enum=["library", "sql", "text"]
        ),
        "query": _key(
            "one SELECT of one value; {object} is the table, {property} the column",
            "SELECT count(*) FROM {object} WHERE amount < 0",
        ),
        "unit": _key("whether rows are counted, or their percentage", "percent", enum=["rows", "percent"]),
        "severity": _key("default error, which keeps the data from being published", "warning", enum=list(SEVERITIES)),
    }
    for name, (text, _) in OPERATORS.items():
        said = text.replace("{0[0]}", "the first").replace("{0[1]}", "the second number").replace("{0}", "this")
        kind = "array" if name.endswith("Between") else _compared(name)
        example = [1, 10] if kind == "array" else 0
        keys[name] = _key(f"what is measured must be {said}", example, type=kind)
    return _group(keys)


def _service_level() -> dict[str, Any]:
    return _group(
        {
            "property": _key("`retention`: how long a row is kept; `frequency`: longest time between two", "retention"),
            "value": _key("how long, as a whole number", 10, type=["integer", "string"]),
            "unit": _key(f"one of {', '.join(names[0] for names in UNITS.values())}", "y"),
            "element": _key(
                "of retention: the date or timestamp that a row's age counts from, of the port and, as "
                "layer.table.column after commas, of each table of the warehouse where its rows lie, too",
                "orders.order_date, marts.orders_cleaned.order_date",
            ),
            "customProperties": _listed(f"of retention: `{ACTION}`", _action()),
        },
        "property", "value",
    )  # fmt: skip


def _action() -> dict[str, Any]:
    return _group(
        {
            "property": _key("what becomes of a row then", ACTION),
            "value": {"description": "what is done to it", "examples": [Action.ANONYMISE]}
            | {"anyOf": [*({"const": name, "description": text} for name, text in ACTIONS.items()), {}]},
        },
        "property", "value",
    )  # fmt: skip


def _custom() -> dict[str, Any]:
    return _group(
        {
            "property": _key(
                f"`masking`; beside truncate `maskingLength`; `{SAMPLE_EXPRESSION}`: SQL over a row by which samples "
                "derive the column",
                "masking",
            ),
            "value": {"description": "how it is masked, how many characters are kept, or the SQL", "examples": ["hash"]}
            | {"anyOf": [*({"const": name, "description": text} for name, text in MASKINGS.items()), {}]},
            "description": _key("with `none`: why it is published as it is", "Shops are told by it."),
        },
        "property", "value",
    )  # fmt: skip


def _compared(operator: str) -> Any:
    # A query may return text or true and false as well.
    return ["number", "string", "boolean"] if operator in ("mustBe", "mustNotBe") else "number"


def _kinds(option: str) -> Any:
    if option in ("pattern", "format"):
        return "string"
    if option == "uniqueItems":
        return "boolean"
    return ["number", "string"] if option in OPTIONS["date"] else "number" if option == "multipleOf" else "integer"


def _key(meaning: str, example: Any = None, **schema: Any) -> dict[str, Any]:
    kind = {} if {"enum", "const", "type"} & set(schema) else {"type": "string"}
    return kind | schema | {"description": meaning} | ({} if example is None else {"examples": [example]})


def _listed(meaning: str, items: dict[str, Any], **schema: Any) -> dict[str, Any]:
    return _key(meaning, type="array", **schema) | {"items": items}


def _group(keys: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": keys}
