"""Rows at the entrance: which come in under a contract, which are kept apart, and what stops a partition."""

import signal
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
import yaml
from building_block.ingest.entrance import Entrance
from building_block.ingest.spec import IngestSpec, load_specs
from building_block.messages import ProblemError
from building_block.project import Project
from building_block.warehouse.io_manager import CONFIDENTIAL

from tests.unit.ingest.conftest import DAY, Shop

CONTRACT = {
    "apiVersion": "v3.2.0",
    "kind": "DataContract",
    "id": "t",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "t",
            "properties": [
                {"name": "id", "logicalType": "integer", "unique": True},
                {"name": "name", "logicalType": "string", "required": True, "logicalTypeOptions": {"maxLength": 3}},
            ],
        }
    ],
}
LANDED = "id,name\n1,abc\n2,abcd\n2,ab\n3,\n1,abcde\n2,b\n,c\n,d\n"
HEADER = "id,name\n"


def under(
    shop: Shop, contract: dict = CONTRACT, on_violation: str | None = "quarantine", **others: object
) -> IngestSpec:
    folder = shop.root / "contracts/consumes"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "t.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    return shop.spec(contract="t", on_violation=on_violation, **others)


def with_quality(*quality: dict, of: str = "table") -> dict:
    table = CONTRACT["schema"][0]
    if of == "table":
        return CONTRACT | {"schema": [table | {"quality": list(quality)}]}
    columns = [one | ({"quality": list(quality)} if one["name"] == of else {}) for one in table["properties"]]
    return CONTRACT | {"schema": [table | {"properties": columns}]}


def let_in(shop: Shop, spec: IngestSpec, *days: str) -> tuple[list, list[dict], list[dict]]:
    with Entrance.open(Project(shop.root), spec) as entrance:
        judged = [entrance.judge(spec.source.read(shop.root, day, spec), day) for day in days or (DAY,)]
        return judged, entrance.quarantined().read_all().to_pylist(), entrance.admitted().read_all().to_pylist()


KILLED = """
import os, signal, sys
from pathlib import Path
from building_block.ingest.entrance import Entrance
from building_block.ingest.spec import load_specs
from building_block.project import Project
root = Path(sys.argv[1])
[spec] = load_specs(root / "ingest", root)
with Entrance.open(Project(root), spec) as entrance:
    entrance.judge(spec.source.read(root, "2020-01-02", spec), "2020-01-02")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_let_in_is_gone_when_the_next_one_begins(shop: Shop) -> None:
    shop.land(LANDED)
    spec, folder = under(shop), shop.root / "data/scratch"
    died = subprocess.run([sys.executable, "-c", KILLED, str(shop.root)], capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert [*folder.glob("*/rows.db")]
    with Project(shop.root).scratch() as at_work:
        let_in(shop, spec)
        assert {*folder.iterdir()} == {at_work, at_work.with_suffix(".lock")}


def refusal(shop: Shop, spec: IngestSpec) -> str:
    with pytest.raises(ProblemError) as caught:
        let_in(shop, spec)
    return str(caught.value)


def test_rows_that_break_a_rule_are_kept_apart_with_its_name_and_the_others_come_in(shop: Shop) -> None:
    shop.land(LANDED)
    [judged], apart, admitted = let_in(shop, under(shop))
    assert [(row["id"], row["name"], row["_broken_rules"]) for row in apart] == [
        (2, "abcd", ["name_max_length"]),
        (3, None, ["name_not_null"]),
        (1, "abcde", ["name_max_length"]),
        (2, "b", ["id_unique"]),
    ]
    assert [(row["id"], row["name"]) for row in admitted] == [(1, "abc"), (2, "ab"), (None, "c"), (None, "d")]
    assert (judged.rows, judged.quarantined) == (8, 4)
    assert judged.by_rule == {"id_unique": 1, "name_max_length": 2, "name_not_null": 1}
    assert apart[0]["_source_file"] == f"{DAY}.csv"
    assert apart[0]["_partition_key"] == DAY


def test_a_row_that_breaks_several_rules_is_kept_apart_once(shop: Shop) -> None:
    shop.land(HEADER + "1,abcd\n")
    contract = with_quality({"metric": "invalidValues", "arguments": {"validValues": ["abc"]}, "mustBe": 0}, of="name")
    [judged], apart, admitted = let_in(shop, under(shop, contract))
    assert [row["_broken_rules"] for row in apart] == [["name_max_length", "name_invalid_values"]]
    assert (judged.quarantined, admitted) == (1, [])


def test_no_row_is_lost_over_several_days_and_each_day_is_judged_by_itself(shop: Shop) -> None:
    days = ["2020-01-02", "2020-01-03", "2020-01-04"]
    shop.land(LANDED, f"{days[0]}.csv")
    shop.land(HEADER + "1,abc\n", f"{days[1]}.csv")
    shop.land(LANDED, f"{days[2]}.csv")
    judged, apart, admitted = let_in(shop, under(shop), *days)
    assert [one.rows for one in judged] == [8, 1, 8]
    assert len(apart) + len(admitted) == 17
    assert Counter(row["_partition_key"] for row in apart) == {days[0]: 4, days[2]: 4}
    assert [row["_partition_key"] for row in admitted] == [days[0]] * 4 + [days[1]] + [days[2]] * 4


def test_rows_keep_the_order_of_their_file(shop: Shop) -> None:
    shop.land(HEADER + "".join(f"{n},{'long' if n % 3 == 0 else 'ok'}\n" for n in range(300_000)))
    _, apart, admitted = let_in(shop, under(shop))
    assert len(apart) == 100_000
    for rows in (apart, admitted):
        assert all(one["id"] < other["id"] for one, other in pairwise(rows))


def test_a_partition_that_breaks_a_rule_is_stopped_where_nothing_is_said_of_quarantine(shop: Shop) -> None:
    shop.land(LANDED)
    refused = refusal(shop, under(shop, on_violation=None)).splitlines()
    assert [line.split(";")[0] for line in refused] == [
        "BB609 contracts/consumes/t.odcs.yaml:11 schema[0].properties[0].unique: rule id_unique: id is never repeated. "
        "3 rows break it",
        "BB609 contracts/consumes/t.odcs.yaml:14 schema[0].properties[1].required: rule name_not_null: name is never "
        "empty. 1 row breaks it",
        "BB609 contracts/consumes/t.odcs.yaml:16 schema[0].properties[1].logicalTypeOptions.maxLength: rule "
        "name_max_length: name has at most 3 characters. 2 rows break it",
    ]
    assert refused[0].endswith(
        f"correct what landed for {DAY} and land it again, or write `on_violation: quarantine` in ingest/t.yaml"
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "rowCount", "mustBeGreaterThan": 100, "name": "enough"},
        {"type": "sql", "query": "SELECT sum(id) FROM {object}", "mustBe": 17, "name": "enough"},
    ],
)
def test_a_rule_of_the_whole_table_stops_the_partition_even_with_a_quarantine(shop: Shop, rule: dict) -> None:
    shop.land(LANDED)
    refused = refusal(shop, under(shop, with_quality(rule)))
    assert "rule enough" in refused
    assert "no single row can be told to be the one that breaks it" in refused


def test_a_rule_of_the_whole_table_is_asked_of_the_rows_that_come_in(shop: Shop) -> None:
    shop.land(LANDED)
    rule = {
        "type": "sql",
        "query": "SELECT count(*) FROM {object} WHERE length(name) > 3",
        "mustBe": 0,
        "name": "short",
    }
    _, apart, admitted = let_in(shop, under(shop, with_quality(rule)))
    assert (len(apart), len(admitted)) == (4, 4)


def test_a_tolerance_keeps_no_row_apart_and_stops_the_partition_beyond_it(shop: Shop) -> None:
    shop.land(HEADER + "1,a\n2,b\n3,c\n,d\n")
    tolerated = {"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 25, "name": "few"}
    _, apart, admitted = let_in(shop, under(shop, with_quality(tolerated, of="id")))
    assert (len(apart), len(admitted)) == (0, 4)
    assert "rule few" in refusal(shop, under(shop, with_quality(tolerated | {"mustBeLessOrEqualTo": 24}, of="id")))


def test_a_rule_that_only_warns_keeps_nothing_out_and_is_told(shop: Shop) -> None:
    shop.land(HEADER + "1,a\n,b\n")
    warning = {"metric": "nullValues", "mustBe": 0, "severity": "warning", "name": "known"}
    [judged], apart, admitted = let_in(shop, under(shop, with_quality(warning, of="id")))
    assert ([one.rule.name for one in judged.warnings], len(apart), len(admitted)) == (["known"], 0, 2)


def test_a_fault_in_the_file_is_told_as_without_a_contract(shop: Shop) -> None:
    shop.land(HEADER + "x,a\n")
    spec = under(shop)
    assert refusal(shop, spec).splitlines() == shop.problems(spec)


def test_rules_reach_nothing_but_the_rows(shop: Shop) -> None:
    shop.land(HEADER + "1,a\n")
    secret = shop.land("x\n", "secret.csv")
    rule = {"type": "sql", "query": f"SELECT count(*) FROM read_csv('{secret}')", "mustBe": 1}
    with pytest.raises(ProblemError, match="reads more than the contract's own table"):
        under(shop, with_quality(rule))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"id": "integer"},
            "BB608 ingest/t.yaml:11 columns: contracts/consumes/t.odcs.yaml promises the column `name`, which is not "
            "read; write `- {name: name, type: …}`, or take it out of the contract",
        ),
        (
            {"id": "string", "name": "string"},
            "BB608 ingest/t.yaml:13 columns[0].type: contracts/consumes/t.odcs.yaml promises BIGINT, and `id` is read "
            "as VARCHAR; write one of the two as the other",
        ),
    ],
)
def test_a_contract_that_does_not_fit_the_columns_is_refused_at_their_line(shop, columns, message) -> None:
    with pytest.raises(ProblemError) as caught:
        under(shop, columns=columns)
    assert str(caught.value) == message


def test_a_contract_that_is_not_there_is_refused_with_the_nearest_one(shop: Shop) -> None:
    under(shop)
    with pytest.raises(ProblemError) as caught:
        shop.spec(contract="tt")
    assert str(caught.value) == "BB607 ingest/t.yaml:16: no contract `tt`; write t"


def test_a_quarantine_without_a_contract_is_refused(refused) -> None:
    content = "description: x\nsource: {kind: file, format: csv, folder: f, pattern: p.csv, when_missing: fail}\n"
    content += "columns: [{name: a, type: string}]\n"
    [message] = refused(t__yaml=content + "on_violation: quarantine\n")
    assert message == (
        "BB103 ingest/t.yaml:4 on_violation: nothing says what may be violated; write `contract:` with a file of "
        "contracts/consumes/"
    )


def test_a_table_of_the_quarantines_name_is_refused(shop: Shop) -> None:
    under(shop)
    content = (shop.root / "ingest/t.yaml").read_text()
    (shop.root / "ingest/t_quarantine.yaml").write_text(
        content.replace("contract: t\n", "").replace("on_violation: quarantine\n", "")
    )
    with pytest.raises(ProblemError) as caught:
        load_specs(shop.root / "ingest", shop.root)
    assert str(caught.value) == (
        "BB104 ingest/t_quarantine.yaml:1: table `t_quarantine` is ingest/t.yaml's already; write another `table:`, or "
        "drop a file"
    )


@pytest.mark.parametrize(
    ("declared", "promised"),
    [
        ({"pii": True}, {}),
        ({"pii": True, "classification": "public"}, {}),
        ({}, {"tags": ["pii"]}),
        ({"classification": "public"}, {"classification": "restricted"}),
    ],
)
def test_personal_data_and_what_a_contract_calls_confidential_is_shown_nowhere(shop: Shop, declared, promised) -> None:
    column = {"name": "id", "logicalType": "integer", "physicalType": "integer"} | promised
    contract = CONTRACT | {"schema": [{"name": "t", "properties": [column]}]}
    spec = under(shop, contract, columns={"id": {"type": "integer"} | declared})
    shop.land("id\nada@example.com\n")
    assert "a value does not fit" in refusal(shop, spec)
    assert spec.classification_of(spec.columns[0]) in CONFIDENTIAL  # nor by a preview
