"""What a release may change: every kind of change is seen, and every release that there is kept the policy."""

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from building_block.contracts.changes import Bump
from packaging.version import Version

from tests.conftest import StampedProject
from tools.ownership import ROOT
from tools.releases import UNRELEASED, recorded, sections
from tools.surface import WORKING_TREE, checkout, surface
from tools.surface.__main__ import compare
from tools.surface.difference import Change, Declared, bump, difference, needed, refusals
from tools.surface.entry import Part, Surface
from tools.surface.verdicts import KINDS, Kind

RELEASES = [*recorded(ROOT)]
MESSAGES = "template/platform/building_block/messages.py"
PYPROJECT = "template/platform/pyproject.toml"
INGEST = "template/platform/schemas/ingest.json"
CONTRACT = "template/platform/schemas/contract.json"
COLUMN = "template/platform/building_block/contracts/column.py"
RULES = "template/platform/building_block/contracts/rules.py"
BOUNCER = "template/platform/dbt-bouncer.yml"
SCHEMA_NAME = "template/platform/dbt/macros/generate_schema_name.sql"
UNIQUE = "template/platform/dbt/tests/generic/bb_unique_together.sql"
CLI = "template/platform/building_block/contracts/command.py"
AUTOMATION = "template/platform/building_block/automation.py"
APPLY = 'Annotated[bool, typer.Option("--apply", help="Remove it; without this nothing is changed.")]'
CHECK = "template/platform/building_block/data_check.py"
PROJECT = "template/platform/building_block/project.py"
DEFAULT = "\"{{ domain_description | default('Data products of ' ~ domain_name ~ '.') }}\""
QUESTION = "\nregion:\n  type: str\n  help: Where?\n  choices: [north, south]\n  default: north\n"
WARNS = re.search(r"\n\n\nWARNINGS.*", (ROOT / MESSAGES).read_text(encoding="utf-8"))[0]
WARNS_OF_ONE_MORE = re.sub(r"frozenset\((?:\{(.*)\})?\)", r"frozenset({Code.PLANTED, \1})", WARNS)
CODE = '    INGEST_YAML = "BB101"\n'


# The releases that there are ------------------------------------------------------------------------------------------


def test_every_release_changed_no_more_than_its_version_says():
    for old, new in pairwise(RELEASES):
        changes, declared, _ = compare(ROOT, old, new)
        raised = bump(Version(old), Version(new))
        assert refusals(changes, declared, Version(old), raised) == [], f"{old} to {new}"


def test_what_is_unreleased_changes_no_more_than_the_changelog_says():
    changes, declared, implied = compare(ROOT, RELEASES[-1], WORKING_TREE)
    unreleased = sections(ROOT)[UNRELEASED]
    assert bool(changes) <= bool(unreleased.body), "units are told nothing of what changed for them"
    if changes or unreleased.body:
        assert refusals(changes, declared, Version(RELEASES[-1]), implied) == []


def test_the_first_release_is_read_as_whole_as_the_working_tree(whole):
    """Read, not run: the first release has neither the schema of contracts nor rules for them."""
    with checkout(ROOT, recorded(ROOT)["v0.1.0"]) as root:
        first = surface(root)
    assert {"answer.domain_name", "task.build", "message.BB101", "ingest.source.csv.delimiter"} <= first.keys()
    assert "contract.team" not in first
    assert {entry.part for entry in first.values()} <= {entry.part for entry in whole.values()}


def test_the_surface_has_what_units_are_told_of(whole):
    assert {
        "answer.owner_email",
        "path./platform/",
        "seed./dbt/models/marts/orders_cleaned.sql",
        "file./ruff.toml",
        "ingest.columns.type = bigint",
        "ingest.source.xlsx.sheet",
        "contract.schema.properties.logicalTypeOptions.minimum",
        "rule.metrics.invalidValues.validValues",
        "rule.masking.hash",
        "rule.change.COLUMN_REMOVED",
        "task.contracts",
        "pixi-task.build",
        "test.bb_unique_together(columns)",
        "macro.generate_schema_name",
        "message.BB622",
        "command.contracts.gate(against)",
        "python.building_block.automation.when_data_changes",
        "python.building_block.data_check.check(contract)",
        "python.building_block.project.Project.data",
        "python.building_block.components.IngestFolder",
        "fixture.warehouse",
        "sensor.bb_landing",
        "sensor.bb_automation",
        "job.bb_retention",
        "schedule.bb_retention",
        "resource.io_manager",
        "resource.dbt",
        "variable.BUILDING_BLOCK_DATA",
        "variable.BUILDING_BLOCK_MASKING_KEY",
        "slot.settings/tasks.toml",
        "slot.settings/profiles.yml",
        "hook.platform-files",
        "lint.ruff.E",
        "entry-point.pytest11.building_block",
        "extra.polars",
        "dependency.duckdb.below",
        "requires-python.3.11",
        "copier.at_least",
    } <= whole.keys()
    assert {entry.part for entry in whole.values()} == set(Part) - {Part.CHOICE}  # no question has choices yet


# One change at a time -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def copy(tmp_path_factory) -> Path:
    """A copy of the working tree; for reading only."""
    folder = tmp_path_factory.mktemp("copy") / "repository"
    with checkout(ROOT, WORKING_TREE) as root:
        shutil.copytree(root, folder, ignore=shutil.ignore_patterns("benchmarks"))
    return folder


@pytest.fixture(scope="session")
def whole(copy) -> Surface:
    return surface(copy)


@pytest.fixture
def tree(copy, tmp_path) -> StampedProject:
    """The same, to change at will."""
    return StampedProject(shutil.copytree(copy, tmp_path / "repository"))


def changed(tree: StampedProject, before: Surface) -> dict[str, Kind]:
    declared = Declared.of(tree.root)
    return {change.name: change.kind for change in difference(before, surface(tree.root), declared.new_ground)}


PLANTS = {
    "a question is renamed": (
        ("copier.yml", "\nowner_team:\n", "\nowner_group:\n"),
        {"answer.owner_team": Kind.QUESTION_REMOVED, "answer.owner_group": Kind.QUESTION_ADDED},
    ),
    "a question gets another type": (
        ("copier.yml", "\nowner_team:\n  type: str", "\nowner_team:\n  type: int"),
        {"answer.owner_team": Kind.QUESTION_CHANGED},
    ),
    "a question is no longer asked": (
        ("copier.yml", "\nowner_team:\n  type: str", "\nowner_team:\n  when: false\n  type: str"),
        {"answer.owner_team": Kind.QUESTION_CHANGED},
    ),
    "a question with a default is added": (
        ("copier.yml", "\nowner_team:\n", f"{QUESTION}\nowner_team:\n"),
        {"answer.region": Kind.QUESTION_ADDED},
    ),
    "a question without a default is added": (
        ("copier.yml", "\nowner_team:\n", "\nregion:\n  type: str\n  help: Where?\n\nowner_team:\n"),
        {"answer.region": Kind.QUESTION_NEEDED},
    ),
    "a question loses its default": (
        ("copier.yml", f"  default: {DEFAULT}\n", ""),
        {
            "answer.domain_purpose": Kind.QUESTION_NEEDED,
            "answer.domain_purpose.default": Kind.QUESTION_ADDED,
        },
    ),
    "a default is changed": (
        ("copier.yml", "default('Data products of", "default('Products of"),
        {"answer.domain_purpose.default": Kind.QUESTION_ADDED},
    ),
    "a validator is changed": (
        ("copier.yml", "length > 200", "length > 100"),
        {"answer.domain_purpose.validator": Kind.VALIDATOR_CHANGED},
    ),
    "a name is reserved": (
        ("jinja/reserved-names.txt", "\nzlib\n", "\nzlib\nzoo\n"),
        {"answer.domain_name.reserved.zoo": Kind.VALIDATOR_CHANGED},
    ),
    "a name is free again": (
        ("jinja/reserved-names.txt", "\nzlib\n", "\n"),
        {"answer.domain_name.reserved.zlib": Kind.QUESTION_ADDED},
    ),
    "a path changes its class": (
        ("copier.yml", "    - /AGENTS.md\n", ""),
        {"path./AGENTS.md": Kind.CLASS_CHANGED, "seed./AGENTS.md": Kind.SEED_REMOVED},
    ),
    "a path of the unit's is claimed": (
        ("copier.yml", "    - /ruff.toml\n", "    - /ruff.toml\n    - /Makefile\n"),
        {"path./Makefile": Kind.PATH_CLAIMED},
    ),
    "a path below the reserved prefix is added": (
        ("copier.yml", "    - /ruff.toml\n", "    - /ruff.toml\n    - /platform-notes.md\n"),
        {"path./platform-notes.md": Kind.PATH_ADDED},
    ),
    "a key of an ingest file is renamed": (
        (INGEST, '"undeclared_columns": {', '"other_columns": {'),
        {"ingest.undeclared_columns": Kind.KEY_REMOVED, "ingest.other_columns": Kind.KEY_ADDED},
    ),
    "a default of an ingest file is another": (
        (INGEST, '"default": "block"', '"default": "quarantine"'),
        {"ingest.on_violation": Kind.KEY_REMOVED},
    ),
    "a key of an ingest file must be there": (
        (INGEST, '    "columns",\n    "description",\n', '    "columns",\n    "description",\n    "owner",\n'),
        {"ingest.owner": Kind.KEY_NEEDED},
    ),
    "a key of an ingest file may be left out": (
        (INGEST, '    "columns",\n    "description",\n', '    "columns",\n'),
        {"ingest.description": Kind.KEY_ADDED},
    ),
    "a value of an ingest file is removed": (
        (INGEST, '            "windows-1252",\n', ""),
        {f"ingest.source.{kind}.encoding = windows-1252": Kind.VALUE_REMOVED for kind in ("csv", "csv.gz")},
    ),
    "a pattern of an ingest file is another": (
        (INGEST, "^[a-z][a-z0-9_]{0,62}$", "^[a-z][a-z0-9_]{0,30}$"),
        {
            "ingest.table = string pattern ^[a-z][a-z0-9_]{0,62}$": Kind.VALUE_REMOVED,
            "ingest.table = string pattern ^[a-z][a-z0-9_]{0,30}$": Kind.KEY_ADDED,
        },
    ),
    "a key of a contract is removed": (
        (CONTRACT, '"multipleOf": {', '"timesOf": {'),
        {
            "contract.schema.properties.logicalTypeOptions.multipleOf": Kind.KEY_REMOVED,
            "contract.schema.properties.logicalTypeOptions.timesOf": Kind.KEY_ADDED,
        },
    ),
    "a metric is removed": (
        (RULES, '    "missingValues": ("column", ("missingValues",)),\n', ""),
        {"rule.metrics.missingValues": Kind.VALUE_REMOVED},
    ),
    "a format means something else": (
        (RULES, r'r"^[^@\s]+@[^@\s]+\.[^@\s]+$"', r'r"^.+@.+$"'),
        {"rule.formats.email": Kind.VALUE_REMOVED},
    ),
    "an option is no rule of integers any more": (
        (RULES, '"integer": (*_BOUNDS, "multipleOf")', '"integer": (*_BOUNDS,)'),
        {"rule.options.integer.multipleOf": Kind.VALUE_REMOVED},
    ),
    "a masking is added": (
        (COLUMN, '    NULLIFY = "n', '    SHUFFLE = "s"\n    NULLIFY = "n'),
        {"rule.masking.s": Kind.KEY_ADDED},
    ),
    "the gate demands more": (
        (
            "template/platform/building_block/contracts/changes.py",
            '"a column is added", Bump.MINOR',
            '"a column is added", Bump.MAJOR',
        ),
        {"rule.change.COLUMN_ADDED": Kind.GATE_CHANGED},
    ),
    "a task is renamed": (
        ("template/poe_tasks.toml", "[tasks.fmt]", "[tasks.format]"),
        {"task.fmt": Kind.NAME_REMOVED, "task.format": Kind.NAME_ADDED},
    ),
    "a task of pixi is removed": (
        ("template/platform/settings/pixi.toml", 'fmt = "poe fmt"\n', ""),
        {"pixi-task.fmt": Kind.NAME_REMOVED},
    ),
    "a generic test is renamed": (
        (UNIQUE, "bb_unique_together(", "bb_together("),
        {"test.bb_unique_together": Kind.NAME_REMOVED, "test.bb_together": Kind.NAME_ADDED},
    ),
    "a generic test needs a further argument": (
        (UNIQUE, "(model, columns)", "(model, columns, where)"),
        {"test.bb_unique_together(where)": Kind.KEY_NEEDED},
    ),
    "a generic test may have a further argument": (
        (UNIQUE, "(model, columns)", "(model, columns, where=none)"),
        {"test.bb_unique_together(where)": Kind.KEY_ADDED},
    ),
    "the arguments of a macro change places": (
        (SCHEMA_NAME, "(custom_schema_name, node)", "(node, custom_schema_name)"),
        {
            "macro.generate_schema_name(node)": Kind.PARAMETER_CHANGED,
            "macro.generate_schema_name(custom_schema_name)": Kind.PARAMETER_CHANGED,
        },
    ),
    "a message is removed": ((MESSAGES, CODE, ""), {"message.BB101": Kind.MESSAGE_REMOVED}),
    "a message is added that fails": (
        (MESSAGES, CODE, f'{CODE}    PLANTED = "BB199"\n'),
        {"message.BB199": Kind.RULE_ADDED},
    ),
    "a message is added that warns": (
        (MESSAGES, WARNS, f'\n    PLANTED = "BB199"{WARNS_OF_ONE_MORE}'),
        {"message.BB199": Kind.RULE_WARNS},
    ),
    "a rule for models is added that fails": (
        (BOUNCER, "manifest_checks:\n", "manifest_checks:\n  - name: check_planted\n"),
        {"lint.dbt-bouncer.check_planted of all models": Kind.RULE_ADDED},
    ),
    "a rule for models is added that warns": (
        (BOUNCER, "manifest_checks:\n", "manifest_checks:\n  - {name: check_planted, severity: warn}\n"),
        {"lint.dbt-bouncer.check_planted of all models": Kind.RULE_WARNS},
    ),
    "a rule for models is sharpened": (
        (BOUNCER, "upstream_path_pattern: ^models/marts/", "upstream_path_pattern: ^models/marts/a"),
        {"lint.dbt-bouncer.check_lineage_permitted_upstream_models of ^models/published/": Kind.RULE_ADDED},
    ),
    "a lint rule of Python is removed": (
        ("template/ruff.toml", '"PIE", ', ""),
        {"lint.ruff.PIE": Kind.RULE_REMOVED},
    ),
    "a hook is renamed": (
        ("template/platform/settings/pre-commit-config.yaml", "id: platform-sql", "id: platform-queries"),
        {
            "hook.platform-sql": Kind.NAME_REMOVED,
            "hook.platform-queries": Kind.NAME_ADDED,
            "lint.hook.platform-sql": Kind.RULE_REMOVED,
            "lint.hook.platform-queries": Kind.RULE_ADDED,
        },
    ),
    "a command's option gets another spelling": (
        (CLI, '"--apply"', '"--remove"'),
        {"command.contracts.expire(apply)": Kind.PARAMETER_CHANGED},
    ),
    "an option's annotation gets a name": (
        (
            CLI,
            f"@commands.command()\ndef expire(\n    apply: {APPLY}",
            f"Apply = {APPLY}\n\n\n@commands.command()\ndef expire(\n    apply: Apply",
        ),
        {},
    ),
    "a command is added beside the others": (
        (
            "template/platform/building_block/cli.py",
            'app.add_typer(contracts, name="contracts")\n',
            'app.add_typer(contracts, name="contracts")\nmore = typer.Typer()\napp.add_typer(more)\n\n\n'
            '@more.command("say-more")\ndef say(loud: bool): ...\n',
        ),
        {"command.say-more": Kind.NAME_ADDED},
    ),
    "a command is renamed": (
        (CLI, "def expire(", "def purge("),
        {"command.contracts.expire": Kind.NAME_REMOVED, "command.contracts.purge": Kind.NAME_ADDED},
    ),
    "a function that units import is renamed": (
        (AUTOMATION, "def when_data_changes(", "def when_anything_changes("),
        {"python.building_block.automation.when_data_changes": Kind.NAME_REMOVED},
    ),
    "a function that units import loses a default": (
        (CHECK, 'def check(data: str | Path, contract: str = "")', "def check(data: str | Path, contract: str)"),
        {"python.building_block.data_check.check(contract)": Kind.KEY_NEEDED},
    ),
    "an attribute that units read is renamed": (
        (PROJECT, "    def published(", "    def releases("),
        {
            "python.building_block.project.Project.published": Kind.NAME_REMOVED,
            "python.building_block.project.Project.releases": Kind.NAME_ADDED,
        },
    ),
    "a sensor is renamed": (
        (AUTOMATION, '"bb_automation"', '"bb_following"'),
        {"sensor.bb_automation": Kind.NAME_REMOVED, "sensor.bb_following": Kind.NAME_ADDED},
    ),
    "an environment variable is renamed": (
        (PROJECT, '"BUILDING_BLOCK_DATA"', '"BUILDING_BLOCK_STATE"'),
        {"variable.BUILDING_BLOCK_DATA": Kind.NAME_REMOVED, "variable.BUILDING_BLOCK_STATE": Kind.NAME_ADDED},
    ),
    "a Python is given up": (
        (PYPROJECT, 'requires-python = ">=3.11,<3.14"', 'requires-python = ">=3.12,<3.14"'),
        {"requires-python.3.11": Kind.PYTHON_REMOVED},
    ),
    "a Python is supported": (
        (PYPROJECT, 'requires-python = ">=3.11,<3.14"', 'requires-python = ">=3.11,<3.15"'),
        {"requires-python.3.14": Kind.PYTHON_ADDED},
    ),
    "an extra is removed": (
        (PYPROJECT, 'polars = ["polars>=1.35,<3"]\n', ""),
        {"extra.polars": Kind.NAME_REMOVED, "extra.polars.polars": Kind.DEPENDENCY_REMOVED},
    ),
    "a dependency is added": (
        (PYPROJECT, '  "typer>=0.20,<1",\n', '  "typer>=0.20,<1",\n  "humanize>=4",\n'),
        {"dependency.humanize": Kind.DEPENDENCY_CHANGED},
    ),
    "a dependency is removed": (
        (PYPROJECT, '  "filelock>=3.16,<4",\n', ""),
        {"dependency.filelock": Kind.DEPENDENCY_REMOVED},
    ),
    "a lower bound is raised": (
        (PYPROJECT, "typer>=0.20,<1", "typer>=0.21,<1"),
        {"dependency.typer.at_least": Kind.DEPENDENCY_CHANGED},
    ),
    "an upper bound is lowered": (
        (PYPROJECT, "rich>=14,<16", "rich>=14,<15"),
        {"dependency.rich.below": Kind.DEPENDENCY_REMOVED},
    ),
    "an upper bound is raised": (
        (PYPROJECT, "rich>=14,<16", "rich>=14,<17"),
        {"dependency.rich.below": Kind.DEPENDENCY_CHANGED},
    ),
    "an upper bound is taken away": (
        (PYPROJECT, "rich>=14,<16", "rich>=14"),
        {"dependency.rich.below": Kind.DEPENDENCY_CHANGED},
    ),
    "an older copier is refused": (
        ("copier.yml", '_min_copier_version: "9.18.0"', '_min_copier_version: "9.19.0"'),
        {"copier.at_least": Kind.DEPENDENCY_CHANGED},
    ),
    "words are changed": ((INGEST, "a folder", "some folder"), {}),
    "code is changed that nobody imports": (("template/platform/building_block/plan.py", "def _", "def _planted_"), {}),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_one_change_is_seen_as_what_it_is_and_nothing_else(tree, whole, plant):
    (path, old, new), expected = PLANTS[plant]
    tree.replace(path, old, new)
    assert changed(tree, whole) == expected


def test_a_seed_that_is_renamed_is_one_that_goes_and_one_that_comes(tree, whole):
    seed = tree.root / "template/dbt/models/marts/orders_cleaned.sql"
    seed.rename(seed.with_name("orders_clean.sql"))
    assert changed(tree, whole) == {
        "seed./dbt/models/marts/orders_cleaned.sql": Kind.SEED_REMOVED,
        "seed./dbt/models/marts/orders_clean.sql": Kind.SEED_ADDED,
    }


def test_a_path_that_changes_hands_is_seen(tree, whole):
    tree.replace("copier.yml", "    - /ruff.toml\n", "")
    tree.replace("copier.yml", "    - /sample/\n", "    - /sample/\n    - /ruff.toml\n")
    assert changed(tree, whole) == {
        "path./ruff.toml": Kind.CLASS_CHANGED,
        "file./ruff.toml": Kind.FILE_REMOVED,
        "seed./ruff.toml": Kind.SEED_ADDED,
    }


def test_a_platform_file_that_units_extend_is_theirs_to_rely_on_and_one_below_platform_is_not(tree, whole):
    (tree.root / "template/.editorconfig").unlink()
    (tree.root / "template/platform/hook.sh").unlink()
    (tree.root / "template/.github/workflows/platform-more.yml").write_text("on: push\n")
    assert changed(tree, whole) == {
        "file./.editorconfig": Kind.FILE_REMOVED,
        "file./.github/workflows/platform-more.yml": Kind.PATH_ADDED,
    }


def test_a_slot_that_is_removed_is_seen(tree, whole):
    (tree.root / "template/platform/settings/yamllint.yaml").rename(tree.root / "template/platform/settings/yaml.yaml")
    assert changed(tree, whole)["slot.settings/yamllint.yaml"] is Kind.NAME_REMOVED


def test_a_choice_that_is_removed_is_seen(tree):
    tree.replace("copier.yml", "\nowner_team:\n", f"{QUESTION}\nowner_team:\n")
    before = surface(tree.root)
    tree.replace("copier.yml", "[north, south]", "[north, west]")
    assert changed(tree, before) == {
        "answer.region.choice.south": Kind.CHOICE_REMOVED,
        "answer.region.choice.west": Kind.QUESTION_ADDED,
    }


def test_a_new_upper_bound_is_as_grave_as_a_lower_one(tree):
    tree.replace(PYPROJECT, "rich>=14,<16", "rich>=14")
    before = surface(tree.root)
    tree.replace(PYPROJECT, "rich>=14", "rich>=14,<16")
    assert changed(tree, before) == {"dependency.rich.below": Kind.DEPENDENCY_REMOVED}


def test_a_rule_may_fail_in_a_minor_after_it_warned(tree):
    tree.replace(MESSAGES, WARNS, f'\n    PLANTED = "BB199"{WARNS_OF_ONE_MORE}')
    tree.replace(BOUNCER, "manifest_checks:\n", "manifest_checks:\n  - {name: check_planted, severity: warn}\n")
    before = surface(tree.root)
    tree.replace(MESSAGES, WARNS_OF_ONE_MORE, WARNS)
    tree.replace(BOUNCER, ", severity: warn}", "}")
    expected = {"message.BB199", "lint.dbt-bouncer.check_planted of all models"}
    assert changed(tree, before) == dict.fromkeys(expected, Kind.RULE_FAILS)
    assert Kind.RULE_FAILS.value.bump is Bump.MINOR


def test_a_message_of_new_ground_is_no_stricter_rule(tree, whole):
    tree.replace(MESSAGES, CODE, f'{CODE}    PLANTED = "BB199"\n')
    tree.replace("tools/surface/declared.yml", "new_ground: []", "new_ground: [message.BB199]")
    assert changed(tree, whole) == {"message.BB199": Kind.RULE_OF_NEW_GROUND}


def test_every_kind_of_change_has_a_plant_and_can_be_found():
    planted = {kind for _, expected in PLANTS.values() for kind in expected.values()}
    elsewhere = {Kind.SEED_ADDED, Kind.FILE_REMOVED, Kind.CHOICE_REMOVED, Kind.RULE_FAILS, Kind.RULE_OF_NEW_GROUND}
    assert planted | elsewhere == set(Kind) == set(KINDS.values())


# What a version allows ------------------------------------------------------------------------------------------------

NONE = Declared({}, frozenset())
RENAMED = [Change("task.fmt", Kind.NAME_REMOVED, "")]
ADDED = [Change("task.more", Kind.NAME_ADDED, "")]


@pytest.mark.parametrize(
    ("changes", "before", "after", "allowed"),
    [
        ([], "1.2.3", "1.2.4", True),
        ([], "1.2.3", "1.2.3", False),
        (ADDED, "1.2.3", "1.2.4", False),
        (ADDED, "1.2.3", "1.3.0", True),
        (RENAMED, "1.2.3", "1.3.0", False),
        (RENAMED, "1.2.3", "2.0.0", True),
        (RENAMED, "0.2.3", "0.2.4", False),
        (RENAMED, "0.2.3", "0.3.0", True),
        (RENAMED, "0.2.3", "1.0.0", True),
        (ADDED, "0.2.3", "0.2.4", False),
    ],
)
def test_a_version_allows_what_the_policy_says(changes, before, after, allowed):
    raised = bump(Version(before), Version(after))
    assert (refusals(changes, NONE, Version(before), raised) == []) is allowed


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.value.migration])
@pytest.mark.parametrize("after", ["0.3.0", "1.0.0"])
def test_what_no_version_can_announce_needs_a_migration_in_0_x_too(kind, after):
    changes = [Change("answer.owner_team", kind, "")]
    raised = bump(Version("0.2.0"), Version(after))
    (refused,) = refusals(changes, NONE, Version("0.2.0"), raised)
    assert refused.startswith("answer.owner_team: ")
    declared = Declared({"answer.owner_team": "docs/how-to/rename.md"}, frozenset())
    assert refusals(changes, declared, Version("0.2.0"), raised) == []


def test_answers_seeds_and_classes_are_what_needs_a_migration():
    parts = {part for kind in Kind if kind.value.migration for part in kind.value.of}
    assert parts == {Part.QUESTION, Part.CHOICE, Part.PATH, Part.CLAIM, Part.SEED}


def test_a_migration_that_leads_nowhere_is_none(tree):
    tree.write("tools/surface/declared.yml", "migrations: {a: docs/index.md, b: docs/nowhere.md}\n")
    assert Declared.of(tree.root).migrations == {"a": "docs/index.md"}


def test_the_gravest_change_decides():
    assert needed([*ADDED, *RENAMED]) is Bump.MAJOR
    assert needed([]) is Bump.PATCH


# The command ----------------------------------------------------------------------------------------------------------


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.surface", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_shows_the_changes_and_fails_when_the_version_is_too_low():
    refused = called("v0.1.0", "--as", "patch")
    assert refused.returncode == 1
    assert "after 0.1.0 this is no patch but a minor, for " in refused.stderr
    assert "command.contracts.gate" in refused.stdout
    assert called("v0.1.0", "--as", "minor").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["main"], "main is no version; write one like v0.1.0"),
        (["v0.1.0", "nowhere"], "nowhere is no commit of this clone"),
        (["v7.0.0"], "v7.0.0 is no commit of this clone"),
    ],
)
def test_the_command_refuses_what_it_cannot_compare_in_a_sentence(arguments, sentence):
    refused = called(*arguments)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
