"""`poe doctor` names what an update would stumble over, says how to put it right, and is silent about all else."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from building_block.check import doctor
from building_block.project import Project
from rich.console import Console

from tests.conftest import SCENARIOS, StampedProject
from tests.test_bad_input import MESSAGE
from tools.ownership import classes_of, rendered_path, template_files

EXCEPTIONS = "settings/exceptions.yaml"
SOON = str(datetime.now(UTC).date() + timedelta(days=200))
HEAVY = ("dagster", "dbt", "duckdb", "jsonschema", "numpy", "pandas", "polars", "pyarrow")


def problems(project: StampedProject) -> list[str]:
    """Return the messages of doctor's problems, of those too that only warn in this version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("building_block.doctor.WARNINGS", frozenset())
        found = [str(problem) for problem in doctor(Project(project.root), Console(quiet=True))]
    assert all(MESSAGE.fullmatch(message) for message in found)
    return found


@pytest.fixture
def repository(project) -> StampedProject:
    """A fresh project of the domain sales in a git repository, to change at will."""
    project.git("init", "--quiet", "--initial-branch", "main")
    commit(project)
    return project


def commit(project: StampedProject) -> None:
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "Work")


def green(project: StampedProject) -> None:
    result = project.poe("doctor")
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert not re.search(r"^[✗!]", result.stdout, re.MULTILINE), result.stdout


# A healthy project ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fresh_project_is_healthy_before_and_after_its_first_commit(rendered, tmp_path, scenario):
    project = StampedProject(shutil.copytree(rendered(scenario).root, tmp_path / "project"))
    green(project)
    project.git("init", "--quiet")
    commit(project)
    green(project)


def test_a_built_project_is_healthy(built_whole):
    built_whole.git("init", "--quiet")
    commit(built_whole)
    green(built_whole)


@pytest.mark.parametrize("attributes", ["", "* text=auto eol=crlf\n"], ids=["platform's", "Windows'"])
def test_a_checkout_on_windows_is_healthy_whatever_line_endings_it_writes(repository, tmp_path, attributes):
    clone = StampedProject(tmp_path / "clone")
    repository.git("clone", "--quiet", "--no-checkout", "--config", "core.autocrlf=true", ".", str(clone.root))
    clone.write(".git/info/attributes", attributes)
    clone.git("checkout", "--quiet", "main")
    assert (b"\r\n" in (clone.root / "ruff.toml").read_bytes()) == bool(attributes)
    green(clone)


def test_a_file_system_without_executable_bits_is_no_fault_of_the_project(project):
    for file in project.root.rglob("*"):
        file.chmod(0o755)
    assert problems(project) == []


def test_no_platform_file_of_the_template_is_executable():
    """Else doctor would have to be told which may be: the manifest holds no modes."""
    platform = [file for file in template_files() if classes_of(rendered_path(file)) == ["platform"]]
    assert platform
    assert not [file for file in platform if file.stat().st_mode & 0o111]


def test_doctor_loads_nothing_that_takes_its_time(repository):
    code = "import sys\ntry:\n import building_block.cli as c; c.app(['doctor'])\nfinally: print(*sys.modules)"
    result = repository.run("python", "-c", code)
    assert "✓ what is derived from settings is up to date" in result.stdout, result.stderr
    loaded = result.stdout.splitlines()[-1].split()
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]
    assert len(loaded) < 600


def test_the_whole_check_tells_what_doctor_tells(repository):
    repository.write("ruff.toml", "line-length = 140\n")
    at_once, check = repository.poe("doctor"), repository.run("building-block", "check", "files")
    assert at_once.returncode == check.returncode == 1
    assert at_once.stderr == check.stderr
    assert at_once.stderr.startswith("BB401 ruff.toml: the platform's file was edited; write `poe restore ruff.toml` ")


def test_the_version_is_told_and_how_long_it_is_here(repository, tmp_path):
    repository.replace(".copier-answers.yml", "_commit: ", "_commit: v1.2.3\n_was: ")
    past = {"GIT_COMMITTER_DATE": "2020-02-29T12:00:00Z", "GIT_AUTHOR_DATE": "2020-02-29T12:00:00Z"}
    identity = ("-c", "user.name=Unit", "-c", "user.email=unit@example.org")
    amended = repository.run("git", *identity, "commit", "--quiet", "--all", "--amend", "--no-edit", **past)
    assert amended.returncode == 0, amended.stderr
    repository.write("README.md", "# Ours\n")
    commit(repository)
    told = repository.poe("doctor").stdout.splitlines()[-1]
    assert re.fullmatch(r"Platform v1\.2\.3, in this project since 2020-02-29 \(\d{4} days\)", told)

    shallow = StampedProject(tmp_path / "shallow")
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.root}", str(shallow.root))
    assert shallow.poe("doctor").stdout.splitlines()[-1] == "Platform v1.2.3"


def test_without_git_it_is_said_what_was_not_looked_for(project):
    told = project.poe("doctor").stdout.splitlines()
    assert told[-1] == "Git tells nothing here: neither moved files nor half-done merges were looked for."
    assert "since" not in told[-2]


# The platform's files -------------------------------------------------------------------------------------------------


def edited(file: Path) -> None:
    file.write_text(file.read_text() + "\n")


def moved(file: Path) -> None:
    (file.parent / "docs").mkdir(exist_ok=True)
    file.rename(file.parent / "docs" / "rules.toml")


def linked(file: Path) -> None:
    shutil.copy(file, file.with_name("rules.toml"))
    file.unlink()
    file.symlink_to("rules.toml")


def replaced_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "rules.toml").touch()


@pytest.mark.parametrize("committed", [False, True], ids=["uncommitted", "committed"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edited, "was edited"),
        (Path.unlink, "is missing"),
        (moved, "was moved to docs/rules.toml"),
        (lambda file: file.chmod(0o755), "was made executable"),
        (linked, "was replaced by a symbolic link"),
        (replaced_by_a_folder, "was replaced by a folder"),
    ],
    ids=["edited", "deleted", "moved", "mode", "symlink", "folder"],
)
def test_what_became_of_a_platform_file_is_told(repository, change: Callable[[Path], None], told, committed):
    change(repository.root / "ruff.toml")
    if committed:
        commit(repository)
    slot = "and use its slot (platform/README.md)"
    exception = "`- {path: ruff.toml, reason: …, until: …}` below `exceptions:` in settings/exceptions.yaml"
    assert problems(repository) == [
        f"BB401 ruff.toml: the platform's file {told}; write `poe restore ruff.toml` {slot}, or {exception}"
    ]


def test_a_mode_that_only_git_knows_is_told(repository):
    repository.git("config", "core.fileMode", "false")
    repository.git("update-index", "--chmod=+x", "ruff.toml")
    (message,) = problems(repository)
    assert message.startswith("BB401 ruff.toml: the platform's file was made executable; ")


def test_line_endings_of_windows_that_git_stores_are_told(repository):
    file = repository.root / "ruff.toml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert problems(repository) == []
    repository.write(".git/info/attributes", "* -text\n")
    commit(repository)
    (message,) = problems(repository)
    assert message.startswith("BB401 ruff.toml: the platform's file is stored in git with the line endings of Windows;")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Path.unlink, "is missing"),
        (lambda file: file.write_text("<<<<<<< ours\n" + file.read_text()), "was edited at line 1"),
    ],
    ids=["missing", "edited"],
)
def test_a_list_of_platform_files_that_cannot_be_read_is_told_once(project, change, told):
    change(project.root / "platform" / "manifest.sha256")
    path = "platform/manifest.sha256"
    assert problems(project) == [
        f"BB401 {path}: the platform's file {told}; write `poe restore {path}` and use its slot (platform/README.md)"
    ]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("platform/dbt/macros/mine.sql", "", "a file of yours lies in the platform's folder; move it out of platform/"),
        ("platform/__init__.py", "", "hides the module `platform` of Python's standard library; delete it"),
        (".github/workflows/platform-x.yml", "", "has a name that is kept for the platform's workflows; rename it: "),
        ("dbt/macros/x.sql", "\n{% macro bb_x(a) %}", "the macro `bb_x` has a name that is kept for the platform's; "),
        ("dbt/tests/generic/x.sql", "{%- test bb_y(model) %}", "the test `bb_y` has a name that is kept for the "),
    ],
    ids=["folder", "module", "workflow", "macro", "test"],
)
def test_a_file_where_the_platforms_may_come_is_told(project, path, text, told):
    project.write(path, text)
    (message,) = problems(project)
    line = f":{text.count(chr(10)) + 1}" if path.endswith("x.sql") else ""
    assert message.startswith(f"BB406 {path}{line}: {told}")


def test_what_tools_leave_in_the_platforms_folder_is_nobodys(project):
    for path in ("__pycache__/x.pyc", "building_block.egg-info/PKG-INFO", ".DS_Store"):
        project.write(f"platform/{path}", "")
    project.write("dbt/macros/ours.sql", "{% macro ours() %}{{ bb_unique_together() }}{% endmacro %}\n")
    assert problems(project) == []


# Half-done merges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("add", [False, True], ids=["untracked", "tracked"])
def test_what_an_update_leaves_is_told(repository, add):
    repository.write("docs/notes.md", "# Notes\n\n<<<<<<< before updating\na\n=======\nb\n>>>>>>> after updating\n")
    repository.write("pyproject.toml.rej", "@@ -1 +1 @@\n")
    repository.write("platform/README.md.orig", "")
    if add:
        repository.git("add", "--all")
    assert [message.partition(";")[0] for message in problems(repository)] == [
        "BB407 docs/notes.md:3: conflict markers",
        "BB407 platform/README.md.orig: was left by an update or a merge",
        "BB407 pyproject.toml.rej: was left by an update or a merge",
    ]


def test_what_only_looks_like_a_conflict_and_what_git_ignores_is_none(repository):
    repository.write("docs/title.md", "Title\n=======\n\n>>>>>>> a quote\n")
    repository.write("docs/order.md", "<<<<<<< one\n>>>>>>> two\n=======\n")
    repository.write("docs/markers.md", "As code:\n\n    <<<<<<< ours\n    =======\n    >>>>>>> theirs\n")
    (repository.root / "sample" / "x.bin").write_bytes(b"\0\n<<<<<<< a\n=======\n>>>>>>> b\n")
    repository.write("data/x.rej", "")
    assert problems(repository) == []


def test_a_merge_that_waits_for_its_end_is_told(repository):
    repository.git("switch", "--quiet", "--create", "theirs")
    repository.write("README.md", "# Theirs\n")
    commit(repository)
    repository.git("switch", "--quiet", "main")
    repository.write("README.md", "# Ours\n")
    commit(repository)
    merge = ("git", "-c", "user.name=Unit", "-c", "user.email=unit@example.org", "merge", "theirs")
    assert repository.run(*merge).returncode == 1
    told = "BB407 README.md: git holds two versions of it; join them, and write `git add README.md`"
    assert problems(repository) == [told]


# The answers ----------------------------------------------------------------------------------------------------------


def test_answers_that_are_missing_are_told_and_all_else_is_still_looked_at(repository):
    (repository.root / ".copier-answers.yml").unlink()
    edited(repository.root / "ruff.toml")
    result = repository.poe("doctor")
    assert result.returncode == 1
    drift, answers = result.stderr.splitlines()
    assert drift.startswith("BB401 ruff.toml: ")
    assert answers == (
        "BB408 .copier-answers.yml: is missing, and without it no update comes; take it back: `git checkout <commit> "
        "-- .copier-answers.yml`; `git log -- .copier-answers.yml` lists the commits"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("_commit: ", "# ", ":1 _commit: is missing, and without it no update comes; take it back: `git checkout "),
        ("_src_path: ", "# ", ":1 _src_path: is missing, and without it no update comes; "),
        ("_src_path: /", "_src_path: ../", ":5 _src_path: `../"),
        (
            "owner_team: sales-data",
            "owner_team: shop",
            ":10 owner_team: the platform's files were rendered with `sal",
        ),
        (
            "owner_team: sales-data",
            "",
            ":1 owner_team: the platform's files were rendered with `sales-data`, not with ",
        ),
        (
            "domain_name: Sales",
            "domain_name: Shop",
            ":6 domain_name: the platform's files were rendered with `Sales`",
        ),
        ("domain_name: Sales", "domain_name: {", ":8: not YAML: "),
        ("domain_name: Sales", "domain_name: Sales\ndomain_name: Shop", ":7: key `domain_name` stands twice; "),
    ],
    ids=["commit", "source", "relative source", "answer", "missing answer", "name", "syntax", "twice"],
)
def test_an_answer_that_is_not_what_was_rendered_is_told(project, old, new, told):
    project.replace(".copier-answers.yml", old, new)
    (message,) = problems(project)
    assert message.startswith(f"BB408 .copier-answers.yml{told}"), message


@pytest.mark.parametrize(
    "source",
    ["https://git.example.org/acme/template", "git@git.example.org:acme/template.git", "gh:acme/template",
     "git+ssh://git@git.example.org/acme/template", "~/template", "/srv/template", r"C:\template", "C:/template"],
)  # fmt: skip
def test_a_template_that_lies_elsewhere_in_the_same_place_for_all_is_fine(project, source):
    text = (project.root / ".copier-answers.yml").read_text(encoding="utf-8")
    project.write(".copier-answers.yml", re.sub(r"_src_path: .*", lambda _: f"_src_path: '{source}'", text))
    assert problems(project) == []


def test_a_platform_file_that_was_edited_says_nothing_about_the_answers(project):
    project.replace("platform/domain.toml", '"sales-data"', '"shop-data"')
    (message,) = problems(project)
    assert message.startswith("BB401 platform/domain.toml: ")


def test_platform_files_that_no_longer_say_whose_the_project_is_end_in_no_traceback(project):
    project.write("platform/domain.toml", "name = [\n")
    project.write("platform/pyproject.toml", "[project\n")
    result = project.poe("doctor")
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "BB401 platform/domain.toml",
        "BB401 platform/pyproject.toml",
        "BB501 platform/domain.toml",
    ]


# What the platform needs of pyproject.toml ----------------------------------------------------------------------------


DEPEND = 'write `dependencies = ["building-block"]`'
SOURCE = 'building-block = { path = "platform", editable = true }'
PYTHONS = 'requires-python = ">=3.11,<3.14"'
NO_SOURCE = "tool.uv.sources: building-block is not taken"
UNSUPPORTED = "Pythons that the platform does not support"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"building-block[ml,reporting]"', "", f":6 project: the project does not depend on the platform; {DEPEND}"),
        ('path = "platform"', 'path = "../platform"', f":12 {NO_SOURCE} from the folder platform/; write `{SOURCE}`"),
        (", editable = true", "", f":12 {NO_SOURCE}"),
        (SOURCE, "", f":1 {NO_SOURCE}"),
        ('">=3.11,<3.14"', '">=3.10"', f":4 project: `>=3.10` has {UNSUPPORTED}, as 3.10.0; write `{PYTHONS}`"),
        ('">=3.11,<3.14"', '">=3.11"', f":4 project: `>=3.11` has {UNSUPPORTED}, as 3.14.0;"),
        ('">=3.11,<3.14"', '"3.11"', ":4 project: `3.11` names no versions; "),
        (PYTHONS, "", ":1 project: `requires-python` is missing; "),
        ("[project]", "[project", ": not TOML: "),
    ],
    ids=["dependency", "path", "copy", "no source", "older", "newer", "no version", "any", "syntax"],
)  # fmt: skip
def test_what_the_platform_needs_of_pyproject_is_told_with_the_line_to_write(project, old, new, told):
    project.replace("pyproject.toml", old, new)
    (message,) = problems(project)
    assert message.startswith(f"BB409 pyproject.toml{told}"), message


def test_fewer_pythons_and_other_spellings_are_fine(project):
    project.replace("pyproject.toml", ">=3.11,<3.14", ">=3.12,<3.13")
    project.replace("pyproject.toml", "building-block[ml,reporting]", "Building_Block >=0.1; os_name != 'x'")
    project.replace("pyproject.toml", 'path = "platform"', 'path = "./platform"')
    assert problems(project) == []


def test_a_project_without_pyproject_is_told(project):
    (project.root / "pyproject.toml").unlink()
    (message,) = problems(project)
    assert message.startswith("BB409 pyproject.toml: is missing, and with it the platform; ")


# Settings that a tool does not read -----------------------------------------------------------------------------------

IGNORED = {
    "[tool.poe]": ('[tool.poe.tasks]\nours = "echo ours"\n', "poe reads no task of the platform beside this"),
    "[tool.ruff]": ("[tool.ruff]\nline-length = 300\n", "ruff reads ruff.toml alone"),
    "[tool.sqlfluff]": ("[tool.sqlfluff.core]\nmax_line_length = 300\n", "sqlfluff reads this over the platform's"),
    "[tool.typos]": ("[tool.typos.default]\nlocale = 'en'\n", "typos reads _typos.toml alone"),
    "[tool.pixi]": ("[tool.pixi.dependencies]\ngdal = '*'\n", "pixi reads pixi.toml alone"),
    "setup.cfg": ("[metadata]\nname = x\n\n[sqlfluff]\nmax_line_length = 300\n", "sqlfluff reads the platform's"),
    "tox.ini": ("[sqlfluff:rules]\n", "sqlfluff reads the platform's .sqlfluff over it"),
    ".ruff.toml": ("line-length = 300\n", "ruff reads it instead of the platform's ruff.toml"),
    "typos.toml": ("", "typos reads it instead of _typos.toml"),
    ".typos.toml": ("", "typos reads _typos.toml alone"),
    ".yamllint.yaml": ("rules: {}\n", "yamllint reads .yamllint alone"),
    ".yamllint.yml": ("rules: {}\n", "yamllint reads .yamllint alone"),
    "poe_tasks.yaml": ("tasks: {ours: echo ours}\n", "poe reads poe_tasks.toml alone"),
    ".pre-commit-config.yml": ("repos: []\n", "pre-commit reads .pre-commit-config.yaml alone"),
    "dbt/vars.yml": ("vars: {first_day: 1}\n", "dbt does not read it"),
    "CODEOWNERS": ("* @acme/us\n", "GitHub reads .github/CODEOWNERS alone"),
    "docs/CODEOWNERS": ("* @acme/us\n", "GitHub reads .github/CODEOWNERS alone"),
    "settings/dbt_project.yaml": ("vars: {}\n", "nobody reads it; call it settings/dbt_project.yml"),
    "settings/.typos.toml": ("", "nobody reads it; call it settings/typos.toml"),
}


def ignored(project: StampedProject, name: str) -> str:
    """Write a setting where its tool does not look; return the file."""
    text = IGNORED[name][0]
    if not name.startswith("["):
        return str(project.write(name, text).relative_to(project.root))
    before = (project.root / "pyproject.toml").read_text(encoding="utf-8")
    project.write("pyproject.toml", f"{before}\n{text}")
    return "pyproject.toml"


@pytest.mark.parametrize("name", IGNORED)
def test_a_setting_where_its_tool_does_not_look_is_told(project, name):
    path = ignored(project, name)
    (message,) = problems(project)
    assert re.match(rf"BB410 {re.escape(path)}(:\d+)?: {re.escape(IGNORED[name][1])}", message), message


def test_a_rule_that_is_new_warns_and_fails_nothing(repository):
    """Planted: that BB413 were new, in the very file that says which rules are."""
    messages = "platform/building_block/messages.py"
    repository.replace(messages, "WARNINGS = frozenset()", "WARNINGS = frozenset({Code.EXCEPTION_LONG})")
    edited(repository.root / "ruff.toml")
    excepted = [("ruff.toml", "2999-12-31"), (messages, SOON)]
    lines = [f"- {{path: {path}, reason: ours, until: {until}}}" for path, until in excepted]
    repository.write(EXCEPTIONS, "\n".join(["exceptions:", *lines, ""]))
    commit(repository)
    for command in (("poe", "--quiet", "doctor"), ("building-block", "check", "files")):
        result = repository.run(*command)
        assert (result.returncode, result.stderr) == (0, "")
        told = r"^! the exceptions .*\n! BB413 settings/exceptions.yaml:2: ruff.toml is excepted until 2999-12-31"
        assert re.search(told, result.stdout, re.MULTILINE), result.stdout


@pytest.mark.parametrize(
    ("name", "command", "expected"),
    [
        ("[tool.poe]", ("poe", "check"), "Unrecognized task 'check'"),
        ("poe_tasks.yaml", ("poe", "ours"), "Unrecognized task 'ours'"),
        ("[tool.ruff]", ("ruff", "check", "src"), "E501"),
        (".ruff.toml", ("ruff", "check", "src"), "All checks passed!"),
        ("[tool.sqlfluff]", ("sqlfluff", "lint", "dbt/models/marts/wide.sql"), "All Finished"),
        ("setup.cfg", ("sqlfluff", "lint", "dbt/models/marts/wide.sql"), "LT05"),
        (".yamllint.yaml", ("yamllint", "docs/wide.yml"), "line too long"),
        (".yamllint.yml", ("yamllint", "docs/wide.yml"), "line too long"),
    ],
)
def test_the_tool_really_does_not_look_there(project, name, command, expected):
    project.write("src/sales/defs/wide.py", f'"""Wide."""\n\nX = "{"x" * 130}"\n')
    project.write("dbt/models/marts/wide.sql", f"select '{'x' * 130}' as wide\n")
    project.write("docs/wide.yml", f"# {'word ' * 30}end\n")
    ignored(project, name)
    result = project.run(*command)
    output = result.stdout + result.stderr
    assert expected in output
    assert (expected == "All Finished") <= ("LT05" not in output)


@pytest.mark.parametrize(("name", "refused"), [("typos.toml", False), (".typos.toml", True), ("[tool.typos]", True)])
def test_typos_reads_the_first_of_its_files(project, name, refused):
    allowed = '[default.extend-words]\nrecieve = "recieve"\n'
    table = (project.root / "pyproject.toml").read_text(encoding="utf-8") + allowed.replace("[", "\n[tool.typos.")
    project.write(*((name, allowed) if name.endswith("toml") else ("pyproject.toml", table)))
    project.write("dbt/models/marts/note.sql", "-- recieve\n")
    assert ("recieve" in project.run("typos", "dbt/models").stdout) == refused


def test_settings_of_the_units_own_tools_are_fine(project):
    project.write("setup.cfg", "[metadata]\nname = sales\n")
    project.write("tox.ini", "[tox]\n")
    project.write("src/ruff.toml", 'extend = "../ruff.toml"\n')
    project.write("settings/secrets.baseline", "{}\n")
    project.write("settings/typos.toml", "")
    assert project.poe("generate").returncode == 0
    assert problems(project) == []


def test_a_stale_file_that_is_derived_from_settings_is_told(project):
    project.write("settings/yamllint.yaml", "rules: {line-length: disable}\n")
    (message,) = problems(project)
    assert re.fullmatch(r"BB402 \.yamllint:\d+: differs from what derives it; write `poe generate`", message)


# Exceptions -----------------------------------------------------------------------------------------------------------


def test_an_exception_is_no_problem_and_is_shown(repository):
    edited(repository.root / "ruff.toml")
    repository.write(EXCEPTIONS, f"exceptions:\n- {{path: ruff.toml, reason: 'Wide [by law]', until: {SOON}}}\n")
    result = repository.poe("doctor")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == f"Excepted until {SOON}: ruff.toml was edited; Wide [by law]"
    assert "!" not in result.stdout


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            "{path: ruff.toml, reason: 'Wide [by law]', until: 2020-01-31}",
            "the time of ruff.toml is over (2020-01-31): Wide [by law]; write `poe restore ruff.toml` and remove the "
            "entry, or write a later `until`",
        ),
        (
            "{path: ruf.toml, reason: ours, until: <soon>}",
            "`ruf.toml` is no platform file; remove the entry, or write a path of platform/manifest.sha256",
        ),
        ("{path: dg.toml, reason: ours, until: <soon>}", "dg.toml is as the platform has it; remove the entry"),
    ],
    ids=["over", "no platform file", "not edited"],
)  # fmt: skip
def test_an_exception_that_is_over_or_of_no_use_is_reminded_of_and_fails_nothing(repository, entry, told):
    if "ruff.toml" in entry:
        edited(repository.root / "ruff.toml")
    repository.write(EXCEPTIONS, f"exceptions:\n- {entry}\n".replace("<soon>", SOON))
    for command in (("doctor",), ("check", "files")):
        result = repository.run("building-block", *command)
        assert (result.returncode, result.stderr) == (0, "")
        assert f"! BB412 {EXCEPTIONS}:2: {told}" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: the file is empty; write `exceptions:` and below it entries with path, reason and until"),
        ("- {path: ruff.toml}\n", ":1: the file is not a list of keys with values; write `exceptions:`"),
        ("exceptions:\n", ":1 exceptions: the exceptions are not a list; write entries that begin with `- `"),
        ("exceptions:\n- {path: ruff.toml, reason: x}\n", ":2 exceptions[0].until: key `until` is missing; write "),
        ("exceptions:\n- {path: ruff.toml, reason: x, until: soon}\n", ":2 exceptions[0].until: `soon` is not a day"),
        ("exceptions:\n- {path: ruff.toml, reason: '', until: <soon>}\n", ":2 exceptions[0].reason: `reason` "),
        ("exceptions:\n- {file: ruff.toml, path: x, reason: x, until: <soon>}\n", ":2 exceptions[0].file: "),
        ("exceptions:\n" + "- {path: dg.toml, reason: x, until: <soon>}\n" * 2, ":3: dg.toml is excepted in "),
        ("exceptions: [\n", ":2: not YAML: "),
    ],
    ids=["empty", "list", "nothing", "no day", "no date", "no reason", "unknown key", "twice", "syntax"],
)  # fmt: skip
def test_an_exception_that_cannot_be_read_is_told_at_its_line(project, text, told):
    project.write(EXCEPTIONS, text.replace("<soon>", SOON))
    (message,) = problems(project)
    assert message.startswith(f"BB411 {EXCEPTIONS}{told}"), message
    assert project.poe("doctor").returncode == 1


def test_what_cannot_be_read_excepts_nothing(project):
    edited(project.root / "ruff.toml")
    project.write(EXCEPTIONS, "exceptions:\n- {path: ruff.toml}\n")
    assert [message.split()[0] for message in problems(project)] == ["BB401", "BB411", "BB411"]
