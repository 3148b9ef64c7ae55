"""Whatever stands in a contract, it loads or is told in whole messages; nothing else is ever raised."""

import re
from itertools import chain

import pytest
import yaml
from building_block.messages import ProblemError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.contracts import malformed
from tests.unit.contracts.conftest import FILE, GOOD, load

PYTHON = re.compile(
    r"\b(None|True|False|nan|inf|dict|NoneType|Traceback|pydantic|jsonschema|Input should be|bb_contract_data)\b"
    r"|<class|\w+Error\b"
)


def told(text: str | bytes) -> list[str]:
    """Return the messages about a contract, each checked to be one; none when it loads."""
    try:
        load(text)
    except ProblemError as error:
        lines = len(text.splitlines())
        for problem in error.problems:
            file, line = problem.where.split(":")
            assert file == FILE
            assert 1 <= int(line) <= lines + 1, problem
            assert problem.code.startswith("BB6")
            for part in (problem.what, problem.write):
                assert part.strip() == part
                assert part
                assert len(part) < 500, problem
            assert str(problem).isprintable(), problem
            assert not PYTHON.search(f"{problem.what}; {problem.write}"), problem
        assert len(set(map(str, error.problems))) == len(error.problems)
        return [str(problem) for problem in error.problems]
    return []


def test_400_malformed_contracts_load_or_are_told_in_whole_messages():
    found = {name: told(text) for name, text in chain(malformed.of_values(250), malformed.of_text(150))}
    codes = {message[:5] for messages in found.values() for message in messages}
    assert codes >= {"BB601", "BB602", "BB603", "BB604", "BB606", "BB612", "BB615", "BB616"}
    assert sum(map(bool, found.values())) > 250


@given(text=st.text(max_size=200))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_is_told(text: str):
    assert told(text.encode("utf-8", "surrogatepass"))


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    ),
    place=st.sampled_from(
        ["[shop, web]", "[receipt, sold_on]", '["", n/a]', "{format: email}", "[-10, 1000]", "truncate"]
    ),
)
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_in_a_rule_is_taken_or_told(value: object, place: str):
    written = (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).removesuffix("...\n").strip()
    )
    told(GOOD.replace(place, written))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"\xef\xbb\xbf", "id: größe".encode("latin-1"), b"a: 0x" + b"f" * 5000]
)
def test_bytes_that_are_no_contract_are_told(content: bytes):
    [message, *_] = told(content)
    assert message.startswith(("BB601", "BB602"))
