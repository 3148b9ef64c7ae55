"""`poe impact`: what a change means for a unit's graph, whatever release it comes from."""

import re
import shutil
import subprocess

import pytest
from building_block.impact import Kind, Report, code, packages

from tests.conftest import StampedProject
from tests.stamping import FIRST, NEXT, RELEASES, bring_to, commit, migrate_to, stamp

LAST = next(reversed(RELEASES))
SUMMARY = "sales/marts/daily_order_summary"
ASSET = '''"""Ours."""

import dagster as dg


@dg.asset(
    key_prefix=["sales", "reporting"], group_name="reporting", deps=[["sales", "marts", "orders_cleaned"]],
    owners=["ann@example.org"], partitions_def=dg.DailyPartitionsDefinition("2010-12-01"),
    automation_condition=dg.AutomationCondition.eager(),
)
def day_sheet(): ...


@dg.asset_check(asset=["sales", "reporting", "day_sheet"], blocking=True)
def day_sheet_is_whole(): ...


day_sheets = dg.define_asset_job("day_sheets", selection=[day_sheet])
daily = dg.ScheduleDefinition(name="daily", cron_schedule="0 5 * * *", target=day_sheets)
print("this is not of the report")
'''


def impact(project: StampedProject, against: str = "HEAD") -> subprocess.CompletedProcess[str]:
    return project.run("building-block", "impact", "--against", against)


def told(project: StampedProject, against: str = "HEAD") -> list[str]:
    """Return the lines of the report, of a project that loads."""
    result = impact(project, against)
    assert result.returncode == 0, result.stdout + result.stderr
    return [line for line in result.stdout.replace("\u200b", "").splitlines() if line]


@pytest.fixture
def own(ready) -> StampedProject:
    """A project with assets of its own, committed."""
    ready.write("src/sales/defs/day_sheet.py", ASSET)
    commit(ready, "Ours")
    return ready


# Every release --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("version", [FIRST, LAST])
def test_an_update_from_a_release_that_had_no_impact_is_told(template, tmp_path, version):
    project = stamp(template, version, tmp_path / "sales")
    migrate_to(template, project, NEXT)
    bring_to(template, project, NEXT)
    verdict, *lines = told(project, project.git("rev-list", "--max-parents=0", "HEAD").strip())
    assert re.match(r"\*\*(Nothing changes|\d+ changes?) in your graph\*\*: ", verdict), verdict
    if version == FIRST:
        assert "- added: `bb_automation`, `bb_landing`" in lines
        assert "- removed: `default_automation_condition_sensor`" in lines
        assert any("starts: `by hand` → `when_data_changes`" in line for line in lines)
    assert project.git("status", "--porcelain") == ""


# What differs ---------------------------------------------------------------------------------------------------------


def test_where_nothing_changes_one_sentence_says_so_and_counts(ready):
    ready.write("README.md", "# Ours\n")
    (verdict,) = told(ready)
    assert re.fullmatch(
        r"\*\*Nothing changes in your graph\*\*: 11 assets, 50 asset checks, 1 job, 1 schedule, 2 sensors, 2 contracts "
        r"and \d\d dependencies are as they were\.",
        verdict,
    )


def test_what_changes_is_told_by_kind_and_in_words(own):
    (own.root / "src/sales/defs/reporting.py").unlink()
    own.replace("src/sales/defs/day_sheet.py", "eager()", "on_missing()")
    own.replace("src/sales/defs/day_sheet.py", "ann@example.org", "team:writers")
    own.replace("src/sales/defs/day_sheet.py", "2010-12-01", "2011-01-01")
    own.replace("src/sales/defs/day_sheet.py", "orders_cleaned", "orders_rejected")
    own.replace("src/sales/defs/day_sheet.py", "blocking=True", "blocking=False")
    own.replace("src/sales/defs/day_sheet.py", "0 5 * * *", "0 6 * * *")
    own.replace("dbt/models/marts/daily_order_summary.sql", "select", "select -- ours\n")
    own.replace(
        "dbt/models/marts/daily_order_summary.yml", "    columns:", "    config: {meta: {freshness: 2d}}\n    columns:"
    )
    own.write("dbt/models/marts/best_day.sql", "select 1 as one\n")
    own.replace("contracts/orders.odcs.yaml", "version: 1.0.0", "version: 1.0.1")  # which is published anew
    own.replace("contracts/orders.odcs.yaml", "Country of the customer.", "The customer's country.")
    own.replace("pyproject.toml", '["building-block', '["humanize>=4", "building-block')
    assert own.poe("generate").returncode == 0
    verdict, *lines = told(own)
    assert verdict.startswith(
        "**8 changes in your graph**: 1 asset added, 1 asset removed, 3 assets changed, 1 asset check"
    )
    assert "1 schedule changed and 1 contract changed; 1 dependency added; 8 assets, 50 asset checks" in verdict
    assert {
        "### Assets",
        "- added: `sales/marts/best_day`",
        "- removed: `sales/reporting/order_report`",
        f"- changed: `{SUMMARY}`: may be as old as: `any` → `2 days, 0:00:00`; other code, so the next build makes it "
        "anew",
        "- changed: `sales/reporting/day_sheet`: reads: `sales/marts/orders_rejected` added, "
        "`sales/marts/orders_cleaned` removed; "
        "partitions: `Daily, starting 2010-12-01 UTC.` → `Daily, starting 2011-01-01 UTC.`; "
        "starts: `eager` → `on_missing`; owners: `team:writers` added, `ann@example.org` removed",
        "- changed: `sales/reporting/day_sheet: day_sheet_is_whole`: no longer blocks what follows",
        "- changed: `daily`: cron: `0 5 * * *` → `0 6 * * *`",
        "- changed: `orders`: version: `1.0.0` → `1.0.1`; `words that promise nothing`",
        "- added: `humanize`",
    } <= set(lines)
    assert not any("this is not of the report" in line for line in lines)


def test_a_project_in_a_folder_of_its_repository_is_compared_with_itself_and_git_is_left_as_it_is(own, tmp_path):
    whole = StampedProject(tmp_path / "whole")
    whole.root.mkdir()
    shutil.move(own.root, whole.root / "unit of sales")
    project = StampedProject(whole.root / "unit of sales")
    shutil.move(project.root / ".git", whole.root / ".git")
    commit(whole, "Move")
    for hook in ("post-checkout", "post-index-change"):
        whole.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch {tmp_path}/called\n").chmod(0o755)
    (project.root / "src/sales/defs/day_sheet.py").unlink()
    before = whole.git("status", "--porcelain"), (whole.root / ".git/index").read_bytes()
    (tmp_path / "called").unlink(missing_ok=True)
    verdict, *_ = told(project)
    assert verdict.startswith(
        "**4 changes in your graph**: 1 asset removed, 1 asset check removed, 1 job removed and 1 sch"
    )
    assert not (tmp_path / "called").exists()
    assert (whole.root / ".git/index").read_bytes() == before[1]
    assert whole.git("status", "--porcelain") == before[0]


# What does not load ---------------------------------------------------------------------------------------------------


def test_a_project_that_did_not_load_is_compared_as_far_as_that_goes(own):
    own.write("src/sales/defs/broken.py", "import prophet\n")
    own.replace("pyproject.toml", '["building-block', '["humanize>=4", "building-block')
    commit(own, "Break")
    (own.root / "src/sales/defs/broken.py").unlink()
    own.replace("pyproject.toml", '"humanize>=4", ', "")
    verdict, *lines = told(own)
    assert verdict.startswith(
        "**The graph cannot be compared**, for the project does not load at `HEAD`. 1 dependency removed; 2 contracts "
    )
    start = lines.index("What keeps it from loading at `HEAD`:")
    assert lines[start + 1] == "```text"
    assert lines[start + 2].startswith("BB510 src/sales/defs/broken.py:1: ")
    assert lines[start + 3] == "```"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("import prophet\n", r"BB510 src/sales/defs/broken\.py:1: .*prophet"),
        ("raise SystemExit('so be it')\n", r"BB510 src: the process ended with 1 while it loaded: so be it"),
    ],
)
def test_a_project_that_does_not_load_fails_and_the_report_says_why(own, fault, message):
    own.write("src/sales/defs/broken.py", fault)
    result = impact(own)
    assert result.returncode == 1
    assert result.stdout.startswith("**The project does not load**, so nothing of it can run. Besides: ")
    assert re.match(message, result.stderr), result.stderr
    assert result.stderr.strip() in result.stdout


def test_before_a_project_had_a_platform_nothing_is_loaded_in_its_place(own):
    own.git("checkout", "--quiet", "--orphan", "before")
    own.git("rm", "-r", "--quiet", "--cached", ".")
    own.git("add", "README.md")
    own.git("commit", "--quiet", "--message", "Before")
    before = own.git("rev-parse", "HEAD").strip()
    commit(own, "Stamp")
    verdict, *lines = told(own, before)
    assert verdict.startswith(f"**The graph cannot be compared**, for the project does not load at `{before}`")
    assert "it had no platform/ then" in lines


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda project: None, "BB620 --against mian: `mian` is no commit of this clone; write a branch, tag or"),
        (lambda project: shutil.rmtree(project.root / ".git"), "BB620 --against mian: git reads no repository here: "),
    ],
)
def test_what_cannot_be_compared_with_is_told_in_one_message(ready, spoil, message):
    spoil(ready)
    result = impact(ready, "mian")
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert result.stderr.startswith(message)


def test_a_commit_that_has_the_repository_and_not_the_project_is_told_in_one_message(ready, tmp_path):
    whole = StampedProject(tmp_path / "whole")
    whole.write("README.md", "All units.\n")
    whole.git("init", "--quiet")
    commit(whole, "Begin")
    shutil.rmtree(ready.root / ".git")
    shutil.move(ready.root, whole.root / "sales")
    result = impact(StampedProject(whole.root / "sales"))
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert result.stderr.startswith("BB620 --against HEAD: the project cannot be read from it: ")


# Markdown -------------------------------------------------------------------------------------------------------------

HOSTILE = "a`b @acme/all <img src=x> [x](y) | \n# c \u202e</details>"


def report(*kinds: Kind, **problems: list[str]) -> str:
    return Report("main", kinds, *(problems.get(name, []) for name in ("before", "after", "contracts"))).markdown


def test_text_of_others_is_code_on_one_line_that_mentions_nobody():
    shown = code(HOSTILE)
    assert re.fullmatch(r"`[^`\n]+`", shown)
    assert "@acme" not in shown
    assert "\u202e" not in shown
    whole = report(
        Kind("contract", {HOSTILE: {"version": "1"}}, {HOSTILE: {"version": HOSTILE}}), Kind("asset", {}, {HOSTILE: {}})
    )
    assert "@acme" not in whole
    assert {line[:1] for line in whole.splitlines()} <= {"", "*", "#", "-"}
    # Outside of code nothing is left that anybody wrote but us.
    assert not re.search(r"[<>|\[\]@]", re.sub(r"`[^`\n]+`", "", whole))


def test_a_message_cannot_end_the_block_that_it_is_shown_in():
    whole = report(after=["BB510 src: ```` \n```\n# heading @acme/all"]).splitlines()
    assert whole.count("`````text") == whole.count("`````") == 1
    assert "# heading @\u200bacme/all" in whole[whole.index("`````text") : whole.index("`````")]


def test_things_that_became_the_same_share_a_line_that_names_some_of_them():
    names = [f"sales/marts/m{number:03}" for number in range(100)]
    whole = report(
        Kind("asset", {name: {"group": "marts"} for name in names}, {name: {"group": "gold"} for name in names})
    )
    (line,) = [line for line in whole.splitlines() if line.startswith("- ")]
    assert line.endswith("`sales/marts/m019` and 80 more: group: `marts` → `gold`")


def test_a_report_is_never_longer_than_a_comment_may_be():
    after = {f"sales/marts/m{number:05}": {"group": f"g{number}"} for number in range(5000)}
    whole = report(Kind("asset", {name: {"group": "ä"} for name in after}, after))
    assert len(whole.encode()) < 65_536
    assert whole.splitlines()[-1] == "- and more than a comment can hold"


def test_locked_versions_are_told_where_both_sides_have_a_lock(tmp_path):
    before, after = (StampedProject(tmp_path / name) for name in ("before", "after"))
    before.write("uv.lock", "".join(f'[[package]]\nname = "{name}"\nversion = "1"\n' for name in "abc"))
    assert [kind.name for kind in packages(before.root, after.root)] == ["dependency"]
    after.write("uv.lock", before.write("uv.lock", (before.root / "uv.lock").read_text()).read_text())
    after.replace("uv.lock", 'name = "b"', 'name = "d"')
    after.replace("uv.lock", 'name = "a"\nversion = "1"', 'name = "a"\nversion = "2"')
    verdict, *lines = [line for line in report(*packages(before.root, after.root)).splitlines() if line]
    became = "1 locked package added, 1 locked package removed and 1 locked package changed"
    assert verdict == f"**Nothing changes in your graph**: {became}."
    assert lines == ["### Locked packages", "- added: `d`", "- removed: `b`", "- changed: `a`: version: `1` → `2`"]


def test_a_requirement_is_told_where_it_is_asked_for_and_one_that_nobody_can_read_as_it_is_written(tmp_path):
    before, after = (StampedProject(tmp_path / name) for name in ("before", "after"))
    platform = '[project]\nrequires-python = ">=3.11"\ndependencies = ["Duck_DB>=1.5"]\n'
    before.write("platform/pyproject.toml", platform)
    before.write("pyproject.toml", '[project]\ndependencies = ["humanize"]\n[dependency-groups]\ndev = ["pytest>=9"]\n')
    after.write(
        "platform/pyproject.toml", platform.replace("3.11", "3.12") + 'optional-dependencies.ml = ["duck.db<2"]\n'
    )
    after.write("pyproject.toml", '[project]\ndependencies = ["not a requirement @acme"]\n')
    _, *lines = [line for line in report(*packages(before.root, after.root)).splitlines() if line]
    assert lines == [
        "### Dependencies",
        "- added: `not a requirement @\u200bacme`",
        "- removed: `humanize`, `pytest`",
        "- changed: `duck-db`: platform, extra ml: `<2` added",
        "- changed: `python`: platform: `>=3.11` → `>=3.12`",
    ]
