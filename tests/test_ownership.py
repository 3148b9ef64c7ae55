"""Every path has one owner, and everything that says so says the same."""

import hashlib
import json
import re
import shutil
import tomllib

import pytest
from building_block import generate
from building_block.doctor import Examination
from building_block.project import Project

from tests.conftest import SCENARIOS, StampedProject
from tools.ownership import HEADER, ROOT, TEMPLATE, classes_of, patterns, rendered_path, template_files
from tools.template import outputs

WITHOUT_HEADER = {
    "platform/manifest.sha256",  # the form that `sha256sum -c` reads has no comments
}
TEMPLATE_PATHS = [rendered_path(file).replace("{{domain_slug}}", "sales") for file in template_files()]


def project_files(project: StampedProject) -> list[str]:
    return sorted(
        path.relative_to(project.root).as_posix()
        for path in project.root.rglob("*")
        if path.is_file() and not any(part in {".git", "__pycache__"} for part in path.parts)
    )


@pytest.mark.parametrize("path", TEMPLATE_PATHS)
def test_every_path_of_the_template_has_exactly_one_class(path):
    assert len(classes_of(path)) == 1, f"{path} is {classes_of(path)}: name it once in the lists of copier.yml"


def test_every_pattern_matches_something_or_is_made_by_a_tool():
    made_later = {"/pixi.lock", "/uv.lock", "/contracts/", "/dbt/macros/"}
    for lines in patterns().values():
        for pattern in set(lines) - made_later:
            assert any(path.startswith(pattern.strip("/").rstrip("*")) for path in TEMPLATE_PATHS), pattern


def test_a_path_without_a_class_and_one_with_two_are_found(monkeypatch):
    assert classes_of("unheard-of.toml") == []
    monkeypatch.setitem(patterns(), "derived", [*patterns()["derived"], "/ingest/*.yaml"])
    assert classes_of("ingest/invoices.yaml") == ["domain", "derived"]


@pytest.mark.parametrize("path", [path for path in TEMPLATE_PATHS if classes_of(path) == ["platform"]])
def test_every_platform_file_says_in_its_first_line_whose_it_is(rendered, path):
    if path in WITHOUT_HEADER:
        return
    text = (rendered("minimal").root / path).read_text(encoding="utf-8")
    if path.endswith(".json"):
        assert next(iter(json.loads(text).items())) == ("$comment", HEADER)
    else:
        assert HEADER in text.splitlines()[0]


@pytest.mark.parametrize("path", [path for path in TEMPLATE_PATHS if classes_of(path) == ["derived"]])
def test_every_derived_file_says_in_its_first_line_what_to_edit(rendered, path):
    first = (rendered("minimal").root / path).read_text(encoding="utf-8").splitlines()[0]
    assert first.removeprefix("# ").removeprefix("<!-- ").startswith("derived by `poe generate` from ")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_manifest_holds_every_platform_file_as_it_was_rendered(rendered, scenario):
    project = rendered(scenario)
    manifest = Examination(Project(project.root)).manifest
    own = {"platform/manifest.sha256", ".copier-answers.yml"}
    assert manifest.keys() == {path for path in project_files(project) if classes_of(path) == ["platform"]} - own
    for path, digest in manifest.items():
        assert hashlib.sha256((project.root / path).read_bytes()).hexdigest() == digest, (
            f"{path}: write `make template`"
        )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fresh_project_is_born_with_the_derived_files_that_it_would_generate(rendered, scenario):
    project = Project(rendered(scenario).root)
    assert list(generate.stale(project)) == []
    tracked = {path for path in project_files(rendered(scenario)) if classes_of(path) == ["derived"]}
    assert tracked == generate.derived(project).keys()


def test_the_manifest_is_read_by_the_tool_that_everyone_has(project):
    assert project.run("sha256sum", "--check", "--strict", "--quiet", "platform/manifest.sha256").returncode == 0


def test_code_owners_are_the_team_and_of_platform_paths_and_approvals_the_teams_that_answer_for_them(rendered):
    lines = (rendered("full").root / ".github" / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules[0] == ["*", "@units/campaign-analytics"]
    assert rules[1:-1] == [[path, "@units/data-platform"] for path in patterns()["platform"]]
    assert rules[-1] == ["/contracts/approvals.yaml", "@units/data-compliance"]


def test_what_the_template_derives_from_itself_is_up_to_date():
    for file, text in outputs().items():
        assert file.read_text(encoding="utf-8") == text, f"{file.relative_to(ROOT)}: write `make template`"


def test_the_sample_is_the_one_that_its_script_writes(tmp_path):
    from tools import sample

    sample.write_sample(tmp_path, sample.SEED)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_bytes() for file in (TEMPLATE / "sample" / "retail").iterdir()}


def test_few_files_hold_copiers_jinja_and_none_hides_anothers():
    # What a tool writes into the template, nobody edits there.
    written = {*outputs()}
    jinja = [file for file in template_files() if file.suffix == ".jinja" and file not in written]
    assert len(jinja) <= 15
    for file in template_files():
        assert not re.search(r"\{%-?\s*raw", file.read_text(encoding="utf-8")), file


def test_the_template_stays_small():
    # Without the sample: it has a file a day, as the till delivers them, and nobody reads them one by one.
    read = [file for file in template_files() if TEMPLATE / "sample" not in file.parents]
    assert len(read) <= 130


def test_the_sample_stays_small():
    assert sum(file.stat().st_size for file in (TEMPLATE / "sample").rglob("*.csv")) < 300_000


@pytest.mark.parametrize("file", template_files(), ids=lambda file: file.relative_to(TEMPLATE).as_posix())
def test_every_path_can_be_checked_out_on_windows(file):
    path = file.relative_to(TEMPLATE).as_posix()
    assert not re.search(r"[\"'<>|?*:\\]|==|\s$|\s/", path)
    assert " " not in path


def test_no_answer_but_the_domains_name_stands_in_a_seed():
    for file in template_files():
        if classes_of(rendered_path(file).replace("{{domain_slug}}", "x")) == ["domain"] and file.suffix == ".jinja":
            used = set(re.findall(r"\{\{\s*(\w+)", file.read_text(encoding="utf-8")))
            assert used <= {"domain_name", "domain_slug"}, file


def test_supported_pythons_are_stated_once():
    stated = {
        tomllib.loads((ROOT / path).read_text(encoding="utf-8").replace("{{ domain_slug | replace('_', '-') }}", "x"))[
            "project"
        ]["requires-python"]
        for path in ("pyproject.toml", "template/platform/pyproject.toml", "template/pyproject.toml.jinja")
    }
    assert stated == {">=3.11,<3.14"}


def test_recopying_over_a_project_keeps_what_the_unit_wrote(project):
    import copier

    project.write("README.md", "ours\n")
    project.write("settings/tasks.toml", "[tasks]\nmine = 'echo mine'\n")
    (project.root / "ruff.toml").write_text("edited\n")
    project.git("init", "-q")
    project.git("add", "-A")
    project.git("commit", "-qm", "Work")
    copier.run_recopy(project.root, defaults=True, overwrite=True, vcs_ref="HEAD", quiet=True)
    assert project.git("status", "--porcelain").split() in (
        ["M", "ruff.toml"],
        ["M", ".copier-answers.yml", "M", "ruff.toml"],
    )
    shutil.rmtree(project.root)
