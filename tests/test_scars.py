"""What plain copier loses, brings back or leaves half done, each as it was met: here it does not happen, or is refused.

A test for each row of what was tried with copier 9.19: what a unit does, what a release brings, and what becomes of it.
"""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from building_block.messages import ProblemError

from tests.conftest import StampedProject
from tests.stamping import FIRST, LATER, NEXT, RELEASES, bring_to, call, commit, copier, files, given, stamp, stamp_with
from tools.ownership import classes_of
from upgrade.aside import Home
from upgrade.template import Template
from upgrade.update import bring

MANIFEST = "template/platform/manifest.sha256.jinja"


def declared(template: StampedProject) -> dict:
    documents = yaml.safe_load_all((template.root / "copier.yml").read_text(encoding="utf-8"))
    return {key: value for document in documents for key, value in document.items()}


@pytest.fixture(scope="session")
def scarred(stamped, tmp_path_factory) -> StampedProject:
    """A project in which a unit did all that copier takes badly, committed."""
    folder = tmp_path_factory.mktemp("scarred") / "sales"
    project = StampedProject(shutil.copytree(stamped.root, folder, symlinks=True))
    project.replace("ruff.toml", "line-length = 120", "line-length = 99")  # the very line that the release changes
    project.replace(".editorconfig", "root = true", "root = true\n# ours")  # which it leaves alone
    project.replace("platform/building_block/sql.py", "Names and text as SQL", "Ours")  # which it renames
    project.write("platform/dbt-bouncer.yml", "ours: true\n")  # which it deletes
    (project.root / "platform" / "hook.sh").unlink()
    project.git("mv", ".gitattributes", "docs/.gitattributes")
    project.write("README.md", "# Ours\n")
    (project.root / "settings" / "tasks.toml").unlink()
    commit(project, "Drift")
    return project


@pytest.fixture(scope="session")
def updated(later, scarred, tmp_path_factory) -> StampedProject:
    """The same after the update, for reading only."""
    folder = tmp_path_factory.mktemp("updated") / "sales"
    project = StampedProject(shutil.copytree(scarred.root, folder, symlinks=True))
    bring_to(later, project, LATER)
    return project


@pytest.fixture
def releasing(later, tmp_path) -> StampedProject:
    """The template with the later release checked out, to let yet another one follow."""
    return StampedProject(shutil.copytree(later.root, tmp_path / "releasing"))


def release(template: StampedProject, version: str = "v1001.0.0") -> str:
    commit(template, "One more release")
    template.git("tag", version)
    return version


def listed(template: StampedProject, path: str) -> None:
    """Let the manifest name one more file."""
    text = (template.root / MANIFEST).read_text(encoding="utf-8")
    template.write(MANIFEST, f"{text}{'0' * 64}  {path}\n")


def history(project: StampedProject, path: str) -> str:
    return project.git("log", "--patch", "--format=", "--", path)


# Platform files -------------------------------------------------------------------------------------------------------


def test_a_conflict_on_the_very_line_leaves_no_markers_and_the_edit_in_the_history(updated):
    assert "line-length = 110" in (updated.root / "ruff.toml").read_text()
    assert "<<<<<<<" not in updated.git("grep", "-h", "", "HEAD", "--", "ruff.toml")
    assert "-line-length = 99" in history(updated, "ruff.toml")
    assert not [path for path in files(updated) if path.endswith((".rej", ".orig"))]


def test_an_edit_that_no_release_meets_does_not_stay_unseen(scarred, updated):
    assert "BB401 .editorconfig: the platform's file was edited" in scarred.poe("doctor").stderr
    assert "# ours" not in (updated.root / ".editorconfig").read_text()
    assert "-# ours" in history(updated, ".editorconfig")


@pytest.mark.parametrize("path", ["platform/building_block/sql.py", "platform/dbt-bouncer.yml"])
def test_an_edited_file_that_is_renamed_or_deleted_goes_and_the_edit_is_in_the_history(updated, path):
    assert not (updated.root / path).exists()
    assert "-ours: true" in history(updated, path) or '-"""Ours' in history(updated, path)


def test_a_deleted_file_comes_back(updated):
    assert (updated.root / "platform" / "hook.sh").is_file()


def test_a_moved_file_is_where_it_belongs_and_gets_what_the_release_brings(scarred, updated):
    assert "was moved to docs/.gitattributes" in scarred.poe("doctor").stderr
    assert (updated.root / ".gitattributes").is_file()
    assert "docs/.gitattributes" in files(updated), "what lies in a folder of the unit's is the unit's"


def test_an_executable_bit_that_a_release_gives_arrives(updated):
    assert os.access(updated.root / "platform" / "hook.sh", os.X_OK)
    assert "100755" in updated.git("ls-files", "--stage", "platform/hook.sh")


def test_no_file_of_the_template_is_a_symlink_which_would_arrive_as_a_file(template):
    modes = {line.split()[0] for line in template.git("ls-files", "--stage", "template").splitlines()}
    assert modes <= {"100644", "100755"}


def test_a_symlink_that_a_release_has_all_the_same_arrives_as_a_file_and_goes_with_the_next(releasing, ready):
    (releasing.root / "template" / "platform" / "link.md").symlink_to("new.md")
    listed(releasing, "platform/link.md")
    bring_to(releasing, ready, release(releasing))
    assert (ready.root / "platform" / "link.md").read_text() == (ready.root / "platform" / "new.md").read_text()
    (releasing.root / "template" / "platform" / "link.md").unlink()
    releasing.replace(MANIFEST, f"{'0' * 64}  platform/link.md\n", "")
    bring_to(releasing, ready, release(releasing, "v1002.0.0"))
    assert not (ready.root / "platform" / "link.md").exists()
    assert ready.git("status", "--porcelain") == ""


# Files of the unit ----------------------------------------------------------------------------------------------------


def test_a_seed_that_both_changed_stays_the_units(updated):
    assert (updated.root / "README.md").read_text() == "# Ours\n"


def test_a_seed_that_the_unit_deleted_stays_deleted(updated):
    assert not (updated.root / "settings" / "tasks.toml").exists()


def test_a_seed_that_a_release_has_no_more_stays(updated):
    assert (updated.root / "AGENTS.md").is_file()


def test_a_seed_that_came_later_arrives_on_request_and_not_empty(later, updated, tmp_path):
    project = StampedProject(shutil.copytree(updated.root, tmp_path / "sales", symlinks=True))
    assert not (project.root / "settings" / "seed.toml").exists()
    assert "settings/seed.toml" in call(later, project, "add").stdout.splitlines()
    assert call(later, project, "add", "settings/seed.toml").returncode == 0
    assert (project.root / "settings" / "seed.toml").read_text() == "# a seed that came later\n"


def test_recopy_by_hand_overwrites_nothing_of_the_units(scarred, tmp_path):
    project = StampedProject(shutil.copytree(scarred.root, tmp_path / "sales", symlinks=True))
    assert copier(project, "recopy", "--vcs-ref=:current:", "--overwrite", "--defaults", "--quiet").returncode == 0
    changed = project.git("diff", "--name-only").splitlines()
    assert [path for path in changed if classes_of(path) != ["platform"]] == []


def test_a_file_of_the_unit_that_a_release_calls_nobodys_stops_the_update(releasing, ready):
    releasing.replace("copier.yml", "    - /README.md\n", "")
    with pytest.raises(ProblemError, match=r"BB426 README\.md"):
        bring_to(releasing, ready, release(releasing))
    assert ready.git("status", "--porcelain") == ""


# Answers --------------------------------------------------------------------------------------------------------------


def test_a_new_question_is_answered_by_its_default(updated):
    assert given(updated)["domain_region"] == "eu"


def test_a_new_question_without_a_default_is_refused_in_a_sentence(releasing, ready):
    releasing.replace("copier.yml", "domain_region:\n", "domain_unit:\n  type: str\n  help: Which?\n\ndomain_region:\n")
    version = release(releasing)
    before = ready.git("rev-parse", "HEAD")
    told = call(releasing, ready, "update", f"--to={version}")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1), told.stderr
    assert told.stderr.startswith("BB422 .copier-answers.yml: ")
    assert (ready.git("rev-parse", "HEAD"), ready.git("status", "--porcelain")) == (before, "")


def test_a_choice_that_is_removed_is_refused_and_not_replaced(releasing, ready, tmp_path):
    choices = "  choices: [eu, us]\n  default: eu"
    releasing.replace("copier.yml", "  default: eu", choices)
    project = stamp_with(releasing, release(releasing), tmp_path / "shop", given(ready) | {"domain_region": "us"})
    assert given(project)["domain_region"] == "us"
    releasing.replace("copier.yml", "choices: [eu, us]", "choices: [eu, asia]")
    with pytest.raises(ProblemError, match=r"BB42[26] \.copier-answers\.yml: .*us"):
        bring_to(releasing, project, release(releasing, "v1002.0.0"))
    assert given(project)["domain_region"] == "us"


def test_a_changed_default_reaches_no_answer_that_was_given(releasing, updated, tmp_path):
    project = StampedProject(shutil.copytree(updated.root, tmp_path / "sales", symlinks=True))
    releasing.replace("copier.yml", "  default: eu", "  default: us")
    bring_to(releasing, project, release(releasing))
    assert given(project)["domain_region"] == "eu"


def test_a_renamed_question_keeps_what_was_answered(template, tmp_path):
    project = stamp(template, FIRST, tmp_path / "sales", "full")
    said = given(project)["domain_description"]
    bring_to(template, project, NEXT)
    assert given(project)["domain_purpose"] == said
    assert "domain_description" not in given(project)


def test_a_name_that_is_answered_anew_strands_no_folder_unseen(ready):
    ready.replace(".copier-answers.yml", "domain_name: Sales", "domain_name: Shop")
    assert "BB408 .copier-answers.yml" in ready.poe("doctor").stderr


def test_a_relative_path_to_the_template_is_refused_before_copier_ends_in_a_traceback(later, ready):
    text = (ready.root / ".copier-answers.yml").read_text()
    ready.write(".copier-answers.yml", text.replace(f"_src_path: {later.root}", "_src_path: ../building-block"))
    commit(ready, "Move")
    assert "`../building-block` leads elsewhere from each folder" in ready.poe("doctor").stderr
    told = ready.poe("update")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert told.stderr.startswith("BB427 ../building-block: the template cannot be fetched")


def test_missing_answers_are_told_by_doctor_and_refused_by_update(later, ready):
    (ready.root / ".copier-answers.yml").unlink()
    assert "BB408 .copier-answers.yml" in ready.poe("doctor").stderr
    commit(ready, "Forget")
    assert "BB422 .copier-answers.yml" in call(later, ready, "update", f"--to={LATER}").stderr


# Tasks, locks, tags ---------------------------------------------------------------------------------------------------


def test_no_update_needs_trust_or_asks_without_a_default(template):
    keys = declared(template)
    assert not keys.keys() & {"_tasks", "_migrations", "_jinja_extensions", "_secret_questions"}
    asked = {key: value for key, value in keys.items() if not key.startswith("_") and value.get("when") is not False}
    assert not [key for key, value in asked.items() if "choices" in value or value.get("secret")]
    first = {"domain_name", "repository_url", "owner_email"}  # asked since the first release; a later one has a default
    assert {key for key, value in asked.items() if "default" not in value} == first


def test_no_release_renders_a_lock_file_that_both_sides_would_change(template):
    for version in [*RELEASES, NEXT]:
        paths = template.git("ls-tree", "-r", "--name-only", version, "template").splitlines()
        assert not [path for path in paths if path.endswith(("uv.lock", "pixi.lock"))]


def test_release_candidates_reach_nobody_who_does_not_ask_and_lead_to_the_release(releasing, ready):
    releasing.write("template/platform/candidate.md", "<!-- platform-owned -->\n")
    listed(releasing, "platform/candidate.md")
    candidate = release(releasing, "v1001.0.0-rc.1")
    assert Template.of(releasing.root).ref == LATER
    bring_to(releasing, ready, candidate)
    assert (ready.root / "platform" / "candidate.md").is_file()
    releasing.git("tag", "v1001.0.0", candidate)
    assert Template.of(releasing.root).ref == "v1001.0.0"
    bring_to(releasing, ready, "v1001.0.0")
    assert "_commit: v1001.0.0\n" in (ready.root / ".copier-answers.yml").read_text()


@pytest.mark.parametrize("broken", ["moved", "deleted"])
def test_a_tag_that_was_moved_or_deleted_neither_stops_an_update_nor_makes_it_none(template, tmp_path, broken):
    own = StampedProject(shutil.copytree(template.root, tmp_path / "template"))
    project = stamp(own, FIRST, tmp_path / "sales")
    own.git("tag", "--force", FIRST, NEXT) if broken == "moved" else own.git("tag", "--delete", FIRST)
    bring_to(own, project, NEXT)
    assert f"_commit: {NEXT}\n" in (project.root / ".copier-answers.yml").read_text()
    assert (project.root / "platform" / "building_block" / "doctor.py").is_file()


@pytest.mark.parametrize("version", RELEASES)
def test_after_copiers_own_update_the_updater_finds_nothing_to_restore(template, tmp_path, version):
    project = stamp(template, version, tmp_path / "sales")
    assert copier(project, "update", "--defaults", "--quiet").returncode == 0
    commit(project, "By hand")
    home = Home.of(project.root)
    with home.aside() as aside:
        assert bring(Template.of(template.root, NEXT), aside).restored == []


def test_the_oldest_copier_that_is_allowed_updates_as_the_newest(later, ready, tmp_path):
    oldest = declared(later)["_min_copier_version"]
    folder = tmp_path / "oldest"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", folder], check=True)
    install = [*uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", f"copier=={oldest}"]
    subprocess.run(install, check=True)
    other = StampedProject(shutil.copytree(ready.root, tmp_path / "other", symlinks=True))
    done = other.run(
        str(folder / "bin" / "copier"), "update", "--defaults", "--quiet", f"--vcs-ref={LATER}", PYTHONPATH=""
    )
    assert done.returncode == 0, done.stderr
    assert copier(ready, "update", "--defaults", "--quiet", f"--vcs-ref={LATER}").returncode == 0
    assert files(other) == files(ready)
