"""What each single change of a contract demands: the verdicts, one mutation of a good contract at a time."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from building_block.contracts.changes import Bump, Kind, Version
from building_block.contracts.contract import contract
from building_block.contracts.difference import changes
from building_block.contracts.load import Agreed, agreed_in
from building_block.contracts.policy import breaches
from building_block.contracts.standard import of_text

GOOD = """\
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.2.3
status: active
description: {purpose: What was ordered.}
team: {name: sales}
schema:
  - name: orders
    description: One row per order and line.
    properties:
      - {name: order_id, description: Number of the order., logicalType: string, classification: internal,
         primaryKey: true, primaryKeyPosition: 1, required: true, logicalTypeOptions: {pattern: "^O[0-9]+$"}}
      - {name: line, description: Line of the order., logicalType: integer, physicalType: integer,
         classification: internal, primaryKey: true, primaryKeyPosition: 2, required: true,
         logicalTypeOptions: {minimum: 1, maximum: 99}}
      - {name: ordered_at, description: Time of the order., logicalType: timestamp, classification: internal,
         required: true, logicalTypeOptions: {minimum: "2010-01-01T00:00:00", timezone: false}}
      - {name: shipped_on, description: Day of shipping., logicalType: date, classification: internal,
         logicalTypeOptions: {maximum: "2099-12-31"}}
      - {name: customer_id, description: Who ordered., logicalType: string, classification: confidential,
         tags: [pii], customProperties: [{property: masking, value: hash}],
         relationships: [{to: customers.customer_id}]}
      - {name: postcode, description: Where to., logicalType: string, classification: confidential, tags: [pii],
         customProperties: [{property: masking, value: truncate}, {property: maskingLength, value: 3}],
         logicalTypeOptions: {maxLength: 3}}
      - {name: birthday, id: of_customer, description: Of the customer., logicalType: date,
         classification: restricted, tags: [pii], customProperties: [{property: masking, value: nullify}]}
      - {name: channel, description: How it came., logicalType: string, classification: internal, unique: false,
         tags: [sales], enum: [{value: web}, {value: till}, {value: phone}], examples: [web]}
      - {name: sku, description: What., logicalType: string, classification: internal, unique: true,
         logicalTypeOptions: {minLength: 4}}
      - {name: amount, description: In pounds., logicalType: number, physicalType: "decimal(18,2)",
         classification: internal, logicalTypeOptions: {exclusiveMinimum: 0, multipleOf: 0.5},
         quality: [{id: few_amounts_missing, metric: nullValues, unit: percent, mustBeLessThan: 5}]}
      - {name: note, description: Of the till., logicalType: string, classification: public}
    quality:
      - {id: has_rows, metric: rowCount, mustBeGreaterThan: 10}
      - {id: one_order_a_day, type: sql, mustBe: 0, query: "SELECT count(*) FROM {object} WHERE amount > 1000"}
      - {id: no_stray, metric: duplicateValues, mustBeLessThan: 3, severity: warning,
         arguments: {properties: [order_id, sku]}}
slaProperties:
  - {property: retention, value: 2, unit: y,
     element: "orders.ordered_at, raw.orders.at, marts.orders.at"}
  - {property: frequency, value: 2, unit: d}
  - {property: availability, value: 99, unit: percent}
"""


ELSEWHERE = ", raw.orders.at, marts.orders.at"
ANONYMISE = [{"property": "retentionAction", "value": "anonymise"}]
TREE = yaml.safe_load(GOOD)


class Edited:
    """A contract as a tree, and its parts by name."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = copy.deepcopy(TREE)
        self.table = self.root["schema"][0]
        self.columns: list[dict[str, Any]] = self.table["properties"]
        self.levels = {level["property"]: level for level in self.root["slaProperties"]}
        self.quality = {rule["id"]: rule for rule in self.table["quality"]}

    def column(self, name: str) -> dict[str, Any]:
        return next(column for column in self.columns if column["name"] == name)

    def options(self, name: str) -> dict[str, Any]:
        return self.column(name)["logicalTypeOptions"]

    def rename(self, name: str, new: str, **others: Any) -> None:
        self.column(name).update(name=new, **others)

    def mask(self, name: str, value: str, length: int | None = None) -> None:
        self.column(name)["customProperties"] = [{"property": "masking", "value": value, "description": "why"}]
        if length:
            self.column(name)["customProperties"].append({"property": "maskingLength", "value": length})

    def agreed(self) -> Agreed:
        return agreed_in(contract(of_text(json.dumps(self.root).encode(), "orders.odcs.yaml")))


BEFORE = Edited().agreed()
Mutation = Callable[[Edited], Any]


def new_column(**others: Any) -> dict[str, Any]:
    return {"name": "weight", "description": "d", "logicalType": "integer", "classification": "internal"} | others


# What is changed; the bump that it demands; the kinds found. A kind that compliance approves is told with its sentence.
MUTATIONS: dict[str, tuple[Mutation, Bump, dict[Kind, str]]] = {
    # Columns
    "a column removed": (lambda c: c.columns.remove(c.column("note")), Bump.MAJOR, {Kind.COLUMN_REMOVED: ""}),
    "a personal column removed": (
        lambda c: c.columns.remove(c.column("birthday")),
        Bump.MAJOR,
        {Kind.COLUMN_REMOVED: ""},
    ),
    "a personal column removed and one of its type added elsewhere without the tag": (
        lambda c: (
            c.columns.remove(c.column("birthday")),
            c.columns.insert(0, new_column(name="d", logicalType="date")),
        ),
        Bump.MAJOR,
        {
            Kind.COLUMN_REMOVED: "",
            Kind.COLUMN_ADDED: "",
            Kind.PII_REPLACED: "column birthday, tagged pii, is removed and d is added without the tag",
        },
    ),
    "a column added": (lambda c: c.columns.append(new_column()), Bump.MINOR, {Kind.COLUMN_ADDED: ""}),
    "a column added in the middle": (lambda c: c.columns.insert(2, new_column()), Bump.MINOR, {Kind.COLUMN_ADDED: ""}),
    "a column with a rule added": (
        lambda c: c.columns.append(new_column(required=True)),
        Bump.MINOR,
        {Kind.COLUMN_ADDED: ""},
    ),
    "a column renamed": (lambda c: c.rename("note", "remark"), Bump.MAJOR, {Kind.COLUMN_RENAMED: ""}),
    "a column's letter case changed": (lambda c: c.rename("note", "Note"), Bump.MAJOR, {Kind.COLUMN_RENAMED: ""}),
    "a personal column renamed": (lambda c: c.rename("birthday", "born"), Bump.MAJOR, {Kind.COLUMN_RENAMED: ""}),
    "a personal column renamed without its tag": (
        lambda c: c.rename("birthday", "born", tags=[]),
        Bump.MAJOR,
        {Kind.COLUMN_RENAMED: "", Kind.PII_REMOVED: "pii tag of born removed"},
    ),
    "a personal column renamed without its tag, and an earlier column removed": (
        lambda c: (c.columns.remove(c.column("shipped_on")), c.rename("birthday", "born", tags=[])),
        Bump.MAJOR,
        {Kind.COLUMN_REMOVED: "", Kind.COLUMN_RENAMED: "", Kind.PII_REMOVED: "pii tag of born removed"},
    ),
    "a personal column renamed, moved and retyped under its id, without its tag": (
        lambda c: (
            c.columns.append(c.columns.pop(6)),
            c.rename("birthday", "born", id="of_customer", logicalType="timestamp", tags=[]),
        ),
        Bump.MAJOR,
        {Kind.COLUMN_RENAMED: "", Kind.TYPE_CHANGED: "", Kind.PII_REMOVED: "pii tag of born removed"},
    ),
    "the column that retention counts from renamed": (
        lambda c: (c.rename("ordered_at", "placed_at"), c.levels["retention"].update(element=f"placed_at{ELSEWHERE}")),
        Bump.MAJOR,
        {Kind.COLUMN_RENAMED: ""},
    ),
    "a column replaced by one of another type": (
        lambda c: c.rename("note", "weight", logicalType="integer"),
        Bump.MAJOR,
        {Kind.COLUMN_REMOVED: "", Kind.COLUMN_ADDED: ""},
    ),
    "columns in another order": (lambda c: c.columns.reverse(), Bump.PATCH, {Kind.WORDS_CHANGED: ""}),
    "a column deprecated": (
        lambda c: c.column("note").update(deprecated=True),
        Bump.MINOR,
        {Kind.DEPRECATION_CHANGED: ""},
    ),
    "the table deprecated": (lambda c: c.table.update(deprecated=True), Bump.MINOR, {Kind.DEPRECATION_CHANGED: ""}),
    # Types
    "a type widened": (lambda c: c.column("line").update(physicalType="bigint"), Bump.MAJOR, {Kind.TYPE_CHANGED: ""}),
    "a type narrowed": (
        lambda c: c.column("line").update(physicalType="smallint"),
        Bump.MAJOR,
        {Kind.TYPE_CHANGED: ""},
    ),
    "a decimal widened": (
        lambda c: c.column("amount").update(physicalType="decimal(20,2)"),
        Bump.MAJOR,
        {Kind.TYPE_CHANGED: ""},
    ),
    "a decimal made a double": (
        lambda c: c.column("amount").update(physicalType="double"),
        Bump.MAJOR,
        {Kind.TYPE_CHANGED: ""},
    ),
    "a number made a day": (
        lambda c: c.column("line").update(
            logicalType="date", physicalType="date", logicalTypeOptions={"minimum": "2010-01-01"}
        ),
        Bump.MAJOR,
        {Kind.TYPE_CHANGED: "", Kind.RULE_CHANGED: "", Kind.RULE_REMOVED: ""},
    ),
    "a number made text": (
        lambda c: (
            c.column("line").update(logicalType="string", physicalType="varchar"),
            c.column("line").pop("logicalTypeOptions"),
        ),
        Bump.MAJOR,
        {Kind.TYPE_CHANGED: "", Kind.RULE_REMOVED: ""},
    ),
    "a type written otherwise": (
        lambda c: c.column("amount").update(physicalType="NUMERIC(18, 2)"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "a type written out": (
        lambda c: c.column("note").update(physicalType="varchar"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    # Key
    "a column taken from the key": (
        lambda c: c.column("line").pop("primaryKey"),
        Bump.MAJOR,
        {Kind.KEY_CHANGED: "", Kind.RULE_REMOVED: "", Kind.RULE_ADDED: ""},
    ),
    "a column added to the key": (
        lambda c: c.column("sku").update(primaryKey=True, primaryKeyPosition=3, required=True),
        Bump.MAJOR,
        {Kind.KEY_CHANGED: "", Kind.RULE_CHANGED: "", Kind.RULE_ADDED: ""},
    ),
    "the key in another order": (
        lambda c: (c.column("line").update(primaryKeyPosition=1), c.column("order_id").update(primaryKeyPosition=2)),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    # Rules of columns
    "required removed": (lambda c: c.column("ordered_at").pop("required"), Bump.MAJOR, {Kind.RULE_REMOVED: ""}),
    "required added": (lambda c: c.column("note").update(required=True), Bump.MINOR, {Kind.RULE_ADDED: ""}),
    "required said to be false": (
        lambda c: c.column("note").update(required=False),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "uniqueness dropped": (lambda c: c.column("sku").pop("unique"), Bump.MAJOR, {Kind.RULE_REMOVED: ""}),
    "uniqueness added": (lambda c: c.column("channel").update(unique=True), Bump.MINOR, {Kind.RULE_ADDED: ""}),
    "a minimum lowered": (lambda c: c.options("line").update(minimum=0), Bump.MAJOR, {Kind.RULE_LOOSENED: ""}),
    "a minimum raised": (lambda c: c.options("line").update(minimum=2), Bump.MINOR, {Kind.RULE_TIGHTENED: ""}),
    "a minimum removed": (lambda c: c.options("line").pop("minimum"), Bump.MAJOR, {Kind.RULE_REMOVED: ""}),
    "a maximum raised": (lambda c: c.options("line").update(maximum=100), Bump.MAJOR, {Kind.RULE_LOOSENED: ""}),
    "a maximum lowered": (lambda c: c.options("line").update(maximum=50), Bump.MINOR, {Kind.RULE_TIGHTENED: ""}),
    "a minimum made exclusive": (
        lambda c: (c.options("line").pop("minimum"), c.options("line").update(exclusiveMinimum=1)),
        Bump.MINOR,
        {Kind.RULE_TIGHTENED: ""},
    ),
    "a minimum made inclusive": (
        lambda c: (c.options("amount").pop("exclusiveMinimum"), c.options("amount").update(minimum=0)),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "an exclusive minimum made a higher inclusive one": (
        lambda c: (c.options("amount").pop("exclusiveMinimum"), c.options("amount").update(minimum=1)),
        Bump.MINOR,
        {Kind.RULE_TIGHTENED: ""},
    ),
    "a length demanded of another column": (
        lambda c: (
            c.column("postcode").pop("logicalTypeOptions"),
            c.column("note").update(logicalTypeOptions={"maxLength": 3}),
        ),
        Bump.MAJOR,
        {Kind.RULE_REMOVED: "", Kind.RULE_ADDED: ""},
    ),
    "an earlier time allowed": (
        lambda c: c.options("ordered_at").update(minimum="2009-01-01T00:00:00"),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "a later time demanded": (
        lambda c: c.options("ordered_at").update(minimum="2010-01-01T06:00:00"),
        Bump.MINOR,
        {Kind.RULE_TIGHTENED: ""},
    ),
    "an earlier last day": (
        lambda c: c.options("shipped_on").update(maximum="2050-12-31"),
        Bump.MINOR,
        {Kind.RULE_TIGHTENED: ""},
    ),
    "a greater length allowed": (
        lambda c: c.options("postcode").update(maxLength=4),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "a smaller length allowed": (lambda c: c.options("sku").update(minLength=3), Bump.MAJOR, {Kind.RULE_LOOSENED: ""}),
    "a coarser multiple": (lambda c: c.options("amount").update(multipleOf=1), Bump.MINOR, {Kind.RULE_TIGHTENED: ""}),
    "a finer multiple": (lambda c: c.options("amount").update(multipleOf=0.25), Bump.MAJOR, {Kind.RULE_CHANGED: ""}),
    "a pattern changed": (
        lambda c: c.options("order_id").update(pattern="^[OP][0-9]+$"),
        Bump.MAJOR,
        {Kind.RULE_CHANGED: ""},
    ),
    "a pattern removed": (
        lambda c: c.column("order_id").pop("logicalTypeOptions"),
        Bump.MAJOR,
        {Kind.RULE_REMOVED: ""},
    ),
    "a pattern added": (
        lambda c: c.column("note").update(logicalTypeOptions={"pattern": "."}),
        Bump.MINOR,
        {Kind.RULE_ADDED: ""},
    ),
    "an enum extended": (
        lambda c: c.column("channel")["enum"].append({"value": "fax"}),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "an enum cut": (lambda c: c.column("channel")["enum"].pop(), Bump.MINOR, {Kind.RULE_TIGHTENED: ""}),
    "a value of an enum exchanged": (
        lambda c: c.column("channel")["enum"][0].update(value="app"),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "an enum in another order": (lambda c: c.column("channel")["enum"].reverse(), Bump.PATCH, {Kind.WORDS_CHANGED: ""}),
    "an enum removed": (lambda c: c.column("channel").pop("enum"), Bump.MAJOR, {Kind.RULE_REMOVED: ""}),
    "an option that is no rule changed": (
        lambda c: c.options("ordered_at").update(timezone=True),
        Bump.MAJOR,
        {Kind.OPTION_CHANGED: ""},
    ),
    # Quality
    "a limit raised": (
        lambda c: c.column("amount")["quality"][0].update(mustBeLessThan=10),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "a limit lowered": (
        lambda c: c.column("amount")["quality"][0].update(mustBeLessThan=1),
        Bump.MINOR,
        {Kind.RULE_TIGHTENED: ""},
    ),
    "a limit in rows instead of percent": (
        lambda c: c.column("amount")["quality"][0].update(unit="rows"),
        Bump.MAJOR,
        {Kind.RULE_CHANGED: ""},
    ),
    "fewer rows allowed": (
        lambda c: c.quality["has_rows"].update(mustBeGreaterThan=0),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "more rows demanded": (
        lambda c: c.quality["has_rows"].update(mustBeGreaterThan=20),
        Bump.MINOR,
        {Kind.RULE_TIGHTENED: ""},
    ),
    "a limit said otherwise": (
        lambda c: (
            c.quality["has_rows"].pop("mustBeGreaterThan"),
            c.quality["has_rows"].update(mustBeGreaterOrEqualTo=11),
        ),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "a limit moved": (
        lambda c: (c.quality["has_rows"].pop("mustBeGreaterThan"), c.quality["has_rows"].update(mustBeBetween=[5, 50])),
        Bump.MAJOR,
        {Kind.RULE_LOOSENED: ""},
    ),
    "a query changed": (
        lambda c: c.quality["one_order_a_day"].update(query="SELECT count(*) FROM {object} WHERE amount > 2000"),
        Bump.MAJOR,
        {Kind.RULE_CHANGED: ""},
    ),
    "a query laid out otherwise": (
        lambda c: c.quality["one_order_a_day"].update(
            query="select count(*) -- few\nfrom ${object}\nwhere amount>1000"
        ),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "a rule that only warns from now on": (
        lambda c: c.quality["has_rows"].update(severity="warning"),
        Bump.MAJOR,
        {Kind.RULE_REMOVED: ""},
    ),
    "a rule that blocks from now on": (
        lambda c: c.quality["no_stray"].pop("severity"),
        Bump.MINOR,
        {Kind.RULE_ADDED: ""},
    ),
    "a warning removed": (
        lambda c: c.table["quality"].remove(c.quality["no_stray"]),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "a rule of the table removed": (
        lambda c: c.table["quality"].remove(c.quality["has_rows"]),
        Bump.MAJOR,
        {Kind.RULE_REMOVED: ""},
    ),
    "a rule of the table added": (
        lambda c: c.table["quality"].append({"id": "not_huge", "metric": "rowCount", "mustBeLessThan": 10**9}),
        Bump.MINOR,
        {Kind.RULE_ADDED: ""},
    ),
    "a rule called otherwise": (
        lambda c: c.quality["has_rows"].update(id="enough_rows"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    # Relationships
    "a relationship removed": (
        lambda c: c.column("customer_id").pop("relationships"),
        Bump.MAJOR,
        {Kind.RELATIONSHIP_REMOVED: ""},
    ),
    "a relationship added": (
        lambda c: c.column("sku").update(relationships=[{"to": "products.sku"}]),
        Bump.MINOR,
        {Kind.RELATIONSHIP_ADDED: ""},
    ),
    # Compliance
    "a class lowered": (
        lambda c: c.column("birthday").update(classification="confidential"),
        Bump.MAJOR,
        {Kind.CLASSIFICATION_LOWERED: "classification of birthday from restricted to confidential"},
    ),
    "a class raised": (
        lambda c: c.column("note").update(classification="internal"),
        Bump.MINOR,
        {Kind.CLASSIFICATION_RAISED: ""},
    ),
    "personal data no more": (
        lambda c: (c.column("customer_id").pop("tags"), c.column("customer_id").pop("customProperties")),
        Bump.MAJOR,
        {
            Kind.PII_REMOVED: "pii tag of customer_id removed",
            Kind.MASKING_WEAKENED: "masking of customer_id from hash to none",
        },
    ),
    "personal data from now on": (
        lambda c: (c.column("note").update(tags=["pii"], classification="confidential"), c.mask("note", "none")),
        Bump.MINOR,
        {Kind.PII_ADDED: "", Kind.CLASSIFICATION_RAISED: ""},
    ),
    "another tag removed": (lambda c: c.column("channel").pop("tags"), Bump.PATCH, {Kind.WORDS_CHANGED: ""}),
    "masking removed": (
        lambda c: c.mask("customer_id", "none"),
        Bump.MAJOR,
        {Kind.MASKING_WEAKENED: "masking of customer_id from hash to none"},
    ),
    "hashed instead of emptied": (
        lambda c: c.column("birthday").update(logicalType="string") or c.mask("birthday", "hash"),
        Bump.MAJOR,
        {Kind.TYPE_CHANGED: "", Kind.MASKING_WEAKENED: "masking of birthday from nullify to hash"},
    ),
    "truncated instead of hashed": (
        lambda c: c.mask("customer_id", "truncate", 2),
        Bump.MAJOR,
        {Kind.MASKING_WEAKENED: "masking of customer_id from hash to truncate 2"},
    ),
    "more characters left": (
        lambda c: c.mask("postcode", "truncate", 4),
        Bump.MAJOR,
        {Kind.MASKING_WEAKENED: "masking of postcode from truncate 3 to truncate 4"},
    ),
    "fewer characters left": (lambda c: c.mask("postcode", "truncate", 2), Bump.MAJOR, {Kind.MASKING_STRENGTHENED: ""}),
    "hashed instead of truncated": (lambda c: c.mask("postcode", "hash"), Bump.MAJOR, {Kind.MASKING_STRENGTHENED: ""}),
    "retention longer": (
        lambda c: c.levels["retention"].update(value=3),
        Bump.MAJOR,
        {Kind.RETENTION_LENGTHENED: "retention from 2 years to 3 years"},
    ),
    "retention longer by its unit": (
        lambda c: c.levels["retention"].update(value=25, unit="month"),
        Bump.MAJOR,
        {Kind.RETENTION_LENGTHENED: "retention from 2 years to 25 months"},
    ),
    "retention as long in another unit": (
        lambda c: c.levels["retention"].update(value=24, unit="month"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "retention removed": (
        lambda c: c.root["slaProperties"].pop(0),
        Bump.MAJOR,
        {Kind.RETENTION_LENGTHENED: "retention of 2 years is removed"},
    ),
    "retention shorter": (lambda c: c.levels["retention"].update(value=1), Bump.MAJOR, {Kind.RETENTION_SHORTENED: ""}),
    "retention of one table less": (
        lambda c: c.levels["retention"].update(element="orders.ordered_at, raw.orders.at"),
        Bump.MAJOR,
        {Kind.RETENTION_LENGTHENED: "retention of marts.orders is removed"},
    ),
    "retention of one table more": (
        lambda c: c.levels["retention"].update(element=f"ordered_at{ELSEWHERE}, marts.more.at"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "retention of a table by another column": (
        lambda c: c.levels["retention"].update(element="ordered_at, raw.orders.paid_at, marts.orders.at"),
        Bump.MAJOR,
        {Kind.RETENTION_MOVED: "retention of raw.orders counts from paid_at, not at"},
    ),
    "retention that empties columns": (
        lambda c: c.levels["retention"].update(customProperties=ANONYMISE),
        Bump.MAJOR,
        {Kind.RETENTION_LENGTHENED: "after retention anonymise, not delete"},
    ),
    "retention of another column": (
        lambda c: c.levels["retention"].update(element=f"shipped_on{ELSEWHERE}"),
        Bump.MAJOR,
        {Kind.RETENTION_MOVED: "retention counts from shipped_on, not ordered_at"},
    ),
    "frequency longer": (
        lambda c: c.levels["frequency"].update(value=3),
        Bump.MAJOR,
        {Kind.FREQUENCY_LOOSENED: "frequency from 2 days to 3 days"},
    ),
    "frequency removed": (
        lambda c: c.root["slaProperties"].pop(1),
        Bump.MAJOR,
        {Kind.FREQUENCY_LOOSENED: "frequency of 2 days is removed"},
    ),
    "frequency shorter": (
        lambda c: c.levels["frequency"].update(value=6, unit="h"),
        Bump.MINOR,
        {Kind.FREQUENCY_TIGHTENED: ""},
    ),
    "frequency the same in hours": (
        lambda c: c.levels["frequency"].update(value=48, unit="h"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "another service level changed": (
        lambda c: c.levels["availability"].update(value=98),
        Bump.MAJOR,
        {Kind.SERVICE_LEVEL_CHANGED: "service level availability from 99 percent to 98 percent"},
    ),
    "another service level removed": (
        lambda c: c.root["slaProperties"].pop(2),
        Bump.MAJOR,
        {Kind.SERVICE_LEVEL_CHANGED: "service level availability from 99 percent to none"},
    ),
    "another service level added": (
        lambda c: c.root["slaProperties"].append({"property": "latency", "value": 4, "unit": "h"}),
        Bump.MINOR,
        {Kind.SERVICE_LEVEL_ADDED: ""},
    ),
    "the owner changed": (
        lambda c: c.root["team"].update(name="finance"),
        Bump.MAJOR,
        {Kind.OWNER_CHANGED: "owner from sales to finance"},
    ),
    # The contract's life and its words
    "the port deprecated": (lambda c: c.root.update(status="deprecated"), Bump.MINOR, {Kind.STATUS_CHANGED: ""}),
    "the port retired": (lambda c: c.root.update(status="retired"), Bump.MAJOR, {Kind.STATUS_WITHDRAWN: ""}),
    "the port a draft again": (lambda c: c.root.update(status="draft"), Bump.MAJOR, {Kind.STATUS_WITHDRAWN: ""}),
    "a column described otherwise": (
        lambda c: c.column("note").update(description="x"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "the table described otherwise": (lambda c: c.table.update(description="x"), Bump.PATCH, {Kind.WORDS_CHANGED: ""}),
    "other examples": (lambda c: c.column("channel").update(examples=["till"]), Bump.PATCH, {Kind.WORDS_CHANGED: ""}),
    "a rule described otherwise": (
        lambda c: c.quality["has_rows"].update(description="x"),
        Bump.PATCH,
        {Kind.WORDS_CHANGED: ""},
    ),
    "only the version": (lambda c: c.root.update(version="1.3.0"), Bump.NONE, {}),
}

# What becomes of whole ports stands in test_gate.py.
OF_CONTRACTS = {kind for kind in Kind if not kind.name.startswith("PORT_")}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_change_demands_the_version_and_the_approvals_that_it_must(name: str) -> None:
    mutate, bump, kinds = MUTATIONS[name]
    edited = Edited()
    mutate(edited)
    found = changes(BEFORE, edited.agreed())
    assert {change.kind for change in found} == kinds.keys()
    assert max((change.kind.value.bump for change in found), default=Bump.NONE) is bump
    regressions = {change.what for change in found if change.kind.value.approval}
    assert regressions == {what for what in kinds.values() if what}
    for change in found:
        part: Any = edited.root
        for key in change.loc[:-1]:
            part = part[key]  # it stands in the newer contract, all but the key that may be gone


def test_the_contract_that_is_mutated_is_a_good_one() -> None:
    assert list(breaches(BEFORE.contract, BEFORE.rules)) == []


def test_every_kind_of_change_is_pinned_and_compliance_never_goes_without_a_major() -> None:
    assert {kind for _, _, kinds in MUTATIONS.values() for kind in kinds} == OF_CONTRACTS
    assert all(kind.value.bump is Bump.MAJOR for kind in OF_CONTRACTS if kind.value.approval)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a column taken from the key", "key from order_id, line to order_id"),
        ("a type widened", "type of line from INTEGER to BIGINT"),
        ("a column renamed", "column note is now remark"),
        ("a limit raised", "rule few_amounts_missing is loosened"),
        ("a relationship removed", "relationship customer_id to customers.customer_id is removed"),
        ("the port retired", "status from active to retired"),
    ],
)
def test_a_change_is_told_with_what_it_was_and_what_it_is(name: str, told: str) -> None:
    edited = Edited()
    MUTATIONS[name][0](edited)
    assert told in [change.what for change in changes(BEFORE, edited.agreed())]


def test_that_there_may_be_no_row_at_all_is_a_loosened_limit() -> None:
    before, after = Edited(), Edited()
    before.quality["has_rows"].update(mustBeGreaterThan=0)
    after.quality["has_rows"].pop("mustBeGreaterThan")
    after.quality["has_rows"].update(mustBeGreaterOrEqualTo=0)
    assert [change.kind for change in changes(before.agreed(), after.agreed())] == [Kind.RULE_LOOSENED]


def test_layout_comments_and_quotes_are_no_change() -> None:
    edited = GOOD.replace("version: 1.2.3", "# as agreed in spring\nversion: '1.2.3'")
    assert changes(BEFORE, agreed_in(contract(of_text(edited.encode(), "orders.odcs.yaml")))) == []


@pytest.mark.parametrize(
    ("bump", "least"), [(Bump.NONE, "1.2.3"), (Bump.PATCH, "1.2.4"), (Bump.MINOR, "1.3.0"), (Bump.MAJOR, "2.0.0")]
)
def test_a_bump_names_the_least_version_that_makes_it(bump: Bump, least: str) -> None:
    assert str(bump.least(Version(1, 2, 3))) == least


def test_a_version_below_1_is_no_exception() -> None:
    assert Bump.MAJOR.least(Version(0, 4, 1)) == Version(1, 0, 0)
