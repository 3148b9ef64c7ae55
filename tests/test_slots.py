"""A unit sets otherwise what the platform sets, without editing a platform file."""

import re
import tomllib

import pytest
import yaml
from building_block import generate
from building_block.doctor import Examination
from building_block.project import Project


def derived(project, path: str) -> str:
    result = project.poe("generate")
    assert result.returncode == 0, result.stderr
    assert list(generate.stale(Project(project.root))) == []
    assert list(Examination(Project(project.root)).drift()) == []
    return (project.root / path).read_text(encoding="utf-8")


def test_tasks(project):
    project.write("settings/tasks.toml", "[tasks]\nhello = \"echo 'hello from the unit'\"\n")
    assert "hello from the unit" in project.poe("hello").stdout


def test_a_task_of_the_platform_keeps_its_meaning(project):
    project.write("settings/tasks.toml", "[tasks]\ncheck = 'echo ours'\n")
    assert "derived files are up to date" in project.poe("check").stdout


def test_dbt_settings_reach_dbt(project):
    project.write(
        "settings/dbt_project.yml",
        "vars: {first_day: '2010-12-01'}\nmodels:\n  sales:\n    marts: {+materialized: view}\n",
    )
    settings = yaml.safe_load(derived(project, "dbt/dbt_project.yml"))
    assert settings["vars"] == {"first_day": "2010-12-01"}
    assert settings["models"]["sales"]["marts"] == {"+schema": "marts", "+materialized": "view"}
    listing = project.run(
        *("dbt", "--quiet", "list", "--project-dir", "dbt", "--profiles-dir", "dbt"),
        *("--select", "config.materialized:view", "--output", "name"),
    )
    assert {"orders_cleaned", "orders_rejected", "daily_order_summary"} <= set(listing.stdout.split())


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("name: shop", "name"),
        ("models: {sales: {published: {+contract: {enforced: false}}}}", "models.sales.published.+contract"),
        ("models: {sales: {published: {+access: private}}}", "models.sales.published.+access"),
        ("models: {sales: {marts: {+schema: gold}}}", "models.sales.marts.+schema"),
    ],
)
def test_what_other_domains_rely_on_is_locked(project, setting, key):
    project.write("settings/dbt_project.yml", setting + "\n")
    before = (project.root / "dbt" / "dbt_project.yml").read_bytes()
    result = project.poe("generate")
    assert result.returncode == 1
    assert result.stderr.startswith(f"BB403 settings/dbt_project.yml:1 {key}: ")
    assert (project.root / "dbt" / "dbt_project.yml").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["dbt_project.yml", "profiles.yml", "pre-commit-config.yaml", "yamllint.yaml", "pixi.toml"]
)
def test_a_setting_that_cannot_be_read_is_refused_at_its_line(project, name):
    project.write(f"settings/{name}", "fine = 1\n[[[\n" if name.endswith("toml") else "fine: 1\n- {\n")
    result = project.poe("generate")
    assert result.returncode == 1
    assert result.stderr.startswith(f"BB404 settings/{name}:")
    assert "Traceback" not in result.stderr


def test_another_target_of_dbt(project):
    project.write("settings/profiles.yml", "warehouse: {outputs: {ci: {type: duckdb, path: ':memory:'}}}\n")
    outputs = yaml.safe_load(derived(project, "dbt/profiles.yml"))["warehouse"]["outputs"]
    assert outputs.keys() == {"duckdb", "ci"}
    shown = project.run("dbt", "show", "--target", "ci", "--inline", "select 42 as answer", "--project-dir", "dbt",
                        "--profiles-dir", "dbt")  # fmt: skip
    assert "42" in shown.stdout, shown.stdout


def test_hooks(project):
    hook = "{id: ours, name: ours, entry: echo ours ran, language: unsupported, verbose: true, pass_filenames: false}"
    project.write("settings/pre-commit-config.yaml", f"repos: [{{repo: local, hooks: [{hook}]}}]\n")
    repositories = yaml.safe_load(derived(project, ".pre-commit-config.yaml"))["repos"]
    *of_platform, last = [hook["id"] for repo in repositories for hook in repo["hooks"]]
    assert last == "ours"
    assert all(name.startswith("platform-") for name in of_platform)
    project.git("init", "-q")
    project.git("add", "-A")
    assert "ours ran" in project.run("pre-commit", "run", "ours", "--all-files").stdout


def test_yamllint(project):
    project.write("docs/wide.yml", f"# {'word ' * 30}end\n")
    assert "line too long" in project.run("yamllint", "docs").stdout
    project.write("settings/yamllint.yaml", "rules: {line-length: disable}\n")
    derived(project, ".yamllint")
    assert "line too long" not in project.run("yamllint", "docs").stdout


def test_ruff(project):
    project.write("src/sales/defs/lines.py", f'"""Long."""\n\nX = "{"x" * 130}"\n')
    assert "E501" in project.run("ruff", "check", "src").stdout
    project.write("src/ruff.toml", 'extend = "../ruff.toml"\nline-length = 160\n')
    assert project.run("ruff", "check", "src").returncode == 0


def test_sqlfluff(project):
    project.write("dbt/models/marts/shout.sql", "SELECT 1 AS one\n")
    assert "CP01" in project.run("sqlfluff", "lint", "dbt/models/marts/shout.sql").stdout
    project.write("dbt/models/.sqlfluff", "[sqlfluff:rules:capitalisation.keywords]\ncapitalisation_policy = upper\n")
    assert project.run("sqlfluff", "lint", "dbt/models/marts/shout.sql").returncode == 0


def test_typos(project):
    project.write("dbt/models/marts/note.sql", "-- recieve\n")
    assert "recieve" in project.run("typos", "dbt/models").stdout
    project.write("settings/typos.toml", '[default.extend-words]\nrecieve = "recieve"\n')
    derived(project, "_typos.toml")
    assert project.run("typos", "dbt/models").returncode == 0


def test_words_of_yaml_are_its_keys(project):
    project.write(
        "docs/keys.yml",
        "a:\n  - recieve: oder\n    b: adresse\n  - {recieve: 1, c: ist}\n  - als Objekt: ist\n  - alle\n",
    )
    found = project.run("typos", "--format", "brief", "docs/keys.yml").stdout
    assert re.findall(r":(\d+):\d+: error: `(\w+)`", found) == [("2", "recieve"), ("4", "recieve")]


def test_ignores_and_attributes(project):
    project.git("init", "-q")
    project.write("sample/.gitignore", "*.bak\n")
    project.write("sample/.gitattributes", "*.csv -text\n")
    assert project.git("check-ignore", "sample/x.bak", "data/warehouse.duckdb").split() == [
        "sample/x.bak",
        "data/warehouse.duckdb",
    ]
    assert "text: unset" in project.git("check-attr", "text", "sample/x.csv")


def test_code_owners_of_the_unit_stand_before_those_of_the_platform(project):
    project.write("settings/CODEOWNERS", "/dbt/models/published/ @acme/sales-leads\n/contracts/ @acme/sales-leads\n")
    rules = [line for line in derived(project, ".github/CODEOWNERS").splitlines() if not line.startswith("#")]
    assert rules[:3] == [
        "* @acme/sales-data",
        "/dbt/models/published/ @acme/sales-leads",
        "/contracts/ @acme/sales-leads",
    ]
    # The last match wins: neither the platform's files nor the approvals can be taken over.
    assert "/platform/ @acme/data-platform" in rules[3:]
    assert rules[-1] == "/contracts/approvals.yaml @acme/data-compliance"


def test_pixi_dependencies(project):
    project.write("settings/pixi.toml", '[dependencies]\ngdal = ">=3.8"\n')
    manifest = tomllib.loads(derived(project, "pixi.toml"))
    assert manifest["dependencies"] == {"gdal": ">=3.8"}
    assert manifest["environments"]["default"] == ["platform"]


def test_a_pixi_dependency_outside_a_table_is_refused(project):
    project.write("settings/pixi.toml", 'gdal = ">=3.8"\n')
    result = project.poe("generate")
    assert result.returncode == 1
    assert result.stderr.startswith("BB404 settings/pixi.toml:1: `gdal` stands in no table; write it under a table")


def test_versions(project):
    project.replace(
        "pyproject.toml", '["building-block[ml,reporting]"]', '["building-block", "duckdb==1.5.6", "humanize>=4"]'
    )
    lock = project.run("uv", "lock", "--quiet")
    assert lock.returncode == 0, lock.stderr
    locked = {package["name"]: package for package in tomllib.loads((project.root / "uv.lock").read_text())["package"]}
    assert locked["duckdb"]["version"] == "1.5.6"
    assert "humanize" in locked
    assert locked["building-block"]["source"] == {"editable": "platform"}
