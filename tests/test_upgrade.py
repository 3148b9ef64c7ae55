"""The updater: every release to the tree under test, whatever a unit has done, and nothing of the unit's is lost."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from building_block.explanations import EXPLANATIONS
from building_block.messages import Code, ProblemError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import StampedProject
from tests.stamping import FIRST, LATER, NEXT, bring_to, call, commit, files, platform, stamp, work_in
from tools.ownership import classes_of
from upgrade.aside import Home
from upgrade.template import Template
from upgrade.tree import Tree

# What a unit may have done --------------------------------------------------------------------------------------------


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_unit_writes_into_its_own_files_stays(stamped, later, tmp_path_factory, data):
    project = StampedProject(tmp_path_factory.mktemp("any") / "sales")
    shutil.copytree(stamped.root, project.root, symlinks=True)
    own = sorted(path for path in files(project) if classes_of(path) == ["domain"] and path != "pyproject.toml")
    for path in data.draw(st.lists(st.sampled_from(own), max_size=6, unique=True)):
        match data.draw(st.sampled_from(["delete", "rename", "bytes", "executable", "link"])):
            case "delete":
                (project.root / path).unlink()
            case "rename":
                (project.root / path).rename(project.root / f"{path}.ours")
            case "bytes":
                (project.root / path).write_bytes(data.draw(st.binary(max_size=200)))
            case "executable":
                (project.root / path).chmod(0o755)
            case "link":
                (project.root / path).unlink()
                (project.root / path).symlink_to("nowhere")
    for name in data.draw(st.lists(st.sampled_from(["a b.sql", "ä.md", "x/y.rej", "-n", "'q'.txt"]), unique=True)):
        project.write(f"docs/{name}", data.draw(st.text(max_size=50)))
    commit_if_any(project)
    before = Home.of(project.root).head().entries
    bring_to(later, project, LATER)
    after = Home.of(project.root).head().entries
    own = {path for path in before.keys() | after.keys() if classes_of(path) not in (["platform"], ["derived"])}
    assert {path: before.get(path) for path in own} == {path: after.get(path) for path in own}


def commit_if_any(project: StampedProject) -> None:
    project.git("add", "--all")
    project.git("commit", "--quiet", "--allow-empty", "--message", "Work")


# What a release may bring ---------------------------------------------------------------------------------------------


def test_a_release_renames_deletes_adds_and_asks_and_an_edited_file_is_in_the_history(later, ready):
    ready.replace("platform/building_block/sql.py", "Names and text as SQL", "Ours")
    (ready.root / "platform" / "hook.sh").unlink()
    ready.git("mv", "ruff.toml", "docs/ruff.toml")
    (ready.root / "settings" / "tasks.toml").unlink()
    commit(ready, "Drift")
    before = ready.git("rev-parse", "HEAD").strip()
    bring_to(later, ready, LATER)
    assert ready.git("status", "--porcelain") == ""
    assert not (ready.root / "platform/building_block/sql.py").exists()
    assert not (ready.root / "platform/dbt-bouncer.yml").exists()
    assert "line-length = 110" in (ready.root / "ruff.toml").read_text()
    assert os.access(ready.root / "platform" / "hook.sh", os.X_OK)
    assert "domain_region: eu" in (ready.root / ".copier-answers.yml").read_text()
    assert (ready.root / "AGENTS.md").is_file(), "a seed that a release has no more was deleted"
    assert not (ready.root / "settings" / "seed.toml").exists()
    assert not (ready.root / "settings" / "tasks.toml").exists(), "a deleted seed came back"
    messages = ready.git("log", "--format=%s", f"{before}..HEAD").splitlines()
    assert messages == [f"Update the building block from {NEXT} to {LATER}", "Restore files of the platform"]
    restored = set(ready.git("diff", "--name-only", before, "HEAD~1").splitlines())
    assert restored == {"platform/building_block/sql.py", "platform/hook.sh", "ruff.toml"}


def test_a_name_that_is_reserved_later_strands_nobody(later, ready, tmp_path):
    reserving = StampedProject(shutil.copytree(later.root, tmp_path / "reserving"))
    names = (reserving.root / "jinja" / "reserved-names.txt").read_text(encoding="utf-8")
    reserving.write("jinja/reserved-names.txt", f"{names}sales\n")
    commit(reserving, "Reserve")
    reserving.git("tag", "v1002.0.0")
    bring_to(reserving, ready, "v1002.0.0")
    assert 'slug = "sales"' in (ready.root / "platform" / "domain.toml").read_text()


def test_a_platform_file_that_the_unit_has_excepted_stays_the_units(later, ready):
    ready.replace("ruff.toml", "line-length = 120", "line-length = 99")
    ready.write(
        "settings/exceptions.yaml", "exceptions:\n- {path: ruff.toml, reason: narrow screens, until: 2027-01-31}\n"
    )
    commit(ready, "Except")
    bring_to(later, ready, LATER)
    assert "line-length = 99" in (ready.root / "ruff.toml").read_text()
    assert ready.git("log", "--format=%s").splitlines()[0].startswith("Update")
    assert ready.git("log", "--format=%s").splitlines()[1] == "Except", "an excepted file was restored"


@pytest.mark.parametrize("path", ["docs", "docs/contracts", "dbt/profiles.yml", "platform/building_block"])
def test_nothing_is_written_through_a_symbolic_link_of_the_unit(later, ready, tmp_path, path):
    outside = tmp_path / "outside"
    shutil.move(ready.root / path, outside)
    (ready.root / path).symlink_to(outside)
    commit(ready, "Link")
    before = snapshot(StampedProject(outside)) if outside.is_dir() else outside.read_bytes()
    with pytest.raises(ProblemError, match=rf"BB423 {path}: is a symbolic link where the platform writes"):
        bring_to(later, ready, LATER)
    assert before == (snapshot(StampedProject(outside)) if outside.is_dir() else outside.read_bytes())
    assert ready.git("status", "--porcelain") == ""


def test_what_an_ignored_file_hides_is_not_written_over(later, ready):
    ready.write(".git/info/exclude", "new.md\n")
    ready.write("platform/new.md", "ours, and ignored\n")
    before = ready.git("rev-parse", "HEAD")
    with pytest.raises(ProblemError, match=r"BB423 platform/new\.md: is in the way"):
        bring_to(later, ready, LATER)
    assert ready.git("rev-parse", "HEAD") == before
    assert (ready.root / "platform/new.md").read_text() == "ours, and ignored\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("version", [FIRST, NEXT])
def test_an_answer_to_what_nobody_is_asked_changes_nothing(template, tmp_path, version):
    given = {
        "domain_name": "Sales",
        "repository_url": "https://github.com/acme/sales-data",
        "owner_email": "sales-data@acme.com",
    }
    computed = {
        "domain_slug": 'x"]\n[tool.uv]\nfind-links = ["/etc',
        "organisation": "evil",
        "platform_team": "evil",
        "platform_paths": ["/**"],
    }
    for name, answers in {"plain": given, "crafted": given | computed}.items():
        Template(template.root, version).render(version, answers, tmp_path / name)
    plain, crafted = (contents(tmp_path / name) for name in ("plain", "crafted"))
    assert crafted == plain


# Where a project may lie ----------------------------------------------------------------------------------------------


def shallow(template: StampedProject, project: StampedProject) -> StampedProject:
    clone = StampedProject(project.root.parent / "shallow")
    commit_if_any(project)
    project.git("clone", "--quiet", "--depth=1", f"file://{project.root}", str(clone.root))
    return clone


def with_spaces(template: StampedProject, project: StampedProject) -> StampedProject:
    return StampedProject(project.root.rename(project.root.parent / "unit of sales"))


def in_a_worktree(template: StampedProject, project: StampedProject) -> StampedProject:
    project.git("worktree", "add", "--quiet", "-b", "upgrade", str(project.root.parent / "worktree"))
    return StampedProject(project.root.parent / "worktree")


def in_a_monorepo(template: StampedProject, project: StampedProject) -> StampedProject:
    shutil.rmtree(project.root / ".git")
    whole = StampedProject(project.root.parent / "whole")
    whole.root.mkdir()
    whole.git("init", "--quiet")
    whole.write("README.md", "All units.\n")
    project.root.rename(whole.root / "sales")
    commit(whole, "All")
    return StampedProject(whole.root / "sales")


@pytest.mark.parametrize("placed", [shallow, with_spaces, in_a_worktree, in_a_monorepo])
def test_an_update_does_not_mind_where_the_project_lies(template, tmp_path, placed):
    own = StampedProject(shutil.copytree(template.root, tmp_path / "template"))
    project = placed(own, stamp(own, FIRST, tmp_path / "sales"))
    bring_to(own, project, NEXT)
    fresh = stamp(template, NEXT, tmp_path / "fresh")
    expected = {path: digest for path, digest in platform(fresh).items() if path != ".copier-answers.yml"}
    assert {path: digest for path, digest in platform(project).items() if path in expected} == expected
    assert f"_src_path: {own.root}" in (project.root / ".copier-answers.yml").read_text()
    assert project.git("status", "--porcelain") == ""


def test_a_template_that_moved_is_named_once_and_recorded(template, tmp_path):
    old = StampedProject(shutil.copytree(template.root, tmp_path / "old"))
    project = stamp(old, NEXT, tmp_path / "sales")
    new = StampedProject(old.root.rename(tmp_path / "new"))
    lost = project.poe("update")
    assert lost.returncode == 1
    assert lost.stderr.startswith(f"BB427 {old.root}: the template cannot be fetched: ")
    found = project.poe("update", "--from", str(new.root))
    assert found.returncode == 0, found.stderr
    assert f"_src_path: {new.root}\n" in (project.root / ".copier-answers.yml").read_text()
    assert project.git("status", "--porcelain") == ""


def test_who_git_does_not_know_commits_in_the_name_of_the_domain(later, ready, tmp_path):
    nobody = {"HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": "/dev/null", "EMAIL": "", "GIT_CONFIG_SYSTEM": "/dev/null"}
    ready.git("config", "user.useConfigOnly", "true")
    result = call(later, ready, "update", f"--to={LATER}", **nobody)
    assert "BB425" in result.stderr, "it stops later, for what the check says of that release: it could commit"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda project: project.write("README.md", "x"), "BB420 README.md: is not committed; commit or"),
        (lambda project: project.write("new.txt", "x"), "BB420 new.txt: is not committed; commit or"),
        (lambda project: project.git("checkout", "--quiet", "--detach"), "BB420 HEAD: no branch is checked out"),
        (
            lambda project: commit((project.root / ".copier-answers.yml").unlink() or project, "x"),
            "BB422 .copier-answers.yml: the file is missing",
        ),
    ],
)
def test_a_project_that_is_not_ready_is_refused_in_one_sentence(later, ready, spoil, message):
    spoil(ready)
    before = files(ready)
    result = call(later, ready, "update", f"--to={LATER}")
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1), result.stderr
    assert result.stderr.startswith(message)
    assert files(ready) == before


# Nothing half done ----------------------------------------------------------------------------------------------------


def snapshot(project: StampedProject) -> dict[str, tuple]:
    """Return every file with its content's hash and times, git's own files too."""
    found = {}
    for file in sorted(project.root.rglob("*")):
        about = file.lstat()
        content = file.read_bytes() if file.is_file() else b""
        found[str(file)] = (content, about.st_mode, about.st_mtime_ns if file.is_file() else 0)
    return found


def test_a_dry_run_shows_the_difference_and_touches_nothing(later, ready):
    before = snapshot(ready)
    result = call(later, ready, "update", f"--to={LATER}", "--dry-run")
    assert "-line-length = 120\n+line-length = 110\n" in result.stdout
    assert snapshot(ready) == before


def test_a_check_that_failed_before_does_not_hold_an_update_up_and_one_that_fails_only_after_it_does(later, ready):
    ready.write("ingest/broken.yaml", "columns: []\n")
    commit(ready, "Broken before")
    before = ready.git("rev-parse", "HEAD")
    result = call(later, ready, "update", f"--to={LATER}")
    assert result.returncode == 1  # the later release lacks a module that its own code imports
    assert f"BB425 {LATER}: `poe check` would say the above" in result.stderr
    assert "ingest/broken.yaml" not in result.stderr
    assert ready.git("rev-parse", "HEAD") == before
    assert ready.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_an_update_that_is_killed_at_any_moment_is_ended_by_the_next_one(template, tmp_path):
    once = stamp(template, "v0.4.0", tmp_path / "once")  # since which every kind of file was added or changed
    work_in(once)
    commit(once, "Work")
    before = Home.of(once.root).head().entries

    def begun(project: StampedProject) -> subprocess.Popen:
        path = os.pathsep.join(map(str, (template.root, template.root / "template" / "platform")))
        return subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "upgrade", "update", str(project.root)],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    undisturbed = StampedProject(shutil.copytree(once.root, tmp_path / "undisturbed"))
    began = time.monotonic()
    assert begun(undisturbed).wait() == 0
    lasts = time.monotonic() - began
    wanted = files(undisturbed)
    chance = random.Random(5)  # noqa: S311 - no secret
    moments = [chance.uniform(part * lasts / 7, (part + 1) * lasts / 7) for part in range(7)]
    for number, moment in enumerate([*moments, None, None, None]):  # at the end, while the files are being written
        project = StampedProject(shutil.copytree(once.root, tmp_path / f"killed-{number}"))
        process = begun(project)
        if moment is None:
            while not (project.root / ".git" / "building-block-update.json").exists() and process.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
        else:
            time.sleep(moment)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        again = call(template, project, "update")
        assert again.returncode == 0, again.stderr
        assert files(project) == wanted
        assert project.git("status", "--porcelain") == ""
        after = Home.of(project.root).head().entries
        own = [path for path in before if classes_of(path) not in (["platform"], ["derived"])]
        assert all(before[path] == after.get(path) for path in own)


@pytest.mark.parametrize(
    "moment", ["before the files", "between them", "within one", "before the branch", "with a lock left"]
)
def test_a_landing_that_is_cut_off_is_ended_by_the_next_update(later, ready, moment):
    """Planted: the journal and the files as a kill within the landing leaves them."""
    home = Home.of(ready.root)
    done = StampedProject(shutil.copytree(ready.root, ready.root.parent / "done"))
    bring_to(later, done, LATER)
    ready.git("fetch", "--quiet", str(done.root), "HEAD")
    old, new = (one.git("rev-parse", "HEAD").strip() for one in (ready, done))
    ready.write(".git/building-block-update.json", f'{{"before": "{old}", "after": "{new}"}}')
    if moment != "before the files":
        ready.git("checkout", "--quiet", new, "--", "ruff.toml", "platform/new.md")
    if moment == "within one":
        whole = (done.root / "platform" / "building_block" / "queries.py").read_bytes()
        (ready.root / "platform" / "building_block" / "queries.py").write_bytes(whole[: len(whole) // 2])
    if moment == "before the branch":
        ready.git("checkout", "--quiet", new, "--", ".")
    if moment == "with a lock left":
        ready.write(".git/index.lock", "")
    ready.write("README.md", "# Written after the kill\n")
    result = call(later, ready, "update", f"--to={LATER}")
    assert "An update that was broken off has been ended." in result.stdout
    assert result.stderr.startswith("BB420 README.md: is not committed"), result.stderr
    assert ready.git("status", "--porcelain") == " M README.md\n"
    assert ready.git("rev-parse", "HEAD").strip() == new
    ready.git("checkout", "--quiet", "README.md")
    assert files(ready) == files(done)
    assert home.git.path("building-block-update.json").exists() is False


def test_a_file_that_was_edited_after_a_kill_is_not_written_over(later, ready):
    done = StampedProject(shutil.copytree(ready.root, ready.root.parent / "done"))
    bring_to(later, done, LATER)
    ready.git("fetch", "--quiet", str(done.root), "HEAD")
    old, new = (one.git("rev-parse", "HEAD").strip() for one in (ready, done))
    ready.write(".git/building-block-update.json", f'{{"before": "{old}", "after": "{new}"}}')
    ready.write("ruff.toml", "# edited\n")
    result = call(later, ready, "update", f"--to={LATER}")
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert result.stderr.startswith("BB423 ruff.toml: is in the way of a file of the platform")
    assert (ready.root / "ruff.toml").read_text() == "# edited\n"


# Who and what git is told by ------------------------------------------------------------------------------------------


def test_what_a_hook_tells_git_of_its_own_repository_is_not_passed_on(later, ready):
    before = snapshot(ready)
    told = {"GIT_DIR": str(ready.root / ".git"), "GIT_INDEX_FILE": str(ready.root / ".git" / "index")}
    result = call(later, ready, "update", f"--to={LATER}", "--dry-run", **told)
    assert "+line-length = 110\n" in result.stdout
    assert snapshot(ready) == before


def test_neither_hooks_nor_signatures_nor_filters_nor_ignored_names_of_a_person_hinder_it(later, ready, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "prepare-commit-msg", "pre-commit", "commit-msg"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    ready.write(".gitattributes", (ready.root / ".gitattributes").read_text())
    ready.write("sample/.gitattributes", "*.csv filter=absent\n")
    commit(ready, "Filter")
    ready.write(
        "../settings",
        f"[core]\nhooksPath = {hooks}\nexcludesFile = {tmp_path / 'ignored'}\n[commit]\ngpgsign = true\n"
        "[tag]\ngpgSign = true\n[gpg]\nprogram = false\n[color]\nui = always\n[diff]\nnoprefix = true\n"
        '[filter "absent"]\nrequired = true\nsmudge = false\nclean = cat\n[user]\nname = U\nemail = u@example.org\n',
    )
    (tmp_path / "ignored").write_text("new.md\nqueries.py\n")
    personal = {"GIT_CONFIG_GLOBAL": str(tmp_path / "settings")}
    result = call(later, ready, "update", f"--to={LATER}", **personal)
    assert f"BB425 {LATER}: " in result.stderr, "it comes as far as the check of that release, which lacks a module"
    path = os.pathsep.join(map(str, (later.root, later.root / "template" / "platform")))
    lands = (
        "import sys; from pathlib import Path; from upgrade.aside import Home; from upgrade.template import Template;"
        "from upgrade.update import bring, land; home = Home.of(Path(sys.argv[1]))\n"
        f"with home.aside() as aside: bring(Template.of(Path(sys.argv[2]), '{LATER}'), aside); land(home, aside)"
    )
    done = ready.run(sys.executable, "-c", lands, str(ready.root), str(later.root), PYTHONPATH=path, **personal)
    assert done.returncode == 0, done.stderr
    assert ready.git("status", "--porcelain") == ""
    assert (ready.root / "platform" / "new.md").is_file()


def test_a_module_of_the_unit_at_its_root_is_not_the_updater(later, ready):
    ready.write("upgrade.py", "print('OURS RUNS')\n")
    ready.write("yaml.py", "print('OURS RUNS')\n")
    commit(ready, "Name modules so")
    assert "OURS RUNS" not in ready.poe("add").stdout


def test_an_excepted_file_that_the_unit_deleted_stays_deleted(later, ready):
    (ready.root / "platform" / "hook.sh").unlink()
    ready.write(
        "settings/exceptions.yaml", "exceptions:\n- {path: platform/hook.sh, reason: no sh here, until: 2027-01-31}\n"
    )
    commit(ready, "Except")
    bring_to(later, ready, LATER)
    assert not (ready.root / "platform" / "hook.sh").exists()


def test_what_fails_anew_is_told_though_the_derived_files_could_not_be_written_before_either(later, ready):
    ready.write("settings/profiles.yml", "warehouse: [\n")
    commit(ready, "Break")
    before = ready.git("rev-parse", "HEAD")
    result = call(later, ready, "update", f"--to={LATER}")
    assert result.returncode == 1
    assert "BB404" not in result.stderr
    assert f"BB425 {LATER}: " in result.stderr
    assert ready.git("rev-parse", "HEAD") == before


@pytest.mark.parametrize("undone", ["by a reset and more work", "and what it brought is cleared up"])
def test_a_journal_of_an_update_that_a_person_has_undone_holds_nothing_up(later, ready, undone):
    old = ready.git("rev-parse", "HEAD").strip()
    ready.write("README.md", "# More work\n")
    commit(ready, "More work")
    gone = "0" * 39 + "1"
    after = old if undone == "by a reset and more work" else gone
    ready.write(".git/building-block-update.json", f'{{"before": "{old}", "after": "{after}"}}')
    result = call(later, ready, "migrate", "--apply", f"--to={LATER}")
    assert result.returncode == 0, result.stderr
    assert not (ready.root / ".git" / "building-block-update.json").exists()


def test_a_git_that_is_at_work_is_waited_for_and_its_lock_not_taken(later, ready):
    ready.write(".git/index.lock", "")
    before = files(ready)
    with pytest.raises(ProblemError, match=r"BB420 .*: another git is at work here"):
        bring_to(later, ready, LATER)
    assert (ready.root / ".git" / "index.lock").is_file()
    assert files(ready) == before


@pytest.mark.parametrize("path", [b"docs/caf\xe9.md", "docs/a\nb.md"])
def test_a_name_that_copier_cannot_read_is_told_by_its_name(later, ready, path):
    with open(os.path.join(os.fsencode(ready.root), os.fsencode(path)), "w") as file:
        file.write("x")
    commit(ready, "Name")
    with pytest.raises(ProblemError, match=r"BB423 docs/.*: has a name that copier cannot read"):
        bring_to(later, ready, LATER)


# Single files ---------------------------------------------------------------------------------------------------------


def test_a_platform_file_is_taken_back_and_no_other_path_is(later, ready):
    ready.write("ruff.toml", "# edited\n")
    (ready.root / "platform" / "hook.sh").unlink()
    refused = call(later, ready, "restore", "ruff.toml", "README.md")
    assert (refused.returncode, refused.stderr.partition(";")[0]) == (
        1,
        "BB428 README.md: is no file of the platform",
    )
    assert (ready.root / "ruff.toml").read_text() == "# edited\n", "something was written though a path was wrong"
    assert call(later, ready, "restore", "ruff.toml", "platform/hook.sh").returncode == 0
    assert ready.git("status", "--porcelain") == ""


def test_a_folder_with_files_of_the_unit_is_not_restored_away(later, ready):
    (ready.root / "ruff.toml").unlink()
    ready.write("ruff.toml/ours.md", "ours\n")
    refused = call(later, ready, "restore", "ruff.toml")
    assert refused.stderr.startswith("BB423 ruff.toml: is a folder with files of yours")
    assert (ready.root / "ruff.toml" / "ours.md").read_text() == "ours\n"


def test_a_seed_that_came_later_is_listed_and_added_and_none_is_written_over(template, tmp_path):
    project = stamp(template, FIRST, tmp_path / "sales")
    bring_to(template, project, NEXT)
    listed = call(template, project, "add").stdout.splitlines()
    assert "contracts/orders.odcs.yaml" in listed
    assert "README.md" not in listed
    assert call(template, project, "add", "contracts/orders.odcs.yaml", "dbt/models/published").returncode == 0
    assert (project.root / "dbt/models/published/orders.sql").is_file()
    taken = call(template, project, "add", "README.md")
    assert (taken.returncode, taken.stderr.partition(";")[0]) == (1, "BB428 README.md: is there already")


def test_an_improvement_of_a_platform_file_is_a_patch_that_applies_to_the_template(later, ready, tmp_path):
    ready.replace(".editorconfig", "root = true", "root = true\n# ours")
    ready.replace("dg.toml", "[project]", "# ours\n[project]")  # from a file with answers in it
    result = call(later, ready, "propose")
    assert result.returncode == 0, result.stderr
    clone = StampedProject(tmp_path / "proposed")
    later.git("clone", "--quiet", str(later.root), str(clone.root))
    clone.git("checkout", "--quiet", NEXT)
    subprocess.run(["git", "apply"], cwd=clone.root, input=result.stdout, text=True, check=True)
    changed = clone.git("diff", "--name-only").splitlines()
    assert changed == ["template/.editorconfig", "template/dg.toml.jinja"]
    answer = StampedProject(shutil.copytree(ready.root, tmp_path / "answer"))
    answer.replace("dg.toml", "sales", "shop")
    refused = call(later, answer, "propose")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "BB428 dg.toml: the change meets what template/dg.toml.jinja has otherwise" in refused.stderr


def test_a_tree_of_a_folder_is_that_of_a_commit(ready):
    home = Home.of(ready.root)
    with home.aside() as aside:
        folder = aside.scratch / "copy"
        shutil.copytree(ready.root, folder, ignore=shutil.ignore_patterns(".git"))
        assert Tree.of_folder(aside.git, folder, aside.scratch / "index").entries == home.head().entries


def test_an_older_release_is_refused(later, ready):
    result = call(later, ready, "update", f"--to={FIRST}")
    assert (result.returncode, result.stderr.partition(";")[0]) == (
        1,
        f"BB421 .copier-answers.yml: the project has `{NEXT}`, after which {FIRST} does not come",
    )


# Messages -------------------------------------------------------------------------------------------------------------


def told(template: StampedProject, project: StampedProject, *arguments: str) -> str:
    """Return the last message of a command that is refused."""
    result = call(template, project, *arguments)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


def not_committed(later, ready, folder) -> str:
    ready.write("README.md", "x")
    ready.write("more.txt", "x")
    return told(later, ready, "update", f"--to={LATER}")


def unknown_version(later, ready, folder) -> str:
    return re.sub(r"the newest are .*", "the newest are v0.1.0", told(later, ready, "update", "--to=v9.9.9"))


def no_version_recorded(later, ready, folder) -> str:
    text = (ready.root / ".copier-answers.yml").read_text(encoding="utf-8")
    ready.write(".copier-answers.yml", text.replace("_commit:", "# _commit:"))
    commit(ready, "Forget")
    return told(later, ready, "update", f"--to={LATER}")


def file_in_the_way(later, ready, folder) -> str:
    ready.write("platform/new.md", "ours\n")
    commit(ready, "Ours")
    return told(later, ready, "update", f"--to={LATER}").replace("new.md", "building_block/doctor.py")


def package_that_nobody_has(later, ready, folder) -> str:
    ready.replace("pyproject.toml", '["building-block', '["humanize>=999", "building-block')
    commit(ready, "Ask for too much")
    message = told(later, ready, "update", f"--to={LATER}")
    return re.sub(r"(installing failed): .*(; install it here)", r"\1: No solution found\2", message)


def contract_that_is_missing(later, ready, folder) -> str:
    first = stamp(later, FIRST, folder / "first")
    message = told(later, first, "update", f"--to={NEXT}")
    return message.replace("`python -m upgrade migrate <project>`", "`poe migrate`")  # which the first release lacks


def careless_release(later, ready, folder) -> str:
    careless = StampedProject(shutil.copytree(later.root, folder / "careless"))
    careless.git("checkout", "--quiet", NEXT)
    generate = "template/platform/building_block/generate.py"
    careless.replace(generate, '    ".yamllint": ', '    "README.md": "yamllint.yaml",\n    ".yamllint": ')
    commit(careless, "Derive what is not derived")
    careless.git("tag", "v1002.0.0")
    project = stamp(careless, NEXT, folder / "careful")
    project.write("README.md", "# Ours now\n")
    commit(project, "Work")
    lines = call(careless, project, "update", "--to=v1002.0.0").stderr.splitlines()
    return next(line for line in lines if line.startswith("BB426 README.md:"))


def template_that_is_gone(later, ready, folder) -> str:
    result = ready.poe("update", "--from", str(folder / "gone"))
    assert result.returncode == 1
    return result.stderr.strip().replace(str(folder / "gone"), "/srv/template")


def path_that_is_misspelt(later, ready, folder) -> str:
    return told(later, ready, "restore", "rufff.toml")


PLANTED = {
    Code.UPGRADE_TREE: not_committed,
    Code.UPGRADE_VERSION: unknown_version,
    Code.UPGRADE_ANSWERS: no_version_recorded,
    Code.UPGRADE_COLLISION: file_in_the_way,
    Code.UPGRADE_ENVIRONMENT: package_that_nobody_has,
    Code.UPGRADE_FAILURES: contract_that_is_missing,
    Code.UPGRADE_VERIFY: careless_release,
    Code.UPGRADE_GIT: template_that_is_gone,
    Code.UPGRADE_PATH: path_that_is_misspelt,
}


@pytest.mark.parametrize("code", PLANTED)
def test_a_mistake_ends_in_the_message_of_the_example(later, ready, tmp_path, code):
    assert PLANTED[code](later, ready, tmp_path) == EXPLANATIONS[code].example
