"""What must not enter a project's history is refused by name: by a commit's hooks, and by `poe lint`."""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.conftest import StampedProject
from tests.environment import give_environment

DEAD_PROXY = "http://127.0.0.1:9"  # nobody listens there: whatever asks the network fails
AWS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@dataclass(frozen=True)
class Clone(StampedProject):
    """A project under git, with an environment of its own and hooks that are installed."""

    def bare(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run as a graphical client does: no environment active, a PATH that knows none, and no way to the network."""
        environment = {
            "HOME": str(self.root.parent),
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "200",
            "LANG": "C.UTF-8",
        } | {f"{scheme}_proxy".upper(): DEAD_PROXY for scheme in ("http", "https", "all")}
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)

    def commit(self) -> subprocess.CompletedProcess[str]:
        self.git("add", "--all")
        return self.bare("git", "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "--message", "Work")

    def hook(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one hook on what is staged."""
        self.git("add", "--all")
        return self.bare(".venv/bin/pre-commit", "run", f"platform-{name}", "--color", "never")


@pytest.fixture
def sales(parsed_once, tmp_path) -> Clone:
    made = Clone(shutil.copytree(parsed_once.root, tmp_path / "unit of sales" / "sales"))
    made.git("init", "--quiet")
    give_environment(made)
    installed = made.bare(".venv/bin/poe", "hooks")
    assert installed.returncode == 0, installed.stderr
    made.git("add", "--all")
    made.git("commit", "--quiet", "--no-verify", "--message", "Stamp")
    return made


def model(description: str = "One row per thing.", tests: str = "[not_null, unique]") -> str:
    """The YAML of a model <name> that keeps every rule."""
    return (
        "version: 2\n\nmodels:\n  - name: <name>\n"
        + (f"    description: {description}\n" if description else "")
        + "    columns:\n      - name: order_date\n        description: Day.\n        data_type: date\n"
        + (f"        data_tests: {tests}\n" if tests else "")
    )


@dataclass(frozen=True)
class Fault:
    """A planted fault: the files that hold it, the hook that refuses it, and what its message says."""

    hook: str
    says: list[str]
    files: dict[str, str] = field(default_factory=dict)


def bad_model(path: str, sql: str, yml: str | None, *says: str, hook: str = "models") -> Fault:
    files = {f"dbt/models/{path}.sql": sql}
    if yml:
        files[f"dbt/models/{path}.yml"] = yml.replace("<name>", Path(path).name)
    return Fault(hook, list(says), files)


FROM_MART = "select order_date\nfrom {{ ref('daily_order_summary') }}\n"
FROM_STAGING = "select cast(invoiced_at as date) as order_date\nfrom {{ ref('stg_retail__invoices') }}\n"
FROM_SOURCE = "select cast(invoicedate as date) as order_date\nfrom {{ source('raw', 'invoices') }}\n"

FAULTS = {
    "a secret": Fault(
        "secrets",
        ["Secret Type: AWS Access Key", "src/sales/defs/store.py:3", "pragma: allowlist secret"],
        {"src/sales/defs/store.py": f'"""Ours."""\n\nKEY = "{AWS_KEY}"\n'},
    ),
    "SQL in capitals": bad_model(
        "marts/shouted",
        FROM_MART.replace("select", "SELECT"),
        model(),
        "[dbt/models/marts/shouted.sql] FAIL",
        "CP01",
        hook="sql",
    ),
    "SQL that is none": bad_model(
        "marts/garbled", "select from from x\n", model(), "[dbt/models/marts/garbled.sql] FAIL", "PRS", hook="sql"
    ),
    "a staging model without its prefix": bad_model(
        "staging/invoices",
        FROM_SOURCE,
        model(),
        "BB515 dbt/models/staging/invoices.sql: `invoices` does not match",
        "; name it stg_<source>__<table>",
    ),
    "a mart with a prefix": bad_model(
        "marts/int_days",
        FROM_MART,
        model(),
        "BB515 dbt/models/marts/int_days.sql: `int_days` does not match",
        "; name it after what a row is",
    ),
    "an intermediate model without its prefix": bad_model(
        "intermediate/days",
        FROM_STAGING,
        model(),
        "BB515 dbt/models/intermediate/days.sql: `days` does not match",
        "; name it int_<what>",
    ),
    "a model without description": bad_model(
        "marts/undescribed",
        FROM_MART,
        model(description=""),
        "BB515 dbt/models/marts/undescribed.sql: `undescribed` does not have a populated description",
        "; write a `description` of what one row is into the .yml beside it",
    ),
    "a key without a test": bad_model(
        "marts/keyless",
        FROM_MART,
        model(tests=""),
        "BB515 dbt/models/marts/keyless.sql: `keyless` does not have a test for uniqueness",
        "; write `data_tests` `unique` and `not_null` at its key",
    ),
    "a key that may be null": bad_model(
        "marts/maybe",
        FROM_MART,
        model(tests="[unique]"),
        "BB515 dbt/models/marts/maybe.sql: `maybe` has 0 test(s) matching",
        "; write `data_tests` `not_null` at its key in the .yml",
    ),
    "a published model that reads staging": bad_model(
        "published/daily_orders",
        FROM_STAGING,
        None,
        "BB515 dbt/models/published/daily_orders.sql: `daily_orders_v1` references upstream models that are not "
        "permitted: ['stg_retail__invoices']; let a published model read marts only",
    ),
    "a published model that reads staging without a ref": bad_model(
        "published/orders",
        "select cast(invoiced_at as date) as order_date\nfrom staging.stg_retail__invoices\n",
        None,
        "BB515 dbt/models/published/orders.sql: `orders_v1` contains hard-coded table references: "
        "['staging.stg_retail__invoices']. Use `{{ ref(...) }}` or `{{ source(..., ...) }}` instead; ",
    ),
    "a mart that reads a source": bad_model(
        "marts/hasty",
        FROM_SOURCE,
        model(),
        "BB515 dbt/models/marts/hasty.sql: `hasty` references a source",
        "; read a source in a staging model, and that model here",
    ),
    "a staging model that reads another": bad_model(
        "staging/stg_retail__days",
        FROM_STAGING,
        model(),
        "BB515 dbt/models/staging/stg_retail__days.sql: `stg_retail__days` references upstream models",
        "; let a staging model read one source and no model",
    ),
    "a mart that reads a published model": bad_model(
        "marts/backwards",
        "select order_date\nfrom {{ ref('daily_orders') }}\n",
        model(),
        "BB515 dbt/models/marts/backwards.sql: `backwards` references upstream models",
        "; let a mart read staging, intermediate and marts only",
    ),
    "an ingest file with a typo": Fault(
        "files",
        ["BB102 ingest/stores.yaml:3 colums: ", "columns"],
        {
            "ingest/stores.yaml": "description: Stores.\nsource: {kind: file, format: csv, folder: sample, "
            "pattern: stores.csv, when_missing: fail}\ncolums:\n  - {name: store, type: string}\n"
        },
    ),
    "the same typo, by the schema that editors use": Fault("ingest", ["ingest/stores.yaml", "'colums' was unexpected"]),
    "a contract without a version": Fault(
        "contracts",
        ["BB602 contracts/consumes/rates.odcs.yaml:1 version: key `version` is missing"],
        {"contracts/consumes/rates.odcs.yaml": "apiVersion: v3.2.0\nkind: DataContract\nid: rates\n"},
    ),
    "an action that is not pinned": Fault(
        "workflows-safe",
        ["error[unpinned-uses]", ".github/workflows/ours.yml:9:"],
        {
            ".github/workflows/ours.yml": "name: ours\non: push\npermissions: {}\njobs:\n  one:\n    name: one\n"
            "    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/setup-python@v6\n"
        },
    ),
    "a workflow that GitHub cannot read": Fault(
        "workflows",
        [".github/workflows/broken.yml", "'job' was unexpected"],
        {".github/workflows/broken.yml": "name: broken\non: push\npermissions: {}\njob: {}\n"},
    ),
    "YAML out of form": Fault(
        "yaml",
        ["docs/untidy.yml", "2:1", "duplication of key"],
        {"docs/untidy.yml": "one: 1\none: 2\n"},
    ),
    "a misspelt word": Fault(
        "words",
        ["`recieve` should be `receive`", "src/sales/defs/words.py:1"],
        {"src/sales/defs/words.py": '"""We recieve."""\n'},
    ),
    "Python that breaks a rule": Fault(
        "python", ["F401", "src/sales/defs/unused.py:3"], {"src/sales/defs/unused.py": '"""Ours."""\n\nimport os\n'}
    ),
    "Python out of form": Fault(
        "python-format",
        ["src/sales/defs/ugly.py", "poe fmt"],
        {"src/sales/defs/ugly.py": '"""Ours."""\n\nX=1\n'},
    ),
    "an edited platform file": Fault(
        "files",
        ["BB401 ruff.toml: the platform's file was edited; write `poe restore ruff.toml` and use its slot"],
        {"ruff.toml": "line-length = 300\n"},
    ),
}


def verdicts(output: str) -> dict[str, str]:
    """Split what pre-commit prints into the section of each hook that failed, by the hook's id."""
    sections = output.split("- hook id: platform-")[1:]
    names = [section.split("\n", 1)[0] for section in sections]
    # The heading of a section, which may say what to do, ends the section before it.
    headings = [part.rsplit("\n", 2)[-2] for part in output.split("- hook id: platform-")[:-1]]
    return {name: f"{heading}\n{section}" for name, heading, section in zip(names, headings, sections, strict=True)}


@pytest.fixture
def faulty(sales) -> Clone:
    """A project with every fault at once, since one run of all hooks costs more than one fault does."""
    for fault in FAULTS.values():
        for path, text in fault.files.items():
            sales.write(path, text)
    return sales


def unsaid(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return each fault of which the hook that should refuse it does not say all, with what that hook said."""
    assert result.returncode != 0
    output = result.stdout + result.stderr  # git passes the hooks' output on as errors
    assert "Traceback" not in output
    sections = verdicts(output)
    return {
        name: sections.get(fault.hook, output)
        for name, fault in FAULTS.items()
        if not all(words in sections.get(fault.hook, "") for words in fault.says)
    }


@pytest.mark.slow
def test_a_commit_with_faults_is_refused_and_each_is_named(faulty):
    before = faulty.git("rev-parse", "HEAD")
    assert unsaid(faulty.commit()) == {}
    assert faulty.git("rev-parse", "HEAD") == before


@pytest.mark.slow
def test_poe_lint_names_each_fault_in_files_that_git_does_not_know_yet(faulty):
    assert "?? dbt/models/marts/undescribed.sql" in faulty.git("status", "--porcelain", "--untracked-files=all")
    assert unsaid(faulty.bare(".venv/bin/poe", "lint")) == {}


@pytest.mark.slow
def test_a_commit_that_lowers_the_protection_of_a_port_is_refused_at_its_line(sales):
    orders, before = "contracts/orders.odcs.yaml", sales.git("rev-parse", "HEAD")
    for old, new, told in (
        ("{property: masking, value: hash}", "{property: masking, value: none}", "BB615"),
        ("classification: confidential", "classification: internal", "BB614"),
    ):
        sales.replace(orders, old, new)
        refused = sales.commit()
        assert refused.returncode != 0
        said = verdicts(refused.stdout + refused.stderr)
        assert f"{told} {orders}:" in said["contracts"]
        assert sales.git("rev-parse", "HEAD") == before
        sales.replace(orders, new, old)


def platform_hooks(project: StampedProject) -> list[dict]:
    config = yaml.safe_load((project.root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    return config["repos"][0]["hooks"]


def test_every_hook_has_a_fault_that_it_refuses(rendered):
    names = {hook["id"].removeprefix("platform-") for hook in platform_hooks(rendered("minimal"))}
    assert names == {fault.hook for fault in FAULTS.values()} | {"definitions"}  # that one has a test of its own


def test_no_hook_fetches_anything(rendered):
    for hook in platform_hooks(rendered("minimal")):
        assert hook["language"] == "unsupported"
        assert "additional_dependencies" not in hook
        assert "sh platform/hook.sh " in hook["entry"]


@pytest.mark.slow
def test_a_commit_of_a_whole_project_passes_from_a_bare_environment_without_network(sales):
    sales.git("update-ref", "-d", "HEAD")  # as before the first commit: every file is new
    commit = sales.commit()
    assert commit.returncode == 0, commit.stdout + commit.stderr
    said = commit.stdout + commit.stderr
    assert said.count("Passed") == len(platform_hooks(sales))  # so every hook has files, and none was skipped
    assert sales.git("status", "--porcelain") == ""


def test_a_hook_that_concerns_no_file_of_a_fresh_project_would_be_found(sales):
    check = (".venv/bin/python", "-m", "pre_commit.meta_hooks.check_hooks_apply", ".pre-commit-config.yaml")
    fresh = sales.bare(*check)
    assert (fresh.returncode, fresh.stdout) == (0, "")
    sales.replace(".pre-commit-config.yaml", "files: ^(src|ingest)/", "files: ^(sources)/")
    assert "platform-definitions does not apply to this repository" in sales.bare(*check).stdout


def test_a_definition_that_cannot_load_is_refused(sales):
    sales.write("src/sales/defs/crash.py", '"""Ours."""\n\nX = 1 / 0\n')
    result = sales.hook("definitions")
    assert result.returncode == 1
    assert "BB510 src/sales/defs/crash.py:3: " in result.stdout
    assert "Traceback" not in result.stdout


def test_a_deleted_platform_file_is_refused_though_nothing_else_changes(sales):
    (sales.root / "platform" / "hook.sh").rename(sales.root / "platform" / "hooks.sh")
    (sales.root / "ruff.toml").unlink()
    assert sales.hook("files").returncode == 1  # its own launcher is gone: whatever it says, it is no success
    (sales.root / "platform" / "hooks.sh").rename(sales.root / "platform" / "hook.sh")
    assert "BB401 ruff.toml: the platform's file is missing" in sales.hook("files").stdout


def test_an_incremental_model_is_well_written_sql(sales):
    sales.write(
        "dbt/models/marts/days.sql",
        FROM_MART + "{% if is_incremental() %}\n    where order_date > (select max(order_date) from {{ this }})\n"
        "{% endif %}\n",
    )
    result = sales.hook("sql")
    assert result.returncode == 0, result.stdout


def test_jinja_that_is_none_is_refused_though_the_lint_of_sql_leaves_it_to_dbt(sales):
    sales.write("dbt/models/marts/open.sql", "select order_date\nfrom {{ ref('daily_order_summary') }\n")
    result = sales.hook("models")
    assert result.returncode == 1
    assert "BB502 dbt/models/marts/open.sql: " in result.stdout


def test_a_derived_file_edited_by_hand_is_refused(sales):
    sales.write("dbt/profiles.yml", "warehouse: {}\n")
    assert "BB402 dbt/profiles.yml:1: differs from what derives it; write `poe generate`" in sales.hook("files").stdout


# Slots ----------------------------------------------------------------------------------------------------------------


def test_a_model_names_the_rule_that_cannot_hold_for_it(sales):
    sales.write("dbt/models/marts/lines.sql", FROM_MART)
    yml = model(tests="[not_null]").replace("<name>", "lines")
    sales.write("dbt/models/marts/lines.yml", yml)
    said = sales.hook("models").stdout
    assert "`lines` does not have a test for uniqueness" in said
    (exception,) = re.findall(r", or except it in its \.yml: `(config: .*)`$", said, re.MULTILINE)
    sales.write("dbt/models/marts/lines.yml", yml.replace("    columns:\n", f"    {exception}\n    columns:\n"))
    result = sales.hook("models")
    assert result.returncode == 0, result.stdout


def test_a_rule_about_something_else_than_a_model_names_its_file(project):
    project.write(
        "platform/dbt-bouncer.yml",
        "dbt_artifacts_dir: ../dbt/target\nmanifest_checks:\n"
        "  - {name: check_source_names, source_name_pattern: ^shop_, description: name it shop_<table>}\n"
        "  - {name: check_macro_description_populated, description: write one}\n"
        "  - {name: check_exposure_has_meta_keys, keys: [owner], description: write one}\n"
        "  - {name: check_unit_test_expect_format, permitted_formats: [csv], description: write csv}\n"
        "  - {name: check_project_name, project_name_pattern: ^acme_, description: name it acme_<unit>}\n",
    )
    project.write("dbt/macros/half.sql", "{% macro half(x) %}{{ x }} / 2{% endmacro %}\n")
    project.write(
        "dbt/models/marts/board.yml",
        "exposures:\n  - {name: board, type: dashboard, owner: {name: Ann}, depends_on: [ref('daily_order_summary')]}\n"
        "unit_tests:\n  - name: one_day\n    model: daily_order_summary\n"
        "    given: [{input: ref('orders_cleaned'), rows: []}]\n    expect: {rows: []}\n",
    )
    result = project.run("building-block", "check", "models")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    told = re.findall(r"^BB515 (\S+): .*; .*skip_checks: \[(\w+)\]", result.stderr, re.MULTILINE)
    assert set(told) >= {
        ("dbt/generated/raw.yml", "check_source_names"),
        ("dbt/macros/half.sql", "check_macro_description_populated"),
        ("platform/dbt/macros/generate_schema_name.sql", "check_macro_description_populated"),
        ("dbt/models/marts/board.yml", "check_exposure_has_meta_keys"),
        ("dbt/models/marts/board.yml", "check_unit_test_expect_format"),
    }
    assert "BB515 platform/dbt-bouncer.yml: Project name (`sales`) does not conform" in result.stderr


def test_a_comment_or_a_baseline_says_that_something_is_no_secret(sales):
    sales.write("src/sales/defs/ours.py", f'"""Ours."""\n\nKEY = "{AWS_KEY}"  # pragma: allowlist secret\n')
    assert sales.hook("secrets").returncode == 0
    sales.write("sample/keys.json", f'{{"key": "{AWS_KEY}"}}\n')
    assert "sample/keys.json:1" in sales.hook("secrets").stdout
    record = ("sh", "-c", ".venv/bin/detect-secrets scan --no-verify > settings/secrets.baseline")
    assert sales.bare(*record).returncode == 0
    assert sales.hook("secrets").returncode == 0
    sales.write("sample/more.json", f'{{"key": "{AWS_KEY[::-1]}", "other": "{AWS_KEY[:-1]}Z"}}\n')
    assert "sample/more.json:1" in sales.hook("secrets").stdout
    assert sales.bare(*record).returncode == 0
    assert sales.hook("secrets").returncode == 0


@pytest.mark.parametrize("has_baseline", [False, True])
def test_the_path_of_a_template_is_no_secret_and_a_password_in_its_address_is_one(sales, has_baseline):
    recorded = sales.root / ".copier-answers.yml"
    old = next(line for line in recorded.read_text().splitlines() if line.startswith("_src_path: "))
    path = "/home/Zoe_Quinn/Work8/platform-5xKvBwGf/building-block"
    if has_baseline:
        scan = ("sh", "-c", ".venv/bin/detect-secrets scan --no-verify > settings/secrets.baseline")
        assert sales.bare(*scan).returncode == 0
    sales.replace(".copier-answers.yml", old, f"_src_path: {path}")
    assert sales.hook("secrets").returncode == 0
    sales.replace(".copier-answers.yml", path, "https://zoe:Work8-5xKvBwGf@git.example.org/building-block")
    assert "Basic Auth Credentials" in sales.hook("secrets").stdout


def test_a_baseline_follows_the_secrets_that_moved_in_one_go(sales):
    def write(first: str) -> None:
        for number in range(24):  # enough for pre-commit to start several processes, were it let
            sales.write(f"sample/keys_{number}.json", f'{{{first}\n  "key": "{AWS_KEY[:-2]}{number:02}"\n}}\n')

    write("")
    sales.git("add", "--all")
    sales.write("settings/secrets.baseline", sales.bare(".venv/bin/detect-secrets", "scan", "--no-verify").stdout)
    assert sales.hook("secrets").returncode == 0
    write('\n  "moved": true,')
    assert "Please `git add settings/secrets.baseline`" in sales.hook("secrets").stdout
    again = sales.hook("secrets")
    assert again.returncode == 0, again.stdout


def test_a_line_of_a_derived_file_may_be_longer_than_one_that_a_person_writes(sales):
    words = "\n  ".join(["Rechnungsdatenverarbeitung"] * 12)
    sales.replace("ingest/invoices.yaml", "description: Invoice lines", f"description: >-\n  {words}\n  Invoice lines")
    assert sales.bare(".venv/bin/poe", "generate").returncode == 0
    assert max(map(len, (sales.root / "dbt/generated/raw.yml").read_text().splitlines())) > 120
    result = sales.hook("yaml")
    assert result.returncode == 0, result.stdout


GERMAN = "Eine Zeile ist eine Position der Rechnung, oder sie wurde storniert; alle Adressen, als Objekt: vor dem Ist."


def test_prose_in_german_is_committed(sales):
    sales.write("README.md", f"# Rechnungen\n\n{GERMAN}\n")
    sales.write("docs/hinweis.txt", f"{GERMAN}\n")
    sales.replace("ingest/invoices.yaml", "description: Invoice lines", f"description: >-\n  {GERMAN}\n  Invoice lines")
    sales.write("dbt/models/marts/ist_zeilen.sql", FROM_MART)
    sales.write(
        "dbt/models/marts/ist_zeilen.yml",
        model(description=f"|-\n      {GERMAN}\n      Das Objekt ist alle.")
        .replace("<name>", "ist_zeilen")
        .replace("description: Day.", "description: Ob sie gilt oder nicht."),
    )
    # A name in SQL, German comments, and a whole file: what is code has a slot.
    sales.write("dbt/models/marts/oder.sql", f"-- {GERMAN}\n{FROM_MART.replace('order_date', 'order_date as oder')}")
    sales.write(
        "dbt/models/marts/oder.yml", model().replace("<name>", "oder").replace("name: order_date", "name: oder")
    )
    sales.write("src/sales/defs/bericht.py", f'"""{GERMAN}"""\n')
    assert "`oder` should be" in sales.hook("words").stdout
    sales.write(
        "settings/typos.toml",
        '[default.extend-words]\nist = "ist"\noder = "oder"\n\n'
        '[type.sql]\nextend-ignore-re = ["--.*"]\n\n'
        '[files]\nextend-exclude = ["src/sales/defs/bericht.py"]\n',
    )
    assert sales.bare(".venv/bin/poe", "generate").returncode == 0
    commit = sales.commit()
    assert commit.returncode == 0, commit.stdout + commit.stderr


@pytest.mark.slow
def test_a_key_of_several_columns_is_tested(built):
    yml = (
        "version: 2\n\nmodels:\n  - name: <name>\n    data_tests:\n      - bb_unique_together:\n          arguments:\n"
        "            columns: [invoice_number, country]\n"
    )
    for name, rows in {
        "twice": "('1', 'x'), ('1', 'x')",
        "absent": "('1', null)",
        "kept": "('1', 'x'), ('1', 'y')",
    }.items():
        built.write(f"dbt/models/marts/{name}.sql", f"select * from (values {rows}) as t (invoice_number, country)\n")
        built.write(f"dbt/models/marts/{name}.yml", yml.replace("<name>", name))
    result = built.build("marts/twice", "marts/absent", "marts/kept")
    assert "test bb_unique_together_twice_invoice_number__country: Got 1 result" in result.stderr
    assert "test bb_unique_together_absent_invoice_number__country: Got 1 result" in result.stderr
    assert "bb_unique_together_kept" not in result.stderr


def test_a_model_that_names_no_owner_is_the_teams(built_once):
    listed = built_once.python(
        "import dagster as dg, building_block.definitions as d\n"
        "g = d.defs().resolve_asset_graph()\n"
        "print([k.to_user_string() for k in g.executable_asset_keys if not g.get(k).owners])",
    )
    assert listed.stdout.strip() == "[]", listed.stdout + listed.stderr


# The launcher ---------------------------------------------------------------------------------------------------------


def tool(folder: Path) -> None:
    """A tool that says where it lies."""
    folder.mkdir(parents=True)
    (folder / "the-tool").write_text('#!/bin/sh\necho "$0 $*"\n')
    (folder / "the-tool").chmod(0o755)


def test_a_tool_is_taken_from_an_environment_of_the_project_and_from_no_other(rendered, tmp_path):
    root = tmp_path / "unit of sales"
    (root / "platform").mkdir(parents=True)
    shutil.copy2(rendered("minimal").root / "platform" / "hook.sh", root / "platform")
    active = tmp_path / "the active one"
    folders = [root / ".venv/bin", root / ".pixi/envs/default/bin", active / "bin"]
    for folder in folders:
        tool(folder)
    (active / "bin" / "building-block").write_text("#!/bin/sh\n")
    (active / "bin" / "building-block").chmod(0o755)
    installed = active / "lib/python3.12/site-packages/_editable_impl_building_block.pth"
    installed.parent.mkdir(parents=True)
    installed.write_text(f"{root}/platform")

    def run() -> subprocess.CompletedProcess[str]:
        command = ("sh", "platform/hook.sh", "the-tool", "a b", "c")
        environment = {"PATH": f"{active}/bin:/usr/bin:/bin", "VIRTUAL_ENV": str(active)}
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)

    for folder in folders:
        assert run().stdout == f"{folder}/the-tool a b c\n"
        if folder != folders[-1]:
            (folder / "the-tool").unlink()
    installed.write_text(f"{tmp_path}/another unit/platform")
    elsewhere = run()
    assert (elsewhere.returncode, elsewhere.stdout) == (1, "")
    assert elsewhere.stderr == (
        f"BB513 {root}: no environment of the project has the-tool; write `uv sync` or `pixi install` in that folder\n"
    )


def test_without_an_environment_a_commit_is_refused_with_the_command_to_write(sales):
    for name in ("building-block", "typos", "detect-secrets-hook"):
        (sales.root / ".venv" / "bin" / name).unlink()
    sales.write("docs/notes.md", "Ours.\n")
    commit = sales.commit()
    assert commit.returncode != 0
    assert f"BB513 {sales.root}: no environment of the project has building-block; write `uv sync`" in commit.stderr


def test_poe_lint_outside_a_repository_says_what_to_write(project):
    result = project.poe("lint", GIT_CEILING_DIRECTORIES=str(project.root.parent))
    assert result.returncode == 1
    assert result.stderr.startswith(f"BB514 {project.root}: is no git repository")
    assert result.stderr.rstrip().endswith("write `git init` in that folder")


def test_poe_lint_in_a_folder_of_a_larger_repository_says_what_to_do(project):
    project.git("-C", str(project.root.parent), "init", "--quiet")
    result = project.poe("lint")
    assert result.returncode == 1
    assert result.stderr.startswith(f"BB514 {project.root}: is a folder of the git repository {project.root.parent}, ")
    assert result.stderr.rstrip().endswith("; move the project out of that repository, and write `git init` in it")


def test_a_hook_that_runs_all_hooks_ends_in_a_message_and_not_in_itself(project):
    # As version 0.1.0 had it: an update brings the new task before `poe generate` writes the new hooks.
    old = "{id: old, name: lint, entry: poe lint, language: system, pass_filenames: false}"
    project.write(".pre-commit-config.yaml", f"repos:\n- repo: local\n  hooks:\n  - {old}\n")
    project.git("init", "--quiet")
    result = project.poe("lint")
    assert result.returncode == 1
    assert result.stdout.count("BB402 .pre-commit-config.yaml: a hook calls `poe lint`") == 1
    assert "write `poe generate`" in result.stdout
