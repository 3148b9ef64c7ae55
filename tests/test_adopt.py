"""A unit arrives with a dbt project of its own: what collides is told, and put right by the commands that are told."""

import hashlib
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from building_block.messages import ProblemError

from tests.conftest import StampedProject, answers
from tests.stamping import LATER, NEXT, bring_to, commit, files
from tests.test_tutorial import OF_ADOPTION, TEMPLATE_ADDRESS, Reader
from tools.ownership import ROOT
from upgrade.adopt.command import Adoption, origin
from upgrade.aside import Home
from upgrade.template import Template

DATA = [f"--data={key}={value}" for key, value in answers("minimal").items()]
DBT = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}

FOREIGN = {
    "README.md": "# The shop's models\n",
    "pyproject.toml": """\
# Ours.
[project]
name = "shop-models"
version = "2.3.0"
requires-python = ">=3.9"
dependencies = [
    "dbt-core==1.8.2",  # pinned long ago
    "dbt-duckdb>=1.8",
]

[tool.ruff]
line-length = 90

[tool.ruff.lint]
select = ["E", "F"]

[tool.poe.tasks]
count = "python -c 'print(12)'"
""",
    ".gitignore": "target/\nlogs/\n.env.shop\nprofiles.yml\n",
    ".pre-commit-config.yaml": """\
repos:
  - repo: local
    hooks:
      - {id: count, name: count, entry: "true", language: system}
""",
    "dbt_project.yml": """\
name: shop_dbt
version: "1.0"
profile: shop
require-dbt-version: [">=1.8.0", "<2.0.0"]
vars: {first_day: "2026-01-01"}
models:
  shop_dbt:
    +tags: [shop]
    staging: {+schema: stage, +materialized: view}
    core: {+materialized: table}
seeds:
  shop_dbt: {+schema: landing, raw_orders: {+column_types: {amount: integer}}}
""",
    "profiles.yml": """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: target/shop.duckdb, threads: 2, settings: {TimeZone: UTC}}
    prod: {type: snowflake, account: acme, user: "{{ env_var('SHOP_USER') }}", database: shop, schema: core}
""",
    "models/staging/shop/stg_shop__orders.sql": """\
{{ config(schema='stage', materialized='view') }}
select id, customer, {{ cents('amount') }} as amount from {{ ref('raw_orders') }}
where ordered >= '{{ var("first_day") }}'
""",
    "models/staging/shop/stg_shop__customers.sql": "select id, name from {{ ref('raw_customers') }}\n",
    "models/staging/shop/_shop.yml": """\
models:
  - name: stg_shop__orders
    description: One row per order.
    columns: [{name: id, data_tests: [unique, not_null]}]
  - name: stg_shop__customers
    description: One row per customer.
""",
    "models/finance/int_orders__priced.sql": "select * from {{ ref('stg_shop__orders') }} where amount > 0\n",
    "models/core/dim_customers.sql": """\
select customers.id, customers.name, sum(orders.amount) as amount
from {{ ref('stg_shop__customers') }} as customers
join {{ ref('int_orders__priced') }} as orders on orders.customer = customers.id
group by all
""",
    "models/core/core.yml": """\
models:
  - name: dim_customers
    description: One row per customer who has bought.
    data_tests: [{bb_unique_together: {arguments: {columns: [id]}}}]
""",
    "models/shop_days.sql": "select count(*) as orders from {{ ref('stg_shop__orders') }}\n",
    "seeds/raw_orders.csv": "id,customer,amount,ordered\n1,1,1250,2026-01-02\n2,1,300,2026-01-03\n3,2,100,2025-12-31\n",
    "seeds/raw_customers.csv": "id,name\n1,Ann\n2,Bo\n",
    "macros/cents.sql": "{% macro cents(column) %}({{ column }} / 100.0){% endmacro %}\n",
    "macros/generate_schema_name.sql": """\
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
""",
    "macros/keys.sql": """\
{% test bb_unique_together(model, columns) %}
    select {{ columns | join(', ') }} from {{ model }} group by all having count(*) > 1
{% endtest %}
""",
    "tests/no_negative_amount.sql": "select * from {{ ref('dim_customers') }} where amount < 0\n",
}


def foreign_project(folder: Path) -> StampedProject:
    """Write a dbt project as a unit may have it, and commit it."""
    project = StampedProject(folder)
    for path, text in FOREIGN.items():
        project.write(path, text)
    project.git("init", "--quiet")
    project.git("add", "--force", "profiles.yml")
    commit(project, "Our models")
    return project


@pytest.fixture
def foreign(tmp_path) -> StampedProject:
    """A dbt project as a unit may have it, committed."""
    return foreign_project(tmp_path / "shop models")


def adopt(template: StampedProject, project: StampedProject, *arguments: str):
    path = os.pathsep.join(map(str, (template.root, template.root / "template" / "platform")))
    command = ["python", "-m", "upgrade", "adopt", str(project.root), *DATA, *arguments]
    return project.run(*command, PYTHONPATH=path)


def do(project: StampedProject, commands: str) -> None:
    """Do exactly the commands that were listed."""
    who = {f"GIT_{who}_{what}": "unit" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["sh", "-eu", "-c", commands],
        cwd=project.root,
        env=os.environ | who,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stderr}"


def everything(project: StampedProject) -> dict[str, str]:
    """Return every file that is there, those of git and those that it ignores, too."""
    found = (file for file in sorted(project.root.rglob("*")) if file.is_file())
    return {str(file): f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.stat().st_mtime_ns}" for file in found}


@pytest.mark.slow
def test_a_dbt_project_is_taken_through_adoption_and_an_update_and_its_own_files_stay(template, later, foreign):
    built = foreign.run("dbt", "--quiet", "build", "--profiles-dir", ".", **DBT, SHOP_USER="ann")
    assert built.returncode == 0, built.stdout + built.stderr
    foreign.write(".env.shop", "SHOP_USER=ann\n")
    before = everything(foreign)
    listed = adopt(template, foreign)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert everything(foreign) == before, "the listing wrote something"
    for path in ("pyproject.toml", ".gitignore", ".pre-commit-config.yaml", "dbt_project.yml", "profiles.yml",
                 "macros/generate_schema_name.sql", "macros/keys.sql", "models/core/dim_customers.sql"):  # fmt: skip
        assert re.search(rf"^BB43\d {re.escape(path)}:? ", listed.stderr, re.MULTILINE), f"{path}\n{listed.stderr}"

    refused = adopt(template, foreign, "--apply")
    assert refused.returncode == 1
    assert "BB433 macros/keys.sql: the platform has a test `bb_unique_together`" in refused.stderr
    (foreign.root / ".git" / "building-block-update.lock").unlink()  # which every command takes that may write
    assert everything(foreign) == before, "the refused adoption wrote something"

    do(foreign, listed.stdout)
    again = adopt(template, foreign)
    assert "Nothing is in the way" not in listed.stderr
    assert "Nothing is in the way" in again.stderr, again.stdout + again.stderr
    assert ".env.shop" not in foreign.git("status", "--porcelain", "--untracked-files=all")
    own = files(foreign)
    applied = adopt(template, foreign, "--apply")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    after = files(foreign)
    assert {path: after.get(path) for path in own} == own, "a file of the unit was changed"
    assert foreign.git("status", "--porcelain") == ""
    recorded = yaml.safe_load((foreign.root / ".copier-answers.yml").read_text())
    assert (recorded["_commit"], recorded["domain_name"]) == (NEXT, "Sales")
    assert recorded["_src_path"] == str(ROOT)
    assert not {path for path in after if path.startswith(("ingest/", "contracts/", "sample/", "docs/contracts/o"))}

    assert foreign.poe("generate").stdout == "", "a derived file was stale"
    for command in (["building-block", "doctor"], ["poe", "check"], ["poe", "build"]):
        result = foreign.run(*command)
        assert result.returncode == 0, result.stdout + result.stderr
    assert foreign.query("select name, amount from marts.dim_customers") == [("Ann", 15.5)]
    assert foreign.query("select count(*) from raw.raw_orders") == [(3,)]
    assert foreign.query("select count(*) from staging.stg_shop__orders") == [(2,)]
    assert foreign.poe("count").stdout == "12\n"
    assert_as_they_came(foreign)

    kept = {path: digest for path, digest in files(foreign).items() if path in own}
    bring_to(later, foreign, LATER)
    assert {path: files(foreign).get(path) for path in kept} == kept
    assert "line-length = 110" in (foreign.root / "ruff.toml").read_text()


def assert_as_they_came(project: StampedProject) -> None:
    """Models, seeds and macros have every byte that they had, but for those that collided."""
    moved = {
        "models/staging/shop/stg_shop__customers.sql": "dbt/models/staging/shop/stg_shop__customers.sql",
        "models/staging/shop/_shop.yml": "dbt/models/staging/shop/_shop.yml",
        "models/finance/int_orders__priced.sql": "dbt/models/intermediate/finance/int_orders__priced.sql",
        "models/core/dim_customers.sql": "dbt/models/marts/core/dim_customers.sql",
        "models/shop_days.sql": "dbt/models/marts/shop_days.sql",
        "seeds/raw_orders.csv": "dbt/seeds/raw_orders.csv",
        "seeds/raw_customers.csv": "dbt/seeds/raw_customers.csv",
        "macros/cents.sql": "dbt/macros/cents.sql",
        "tests/no_negative_amount.sql": "dbt/tests/no_negative_amount.sql",
        "README.md": "README.md",
    }
    for path, to in moved.items():
        assert (project.root / to).read_text() == FOREIGN[path]
        assert path == to or not (project.root / path).exists()


# What collides: planted, told, and put right by the commands ----------------------------------------------------------


def look(template: StampedProject, project: StampedProject, **more: str) -> tuple[list[str], list[str], list[str]]:
    """Return what stops the adoption of a project as it is committed, what is told besides, and the commands."""
    home = Home.of(project.root)
    with home.aside() as aside:
        plan = Adoption.of(Template.of(template.root, NEXT), home, aside, answers("minimal") | more).plan
        return [*map(str, plan.stops)], [*map(str, plan.notes)], plan.commands()


PLANTED = {
    "ruff.toml": ("line-length = 80\n", "BB431 ruff.toml: stands where the platform has a file of its own; write `git"),
    ".sqlfluff": ("[sqlfluff]\ntemplater = dbt\nmax_line_length = 99\n", "BB431 .sqlfluff: stands where"),
    ".editorconfig": ("root = true\n", "BB431 .editorconfig: stands where"),
    "CODEOWNERS": ("/seeds/ @acme/shop\n", "BB431 CODEOWNERS: stands where"),
    ".yamllint.yaml": ("rules: {line-length: disable}\n", "BB431 .yamllint.yaml: stands where"),
    "typos.toml": ("[default.extend-words]\nordr = 'ordr'\n", "BB431 typos.toml: stands where"),
    "pixi.toml": (
        "[workspace]\nname = 'shop'\nchannels = []\nplatforms = []\n\n[dependencies]\ngdal = '>=3.8'\n",
        "BB431 pixi.toml: stands where",
    ),
    "dg.toml": ("directory_type = 'project'\n", "BB431 dg.toml: stands where"),
    ".github/workflows/platform-tests.yml": ("on: push\njobs: {}\n", "BB431 .github/workflows/platform-tests.yml: "),
    "platform/main.tf": ("# Terraform\n", "BB431 platform: is a folder of the platform; write `git mv platform own-"),
    "data/countries.csv": ("code\nnl\n", "BB431 data: is a folder that git ignores here, and that is deleted to"),
    "docs/contracts/README.md": ("# Ours\n", "BB431 docs/contracts: is a folder of the platform; write"),
    "models/marts/shop_weeks.sql": ("select 1 as one\n", "BB434 models/marts/shop_weeks.sql: lies in no layer"),
    "models/stg_shop__days.sql": (
        "{{ config(materialized='view', schema=\"stage\") }}\nselect 1 as one\n",
        "BB434 models/stg_shop__days.sql: sets a schema, which here is the folder; take",
    ),
}


@pytest.mark.parametrize("path", PLANTED)
def test_what_collides_is_told_and_the_commands_make_way(template, foreign, path):
    text, message = PLANTED[path]
    foreign.write(path, text)
    commit(foreign, "Plant")
    stops, _, commands = look(template, foreign)
    assert [stop for stop in stops if stop.startswith(message)], stops
    do(foreign, "\n".join(commands))
    assert look(template, foreign)[::2] == ([], [])


def test_the_slots_take_what_the_files_said(template, foreign):
    for path in (".sqlfluff", "pixi.toml", "ruff.toml", "models/stg_shop__days.sql"):
        foreign.write(path, PLANTED[path][0])
    commit(foreign, "Plant")
    do(foreign, "\n".join(look(template, foreign)[2]))
    expected = {
        "dbt/models/.sqlfluff": "[sqlfluff]\nmax_line_length = 99\n",
        "settings/pixi.toml": "[dependencies]\ngdal = '>=3.8'\n",
        "src/ruff.toml": 'extend = "../ruff.toml"\nline-length = 80\n',
        "settings/tasks.toml": "[tasks]\ncount = \"python -c 'print(12)'\"\n",
        "dbt/models/staging/stg_shop__days.sql": "{{ config(materialized='view') }}\nselect 1 as one\n",
        "dbt/.gitignore": FOREIGN[".gitignore"],
    }
    assert {path: (foreign.root / path).read_text() for path in expected} == expected
    assert yaml.safe_load((foreign.root / "settings/dbt_project.yml").read_text()) == {
        "vars": {"first_day": "2026-01-01"},
        "models": {
            "sales": {
                "+tags": ["shop"],
                "staging": {"+materialized": "view"},
                "marts": {"core": {"+materialized": "table"}},
            }
        },
        "seeds": {"sales": {"raw_orders": {"+column_types": {"amount": "integer"}}}},
    }
    assert yaml.safe_load((foreign.root / "settings/profiles.yml").read_text())["warehouse"]["outputs"].keys() == {
        "duckdb",
        "prod",
    }
    own = tomllib.loads((foreign.root / "pyproject.toml").read_text())
    assert own["project"]["dependencies"] == ["dbt-duckdb>=1.8", "building-block"]
    assert own["project"]["requires-python"] == ">=3.11,<3.14"
    assert own["tool"]["uv"]["sources"] == {"building-block": {"path": "platform", "editable": True}}
    assert own["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/sales"]
    assert not {"poe", "ruff"} & own["tool"].keys()
    assert (foreign.root / "pyproject.toml").read_text().startswith("# Ours.\n[project]\n")


def test_the_patch_fits_whatever_the_line_ends_and_gits_settings_are(template, foreign):
    settings = (foreign.root / "pyproject.toml").read_bytes().replace(b"\n", b"\r\n")
    (foreign.root / "pyproject.toml").write_bytes(settings)
    commit(foreign, "Line ends")
    for setting, value in (("diff.noprefix", "true"), ("color.ui", "always"), ("diff.external", "false")):
        foreign.git("config", setting, value)
    do(foreign, "\n".join(look(template, foreign)[2]))
    assert b'requires-python = ">=3.11,<3.14"\r\n' in (foreign.root / "pyproject.toml").read_bytes()
    assert look(template, foreign)[0] == []


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            "models/other/dim_customers.sql",
            "select 1 as one",
            "BB433 models/other/dim_customers.sql: the model `dim_customers` is there 2 times",
        ),
        (
            "settings/dbt_project.yml",
            "vars: {x: 1}\n",
            "settings/dbt_project.yml is there, too: write both into it, and `git rm dbt_project.yml`",
        ),
        ("dbt/profiles.yml", "of this laptop: {}\n", "BB431 dbt/profiles.yml: stands where the platform has a file"),
        ("settings/CODEOWNERS", "/x @acme/x\n", "own; settings/CODEOWNERS is there, too: write both"),
    ],
)
def test_what_only_a_person_can_put_right_stops_the_adoption(template, foreign, path, text, message):
    foreign.write(path, text)
    foreign.write(".gitignore", "dbt/profiles.yml\n")
    foreign.write(".github/CODEOWNERS", "/seeds/ @acme/shop\n")
    commit(foreign, "Plant")
    assert [stop for stop in look(template, foreign)[0] if message in stop or stop.startswith(message)]


@pytest.mark.parametrize("folder", ["dbt", "transform/shop"])
def test_a_dbt_project_may_lie_in_any_folder_and_the_project_in_a_folder_of_its_repository(template, foreign, folder):
    of_dbt = ("dbt_project.yml", "profiles.yml", "models", "seeds", "macros", "tests")
    (foreign.root / folder).mkdir(parents=True)
    foreign.git("mv", *of_dbt, folder)
    foreign.git("rm", "--quiet", "-r", ".gitignore")
    (foreign.root / "unit").mkdir()
    foreign.git("mv", "README.md", "pyproject.toml", ".pre-commit-config.yaml", folder.partition("/")[0], "unit")
    commit(foreign, "Move")
    unit = StampedProject(foreign.root / "unit")
    do(unit, "\n".join(look(template, unit)[2]))
    assert look(template, unit)[::2] == ([], [])
    assert_as_they_came(unit)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            "models/staging/sources.yml",
            "sources: [{name: till, tables: [{name: receipts}]}]\n",
            "declares the raw tables till.receipts, which nothing here fills; write ingest/<table>.yaml for each",
        ),
        ("packages.yml", "packages: []\n", "BB435 dbt/packages.yml: its packages are fetched before the first parse"),
        ("snapshots/prices.sql", "{% snapshot prices %}{% endsnapshot %}", "BB435 dbt/snapshots: a snapshot lies in"),
        (
            "models/published/days.sql",
            "select 1 as one\n",
            "is published here only with a contract; after the adoption",
        ),
    ],
)
def test_what_goes_on_otherwise_is_told(template, foreign, path, text, message):
    foreign.write(path, text)
    commit(foreign, "Plant")
    assert [note for note in look(template, foreign)[1] if message in note]


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (lambda project: project.write("other/dbt_project.yml", "name: other\n"), "BB430 dbt_project.yml: has 2 dbt"),
        (lambda project: project.git("mv", "dbt_project.yml", "x.yml"), "BB430 dbt_project.yml: no dbt_project.yml is"),
        (lambda project: project.write("dbt_project.yml", "name: [\n"), "BB430 dbt_project.yml: cannot be read: "),
    ],
)
def test_what_is_no_project_of_a_unit_is_refused(template, foreign, plant, message):
    plant(foreign)
    commit(foreign, "Plant")
    with pytest.raises(ProblemError, match=re.escape(message)):
        look(template, foreign)


def test_a_question_that_is_not_answered_and_what_is_not_committed_are_refused(template, foreign):
    path = os.pathsep.join(map(str, (template.root, template.root / "template" / "platform")))
    command = ["python", "-m", "upgrade", "adopt", str(foreign.root)]
    refused = foreign.run(*command, "--data=domain_name=Sales", PYTHONPATH=path)
    assert [line.partition(": What")[0].partition(": Where")[0] for line in refused.stderr.splitlines()] == [
        "BB430 --data: the question `repository_url` is not answered",
        "BB430 --data: the question `owner_email` is not answered",
    ]
    foreign.write("new.sql", "select 1\n")
    assert adopt(template, foreign).stderr.startswith("BB420 new.sql: is not committed")


def test_the_templates_address_is_recorded_without_a_password(template, tmp_path):
    clone = StampedProject(tmp_path / "clone")
    subprocess.run(["git", "clone", "--quiet", str(template.root), str(clone.root)], check=True)
    clone.git("remote", "set-url", "origin", "https://ann:secret@git.example.org/acme/building-block.git")
    assert origin(clone.root) == "https://git.example.org/acme/building-block.git"
    clone.git("remote", "remove", "origin")
    assert origin(clone.root) == str(clone.root)


@pytest.mark.slow
def test_who_does_what_the_how_to_says_sees_what_it_shows(template, foreign, tools, tmp_path):
    shutil.move(foreign.root, tmp_path / "shop")
    page = OF_ADOPTION.read_text(encoding="utf-8")
    Reader(tmp_path, tools, {TEMPLATE_ADDRESS: str(template.root)}).follow(page)
