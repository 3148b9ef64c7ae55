"""Contracts: each fault planted in a good one ends in one message with code, line and what to write."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from _pytest.mark import ParameterSet
from building_block.contracts.rules import rules

from tests.unit.contracts.conftest import GOOD, load, messages

SALES = {"contracts/sales.odcs.yaml": GOOD, "dbt/models/published/sales.sql": "select 1"}
PII = "schema[0].properties[4]"
CHANNEL = "schema[0].properties[5]"
LAST = "schema[0].quality[2]"


def planted() -> Iterator[ParameterSet]:
    for block in Path(__file__).with_name("faults.txt").read_text(encoding="utf-8").split("\n\n")[1:]:
        lines = [(line[:1], line[2:]) for line in block.splitlines()]
        old, new, [message] = ([text for sign, text in lines if sign == which] for which in "-+=")
        end = "" if new else "\n"
        yield pytest.param("\n".join(old) + end, "\n".join(new), message, id=message)


def test_the_good_contract_keeps_standard_and_policy():
    sales = load(GOOD)
    assert [column.type for column in sales.contract.columns] == [
        "VARCHAR", "SMALLINT", "DATE", "TIMESTAMP", "VARCHAR", "VARCHAR", "DECIMAL(18,2)", "BOOLEAN",
    ]  # fmt: skip
    assert len(sales.rules) == 21
    assert [rule.name for rule in sales.rules if not rule.blocking] == ["channel_invalid_values"]


@pytest.mark.parametrize(("old", "new", "message"), tuple(planted()))
def test_a_fault_ends_in_one_message_at_its_line(old: str, new: str, message: str):
    assert old.strip() in GOOD
    assert messages(GOOD.replace(old, new, 1)) == [message]


def test_a_contract_without_a_key_is_refused():
    text = GOOD.replace("        primaryKey: true\n", "")
    assert messages(text) == [
        "BB617 13 schema[0]: the table has no key; write `primaryKey: true` at the column that tells its rows apart"
    ]


def test_personal_data_that_is_named_elsewhere_than_at_a_column_is_refused():
    text = GOOD[: GOOD.index("        tags: [pii]")] + GOOD[GOOD.index("      - name: channel") :]
    [message] = messages(text.replace("status: active", "status: active\ntags: [pii]"))
    assert message.startswith("BB614 6 tags: `pii` stands at no column; write `tags: [pii]` at each column")
    inside = """\
      - name: buyer
        description: Who bought it.
        logicalType: object
        physicalType: struct(email varchar)
        classification: confidential
        properties:
          - {name: email, logicalType: string, tags: [pii]}
    quality:
      - {metric: rowCount"""
    [message] = messages(GOOD.replace("    quality:\n      - {metric: rowCount", inside))
    assert message == (
        "BB614 79 schema[0].properties[8].properties[0].tags: a field inside of buyer is personal data, and only whole "
        "columns are masked; write the field as a column of its own, or leave it out"
    )
    [message] = messages(
        GOOD.replace("    quality:\n      - {metric: rowCount", inside.replace("tags: [pii]", "required: true"))
    )
    assert message.startswith(
        "BB606 79 schema[0].properties[8].properties[0].required: `required` of a field inside of"
    )


def test_each_of_many_faults_is_told_once_and_in_the_order_of_the_file():
    text = GOOD.replace("status: active", "statsu: active").replace("pii]", "pii, 7]")
    found = messages(text.replace("required: true", "required: 1").replace("mustBe: 0}", "mustBe: 0, mustBee: 1}"))
    assert [message.split(":")[0] for message in found] == [
        "BB602 5 statsu",
        "BB602 22 schema[0].properties[0].required",
        "BB602 31 schema[0].properties[1].required",
        "BB602 37 schema[0].properties[2].required",
        "BB602 48 schema[0].properties[4].tags[1]",
        "BB602 67 schema[0].properties[6].quality[0].mustBee",
        "BB602 76 schema[0].quality[2].mustBee",
    ]


def test_items_whose_key_above_is_gone_are_told_one_by_one_and_not_key_by_key():
    assert messages(GOOD.replace("slaProperties:\n", "")) == [
        f"BB602 {line} schema[{item}]: {keys} belong elsewhere; write the key that they belong under, or correct the "
        "indentation"
        for line, item, keys in (
            (77, 1, "`property`, `value`, `unit`, `element`"),
            (78, 2, "`property`, `value`, `unit`"),
        )
    ]


def test_an_empty_field_is_valid_whether_or_not_the_values_list_it():
    listed = GOOD.replace("{value: web}]", "{value: web}, {value: null}]").replace("[shop, web]", "[shop, null]")
    for text, wrong in ((GOOD, 1), (listed, 2)):
        found = [rule for rule in load(text).rules if rule.name in ("channel_enum", "channel_invalid_values")]
        rows = "(VALUES ('shop'), (NULL), ('mail'), ('web')) AS rows(channel)"
        counts = [duckdb.sql(f"SELECT count(*) FROM {rows} WHERE {rule.breaks}").fetchone()[0] for rule in found]
        assert counts == [1, wrong]


def port(name: str) -> str:
    return GOOD.replace("- name: sales", f"- name: {name}").replace("sales.sold_on", f"{name}.sold_on")


def own_query(query: str, must: str = "mustBe: 0") -> list[str]:
    text = GOOD.replace('"SELECT count(*) FROM {object} WHERE amount IS NULL", mustBe: 0', f"'{query}', {must}")
    assert text != GOOD
    return messages(text)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT count(*) FROM {object} WHERE amuont IS NULL",
         "the query names the column `amuont`, which is not there; write amount"),
        ("SELECT count({property}) FROM {object}",
         "the query says {property}, and the rule is of the whole table; write the column's name"
         ", or the rule under its column"),
        ("SELECT count(*), sum(amount) FROM {object}",
         "the query returns 2 columns; write one SELECT that returns one value"),
        ("SELECT max(email) FROM {object}",
         "the query returns VARCHAR, and mustBe is `0`; write one of them as the other"),
        ("SELECT count(* FROM {object}",
         "DuckDB does not take the query: syntax error at or near \"FROM\"; correct it; "
         "the columns are receipt, line, sold_on, sold_at, email, channel, amount, gift"),
        ("", "the query is not one SELECT; write one SELECT that returns one value"),
        ("-- SELECT 1", "the query is not one SELECT; write one SELECT that returns one value"),
        ("SELECT count(*) FROM {object}; DROP VIEW {object}",
         "the query is not one SELECT; write one SELECT that returns one value"),
        ("SELECT count(*) FROM {object}; COPY {object} TO ''/tmp/stolen.csv''",
         "the query is not one SELECT; write one SELECT that returns one value"),
        ("COPY {object} TO ''/tmp/stolen.csv''",
         "the query is not one SELECT; write one SELECT that returns one value"),
        ("ATTACH ''/tmp/other.duckdb''", "the query is not one SELECT; write one SELECT that returns one value"),
        ("INSTALL httpfs", "the query is not one SELECT; write one SELECT that returns one value"),
        ("SET threads = 1", "the query is not one SELECT; write one SELECT that returns one value"),
        ("PRAGMA database_list", "the query returns 3 columns; write one SELECT that returns one value"),
        ("SELECT count(*) FROM read_csv(''/etc/passwd'')",
         "the query reads more than the contract's own table; write FROM {object}, and no other"),
        ("SELECT size FROM read_text(''/etc/passwd'')",
         "the query reads more than the contract's own table; write FROM {object}, and no other"),
        ("SELECT count(*) FROM glob(''/*'')",
         "the query reads more than the contract's own table; write FROM {object}, and no other"),
        ("SELECT count(*) FROM ''/etc/passwd''",
         "the query reads more than the contract's own table; write FROM {object}, and no other"),
        ("SELECT count(*) FROM query(''FROM read_csv(\"/etc/passwd\")'')", None),
        ("SELECT count(*) FROM contract",  # a variable of the Python that asks
         "the query reads more than the contract's own table; write FROM {object}, and no other"),
    ],
)  # fmt: skip
def test_a_query_is_one_select_of_one_value_from_the_contracts_own_table(query: str, fault: str | None):
    [message] = own_query(query)
    assert message.startswith(f"BB606 76 {LAST}.query: ")
    assert fault is None or message == f"BB606 76 {LAST}.query: {fault}"


def test_what_a_query_returns_may_be_text_or_true_where_the_contract_says_so():
    for query, must in (("SELECT max(channel)", "mustBe: web"), ("SELECT bool_and(gift)", "mustBe: true")):
        text = GOOD.replace(
            '"SELECT count(*) FROM {object} WHERE amount IS NULL", mustBe: 0', f'"{query} FROM {{object}}", {must}'
        )
        assert load(text).rules[-1].name == "all_paid"


@pytest.mark.parametrize(
    ("files", "beginnings"),
    [
        ({}, []),
        ({"contracts/README.md": "text", "contracts/.hidden.yaml": "?"}, []),
        ({"dbt/models/published/late.sql": ""},
         ["BB607 dbt/models/published/late.sql:1: the model is published without"]),
        ({"dbt/models/published/sales.yml": "version: 2\nmodels:\n- name: sales\n"},
         ["BB650 dbt/models/published/sales.yml:3: `sales` is described by contracts/sales.odcs.yaml now, and dbt "
          "takes one description of a model; remove the file"]),
        ({"dbt/models/all.yaml": "models:\n- name: sales\n- {name: others, columns: [{name: sales}]}\n"},
         ["BB650 dbt/models/all.yaml:2: `sales` is described by contracts/sales.odcs.yaml now, and dbt takes one "
          "description of a model; remove `sales` from it"]),
        ({"dbt/models/published/sales.yml": "models: [{name: sales}]\nunit_tests: []\n"},
         ["BB650 dbt/models/published/sales.yml:1: `sales` is described by contracts/sales.odcs.yaml now, and dbt "
          "takes one description of a model; remove `sales` from it"]),
        ({"dbt/models/a.yml": "models: [sales", "dbt/models/b.yml": "sales", "dbt/models/c.yml": "models: sales\n",
          "dbt/models/d.yml": "models: [sales, {name: {sales: 1}}]\n",
          "dbt/models/e.yml": "sources: [{name: sales}]\n"},
         []),
        ({"contracts/late.odcs.yaml": port("late")},
         ["BB607 contracts/late.odcs.yaml:13 schema[0].name: no model gives what the contract of `late` promises; "
          "write dbt/models/published/late.sql"]),
        ({"contracts/late.odcs.yaml": port("late"),
          "dbt/models/published/lates.sql": ""},
         ["BB607 contracts/late.odcs.yaml:13 schema[0].name: no model gives what the contract of `late` promises; "
          "write dbt/models/published/late.sql, or rename the contract to lates"]),
        ({"contracts/late.odcs.yaml": GOOD, "dbt/models/published/late.sql": ""},
         ["BB607 contracts/late.odcs.yaml:13 schema[0].name: `sales` is under contract in contracts/sales.odcs.yaml "
          "already; write `name: late`, or drop one of the two files"]),
        ({"contracts/late.odcs.yaml": port("lates"),
          "dbt/models/published/lates.sql": ""},
         ["BB607 contracts/late.odcs.yaml:13 schema[0].name: the table is called `lates` and the file late.odcs.yaml; "
          "write `name: late`, or rename the file to lates.odcs.yaml"]),
        ({"contracts/late.yaml": GOOD, "dbt/models/published/late.sql": ""},
         ["BB607 contracts/late.yaml:1: a contract's name ends otherwise; rename it to late.odcs.yaml"]),
        ({"contracts/old/late.odcs.yaml": GOOD},
         ["BB607 contracts/old/late.odcs.yaml:1: a contract in this folder is not read; move it to "
          "contracts/late.odcs.yaml"]),
        ({"contracts/late.odcs.yaml": "[", "dbt/models/published/late.sql": ""},
         ["BB601 contracts/late.odcs.yaml:2: not YAML"]),
        ({"contracts/late.odcs.yaml": "", "dbt/models/published/late.sql": ""},
         ["BB601 contracts/late.odcs.yaml:1: the file is empty; write `apiVersion: v3.2.0`"]),
        ({"contracts/late.odcs.yaml/x": ""}, ["BB601 contracts/late.odcs.yaml:1: the file cannot be read"]),
        ({"contracts/consumes/rates.odcs.yaml": GOOD},
         ["BB607 contracts/consumes/rates.odcs.yaml:13 schema[0].name: the table is called `sales` and the file "
          "rates.odcs.yaml; write `name: rates`"]),
    ],
)  # fmt: skip
def test_contracts_and_published_models_are_one_to_one(linted, files: dict[str, str], beginnings: list[str]):
    found = linted(SALES | files)
    assert len(found) == len(beginnings), found
    for message, beginning in zip(found, beginnings, strict=True):
        assert message.startswith(beginning), message


def test_the_owners_of_what_is_consumed_answer_for_its_policy(linted):
    assert linted(SALES | {"contracts/consumes/sales.odcs.yaml": GOOD.replace("        tags: [pii]\n", "")}) == []


def test_no_levels_of_nesting_end_the_process():
    for text in ("[" * 100_000 + "]" * 100_000, "{a: " * 20_000 + "}" * 20_000):
        assert messages(text) == ["BB601 1: not a contract: more than 50 levels deep; write fewer levels"]


def test_the_rules_of_the_good_contract_have_names_of_their_own():
    names = [rule.name for rule in rules(load(GOOD).contract)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("logical", "physical"),
    [
        ("integer", "hugeint"),
        ("object", "struct(total hugeint)"),
        ("array", "integer[3]"),
        ("array", "enum('a')[]"),
    ],
)
def test_a_type_that_a_parquet_file_does_not_keep_is_refused(logical, physical):
    column = f"""\
      - name: total
        description: Of all.
        logicalType: {logical}
        physicalType: "{physical}"
        classification: internal
    quality:
      - {{metric: rowCount"""
    [message] = messages(GOOD.replace("    quality:\n      - {metric: rowCount", column))
    assert message.startswith("BB604 76 schema[0].properties[8].physicalType: a parquet file, as which `total` is publ")
