"""What a platform engineer is asked, what is refused, and what a name becomes."""

from zoneinfo import ZoneInfo

import copier
import pytest
import yaml

from tests.conftest import answers
from tools import time_zones
from tools.ownership import ROOT
from tools.reserved_names import FILE, reserved_names

CONFIGURATION = {
    key: value
    for document in yaml.safe_load_all((ROOT / "copier.yml").read_text(encoding="utf-8"))
    for key, value in document.items()
}
ASKED = [key for key, value in CONFIGURATION.items() if not key.startswith("_") and value.get("when") is not False]


def stamp(folder, **changes):
    data = answers("minimal") | changes
    return copier.run_copy(str(ROOT), folder, data=data, defaults=True, vcs_ref="HEAD", quiet=True, pretend=True)


def refusal(folder, **changes) -> str:
    with pytest.raises(ValueError) as error:
        stamp(folder, **changes)
    return str(error.value)


def test_there_are_at_most_eight_questions():
    assert len(ASKED) <= 8


def test_nobody_needs_trust():
    assert not {"_tasks", "_migrations", "_jinja_extensions", "_secret_questions"} & CONFIGURATION.keys()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Sales", "sales"),
        ("Sales & Marketing", "sales_marketing"),
        ("Größen & Maße's 2", "groessen_masses_2"),
        ("  Web-Shop (EMEA)  ", "web_shop_emea"),
        ("R&D", "r_d"),
    ],
)
def test_a_name_becomes_a_slug_that_is_safe_everywhere(tmp_path, name, slug):
    assert stamp(tmp_path, domain_name=name).answers.combined["domain_slug"] == slug


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "24 Sales",
        "営業",
        "Café",
        "Sales" * 16,
        "class",
        "Match",
        "test",
        "Dagster",
        "dbt",
        "duckdb",
        "platform",
        "Building Block",
        "staging",
        "Published",
        "raw",
        "json",
        "distutils",
        "typer",
        "con",
        "!!!",
        "_",
    ],
)
def test_a_name_that_would_break_something_is_refused_in_a_sentence_with_an_example(tmp_path, name):
    message = refusal(tmp_path, domain_name=name)
    assert "'domain_name'" in message
    assert "for example " in message


@pytest.mark.parametrize(
    "changes",
    [
        {"repository_url": "acme/sales"},
        {"repository_url": "https://github.com/acme"},
        {"repository_url": "https://github.com/acme/sales data"},
        {"repository_url": 'https://github.com/acme/"sales'},
        {"owner_team": "Sales Team"},
        {"owner_team": "@acme/sales"},
        {"owner_team": "-sales"},
        {"owner_email": "sales"},
        {"owner_email": "sales@acme"},
        {"owner_email": "a b@acme.com"},
        {"domain_purpose": "two\nlines"},
        {"domain_purpose": "a bell \x07 and a delete \x7f"},
        {"repository_url": "https://github.com/acme/sales-data\n"},
        {"owner_team": "sales-data\n"},
        {"owner_email": "sales-data@acme.com\n"},
        {"domain_purpose": "x" * 201},
        {"domain_timezone": "Europe/Zurick"},
        {"domain_timezone": "CET"},
        {"domain_timezone": "UTC\n"},
    ],
)
def test_every_other_wrong_answer_is_refused_with_an_example(tmp_path, changes):
    message = refusal(tmp_path, **changes)
    assert all(f"'{question}'" in message for question in changes)
    assert "for example " in message


def test_the_reserved_names_are_those_of_this_environment():
    # Another Python than the one that wrote the file may have fewer modules, never names that the file lacks.
    missing = reserved_names() - set(FILE.read_text().split())
    assert not missing, "write `make template`"


def test_every_time_zone_that_may_be_answered_is_one_of_python():
    listed = time_zones.FILE.read_text().split()
    assert {"UTC", "Europe/Zurich", "America/New_York"} < set(listed)
    assert all(ZoneInfo(name) for name in listed)
