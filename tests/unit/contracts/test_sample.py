"""A sample keeps whatever contract it is made of, or says which rule or column stands in its way."""

import re
import string
from pathlib import Path
from typing import Any

import duckdb
import pytest
from building_block.contracts.sample import SAMPLE, make, of_pattern, write
from building_block.contracts.verify import misshapen, verify
from building_block.messages import Code, ProblemError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.contracts.conftest import agree

PATTERNS = [
    "^[A-Z]?[0-9]{6}$",
    "^C[0-9]+$",
    r"^\d{3}-\d{2,4}$",
    "^(new|paid|sent back)$",
    "^[[:alpha:]]{2,5}_[[:digit:]]$",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,3}$",
    "(?i)^ab*c{2}$",
    r"^\w+(,\w+)*$",
    "x.y",
    "[^a-z0-9]{3}",
    "^(?P<year>20[0-9]{2})(-(0[1-9]|1[0-2]))?\\z",
    "^[äöü]+$",
]
FORMATS = ["email", "uuid", "uri", "hostname", "ipv4", "ipv6"]

numbers = st.integers(-1000, 1000)


@st.composite
def column(draw: st.DrawFn, name: str, rows: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(["text", "integer", "decimal", "double", "day", "moment", "time", "boolean", "list"]))
    said: dict[str, Any] = {"name": name}
    options: dict[str, Any] = {}
    if kind == "text":
        said["logicalType"] = "string"
        match draw(
            st.sampled_from(["plain", "pattern", "format", "enum", "valid", "length", "hash", "cut", "examples"])
        ):
            case "pattern":
                options["pattern"] = draw(st.sampled_from(PATTERNS))
            case "format":
                options["format"] = draw(st.sampled_from(FORMATS))
            case "enum":
                values = draw(st.lists(st.text("ab'%é", min_size=1), min_size=1, unique=True))
                said["enum"] = [{"value": value} for value in values]
            case "valid":
                values = draw(st.lists(st.text("xyz", min_size=1), min_size=1, unique=True))
                rule = {"metric": "invalidValues", "arguments": {"validValues": values}, "mustBe": 0}
                missing = {"metric": "missingValues", "arguments": {"missingValues": [None, "q"]}, "mustBeLessThan": 5}
                said["quality"] = [rule, missing | {"unit": "percent"}]
            case "length":
                least = draw(st.integers(0, 20))
                options |= {"minLength": least, "maxLength": least + draw(st.integers(1, 20))}
            case "hash":
                said |= {"tags": ["pii"], "customProperties": [{"property": "masking", "value": "hash"}]}
                options["pattern"] = "^[0-9a-f]{64}$"
            case "cut":
                cut = [{"property": "masking", "value": "truncate"}, {"property": "maskingLength", "value": 3}]
                said |= {"tags": ["pii"], "customProperties": cut}
                options["maxLength"] = 3
            case "examples":
                said["examples"] = ["one", "two"]
    elif kind == "boolean":
        said["logicalType"] = "boolean"
    elif kind == "list":
        said |= {"logicalType": "array", "physicalType": draw(st.sampled_from(["varchar[]", "integer[]"]))}
        least = draw(st.integers(0, 4))
        options |= {"minItems": least, "maxItems": least + draw(st.integers(0, 3)), "uniqueItems": True}
    elif kind in ("integer", "decimal", "double"):
        physical = {
            "integer": ["tinyint", "smallint", "integer", "bigint", "uinteger", "hugeint"],
            "decimal": ["decimal(18,4)", "decimal(9,2)", "decimal(38,10)", "decimal(6,0)"],
            "double": ["double", "float"],
        }[kind]
        said |= {"logicalType": "integer" if kind == "integer" else "number"}
        said["physicalType"] = draw(st.sampled_from(physical))
        least = draw(st.integers(-100, 100))
        if said["physicalType"] == "uinteger":
            least = abs(least)
        if draw(st.booleans()):
            options[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = least
        if draw(st.booleans()):
            most = min(127, least + 2 * draw(st.integers(6, 1000)))
            options[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = most
        if draw(st.booleans()):
            options["multipleOf"] = draw(st.sampled_from([1, 2, 5] if kind == "integer" else [1, 2, 0.5]))
    else:
        said["logicalType"] = {"day": "date", "moment": "timestamp", "time": "time"}[kind]
        begin, end = {
            "day": ("2020-02-27", "2020-03-01"),
            "moment": ("2020-02-27 12:00:00", "2020-02-27 12:00:30.5"),
            "time": ("08:00:00", "17:30:00"),
        }[kind]
        if draw(st.booleans()):
            options[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = begin
        if draw(st.booleans()):
            options[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = end
    if draw(st.booleans()):
        said["required"] = True
    if options:
        said["logicalTypeOptions"] = options
    return said


@st.composite
def contracts(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Columns of all kinds, with a number or a text as the key, or two or three columns together."""
    columns = [draw(column(f"c{place}_{draw(st.sampled_from('aZ'))}", 100)) for place in range(draw(st.integers(1, 6)))]
    match draw(st.sampled_from(["number", "text", "together", "none"])):
        case "number":
            columns.append({"name": "id", "logicalType": "integer", "primaryKey": True, "required": True})
        case "text":
            key = {"name": "ref", "logicalType": "string", "unique": True, "required": draw(st.booleans())}
            columns.append(key | {"logicalTypeOptions": {"pattern": draw(st.sampled_from(PATTERNS[:3]))}})
        case "together":
            parts = [
                {"name": "shop", "logicalType": "string", "enum": [{"value": "a"}, {"value": "b"}]},
                {"name": "day", "logicalType": "date"},
                {"name": "open", "logicalType": "boolean"},
            ]
            columns += [
                part | {"primaryKey": True, "primaryKeyPosition": place + 1, "required": True}
                for place, part in enumerate(parts)
            ]
    return columns, [{"metric": "rowCount", "mustBeGreaterThan": 0}]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(contracts(), st.integers(1, 200), st.integers(0, 5))
def test_every_check_passes_on_every_sample(given_contract, rows, seed):
    columns, quality = given_contract
    port = agree(*columns, quality=quality)
    with duckdb.connect() as connection:
        make(connection, port, rows, seed)
        assert connection.execute(f"SELECT count(*) FROM {SAMPLE}").fetchone() == (rows,)
        assert misshapen(connection, SAMPLE, port.contract, "sample") == []
        assert [finding.rule.name for finding in verify(connection, SAMPLE, port.rules) if not finding.kept] == []
        for name in (one.name for one in port.contract.columns if one.standard.required):
            assert connection.execute(f'SELECT count(*) FROM {SAMPLE} WHERE "{name}" IS NULL').fetchone() == (0,)


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"\A([a-c]|\[[0-9a-z]{1,3}\]|\(x[a-d]{0,2}\)|\\d|\.){1,4}([*+?]|\{1,3\})?\Z"))
def test_texts_match_the_pattern_that_they_are_made_of(pattern):
    try:
        re.compile(pattern)
    except re.error:
        return
    values = of_pattern(f"^{pattern}$")
    with duckdb.connect() as connection:
        count = min(values.size, 500)
        made = f"SELECT {values.sql('k')} AS v FROM (SELECT range AS k FROM range({count}))"
        found = connection.execute(f"SELECT v FROM ({made}) WHERE NOT regexp_matches(v, ?)", [f"^{pattern}$"])
        assert found.fetchall() == []


def rows_of(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    return connection.execute(f"FROM {SAMPLE}").fetchall()


@pytest.mark.parametrize("threads", [1, 4])
def test_the_same_seed_gives_the_same_rows_in_the_same_order(connection, threads):
    port = agree(
        {"name": "id", "logicalType": "string", "unique": True, "logicalTypeOptions": {"pattern": "^[A-Z]?[0-9]{6}$"}},
        {"name": "day", "logicalType": "date"},
        {"name": "note", "logicalType": "string"},
    )
    found = []
    for seed, used in ((7, 1), (7, threads), (8, 1)):
        connection.execute(f"SET threads = {used}")
        make(connection, port, 20_000, seed)
        found.append(rows_of(connection))
    assert found[0] == found[1] != found[2]


def test_columns_do_not_follow_from_one_another(connection):
    port = agree(*({"name": name, "logicalType": "integer", "required": True} for name in "ab"))
    make(connection, port, 2000, 0)
    correlation, pairs = connection.execute(f"SELECT corr(a, b), count(DISTINCT (a, b)) FROM {SAMPLE}").fetchone()
    assert abs(correlation) < 0.1
    assert pairs > 1900


def test_what_may_be_empty_is_empty_here_and_there_and_a_hash_looks_like_one(connection):
    hashed = {"tags": ["pii"], "customProperties": [{"property": "masking", "value": "hash"}]}
    port = agree({"name": "customer", "logicalType": "string", **hashed}, {"name": "day", "logicalType": "date"})
    make(connection, port, 2000, 0)
    assert 0 < connection.execute(f"SELECT count(*) FROM {SAMPLE} WHERE customer IS NULL").fetchone()[0] < 200
    values = {value for (value,) in connection.execute(f"SELECT customer FROM {SAMPLE}").fetchall() if value}
    assert all(len(value) == 64 and not {*value} - {*string.hexdigits.lower()} for value in values)


def test_examples_are_taken_where_nothing_else_decides(connection):
    port = agree(
        {"name": "country", "logicalType": "string", "examples": ["France", "Spain"], "required": True},
        {"name": "units", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}, "examples": [3]},
    )
    make(connection, port, 100, 0)
    countries, units = connection.execute(
        f"SELECT list(DISTINCT country), count(DISTINCT units) FROM {SAMPLE}"
    ).fetchone()
    assert sorted(countries) == ["France", "Spain"]
    assert units > 10


NET = {"type": "sql", "id": "net", "mustBe": 0, "query": "SELECT count(*) FROM {object} WHERE net <> gross - back"}
MONEY = [
    {"name": name, "logicalType": "number", "physicalType": "decimal(18,2)", "required": True}
    for name in ("gross", "back", "net")
]


def test_a_rule_of_own_sql_that_the_sample_breaks_is_named_with_the_way_to_help(connection):
    with pytest.raises(ProblemError) as error:
        make(connection, agree(*MONEY, quality=[NET]), 100, 0)
    (problem,) = error.value.problems
    assert problem.code is Code.SAMPLE_RULE
    assert "rule net" in problem.what
    assert "sampleExpression" in problem.write


def test_a_column_follows_from_others_by_its_sample_expression(connection):
    derived = MONEY[2] | {"customProperties": [{"property": "sampleExpression", "value": "gross - back"}]}
    make(connection, agree(*MONEY[:2], derived, quality=[NET]), 100, 0)
    assert connection.execute(f"SELECT count(*) FROM {SAMPLE} WHERE net = gross - back").fetchone() == (100,)


@pytest.mark.parametrize(("expression", "told"), [("gros - back", "gros"), ("gross -", "syntax error")])
def test_a_sample_expression_that_does_not_fit_the_columns_fails_when_the_contract_is_read(expression, told):
    derived = MONEY[2] | {"customProperties": [{"property": "sampleExpression", "value": expression}]}
    with pytest.raises(ProblemError) as error:
        agree(*MONEY[:2], derived)
    (problem,) = error.value.problems
    assert problem.code is Code.CONTRACT_RULE
    assert told in problem.what
    assert problem.path == "schema[0].properties[2].customProperties[0]"


def test_a_sample_expression_whose_value_does_not_fit_in_some_row_is_told(connection):
    derived = {"name": "n", "logicalType": "integer", "physicalType": "tinyint"}
    derived["customProperties"] = [{"property": "sampleExpression", "value": "1000"}]
    with pytest.raises(ProblemError, match=r"BB630 .*does not fit"):
        make(connection, agree(derived), 10, 0)


@pytest.mark.parametrize(
    ("columns", "most"),
    [
        ([{"name": "a", "logicalType": "boolean", "unique": True}], 2),
        ([{"name": "a", "logicalType": "string", "unique": True, "logicalTypeOptions": {"pattern": "^[0-4]{2}$"}}], 25),
        (
            [
                {"name": "a", "logicalType": "boolean", "primaryKey": True, "primaryKeyPosition": 1, "required": True},
                {"name": "b", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 2, "required": True}
                | {"logicalTypeOptions": {"minimum": 1, "maximum": 7}},
            ],
            14,
        ),
    ],
)
def test_as_many_rows_are_made_as_a_key_has_values_and_no_more(connection, columns, most):
    port = agree(*columns)
    make(connection, port, most, 0)
    with pytest.raises(ProblemError, match=rf"BB630 .*at most {most} rows"):
        make(connection, port, most + 1, 0)


def test_days_without_bounds_are_as_many_as_the_rows(connection):
    make(connection, agree({"name": "day", "logicalType": "date", "unique": True, "required": True}), 1000, 0)
    first, count = connection.execute(f"SELECT min(day)::VARCHAR, count(DISTINCT day) FROM {SAMPLE}").fetchone()
    assert (first[:4], count) == ("2024", 1000)


def test_a_column_without_a_value_that_keeps_its_rules_is_told(connection):
    options = {"pattern": "^[0-9]$", "minLength": 5}
    with pytest.raises(ProblemError, match=r"BB630 .*no value of `a`.*`examples`"):
        make(connection, agree({"name": "a", "logicalType": "string", "logicalTypeOptions": options}), 10, 0)


def test_a_number_of_rows_that_the_contract_does_not_allow_is_told(connection):
    port = agree({"name": "a", "logicalType": "integer"}, quality=[{"metric": "rowCount", "mustBeGreaterThan": 50}])
    with pytest.raises(ProblemError, match=r"BB631 .*--rows"):
        make(connection, port, 10, 0)


def test_a_sample_that_fails_leaves_no_file_and_one_that_cannot_be_written_says_so(tmp_path: Path):
    broken, good = agree(*MONEY, quality=[NET]), agree(*MONEY)
    with pytest.raises(ProblemError, match="BB631"):
        write(broken, 10, 0, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProblemError, match=r"BB632 .*\.xlsx"):
        write(good, 10, 0, tmp_path / "a.xlsx")
    (tmp_path / "file").touch()
    with pytest.raises(ProblemError, match=r"BB632 .*cannot be written"):
        write(good, 10, 0, tmp_path / "file" / "a.csv")
