"""The work on one repository: the files of the unit's own update, the same commit everywhere, no code of the unit's."""

import base64
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from building_block.messages import ProblemError

import fleet.work
from fleet.messages import FleetCode
from fleet.remote import AUTHOR, Remote
from fleet.work import Job, Outcome, work
from tests.conftest import ROOT, StampedProject
from tests.fleet.fleets import BRANCH, LAST, OnForge, environment
from tests.fleet.repositories import Clone
from tests.stamping import FIRST, NEXT, commit, work_in
from tools.ownership import classes_of
from upgrade.aside import Home
from upgrade.template import Template
from upgrade.update import bring

SALES = "acme/sales"


@pytest.fixture
def project(fleets, tmp_path) -> StampedProject:
    """A project of the last release, committed, to change at will."""
    return fleets.project(tmp_path / "sales")


@pytest.fixture
def on_forge(tmp_path) -> Callable[[StampedProject], OnForge]:
    """Push a project, as it is committed, to a forge with a fleet of that one domain."""

    def push(project: StampedProject) -> OnForge:
        one = OnForge(tmp_path / "fleet")
        one.push("sales", project)
        one.register()
        return one

    return push


def refused(job: Job) -> list[str]:
    """Return the messages of a job that is refused: each is one line, and can be printed anywhere."""
    with pytest.raises(ProblemError) as error:
        work(job)
    messages = [str(problem) for problem in error.value.problems]
    for message in messages:
        assert message.isprintable(), ascii(message)
    return messages


# What it makes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "is_worked_in"), [(LAST, False), (LAST, True), (FIRST, True)])
def test_an_update_by_the_fleet_has_the_files_and_says_what_one_by_the_project_does(
    fleets, template, tmp_path, on_forge, version, is_worked_in
):
    project = fleets.project(tmp_path / "sales", version)
    if is_worked_in:
        work_in(project)
        commit(project, "Work")
    one = on_forge(project)
    done = work(one.job("sales", template, push=True))
    with Home.of(project.root).aside() as aside:
        own = bring(Template.of(template.root, NEXT), aside)
        assert one.git("sales", "rev-parse", f"{BRANCH}^{{tree}}") == aside.git("rev-parse", "HEAD^{tree}")
    assert {path for path in done.changed if classes_of(path) not in (["platform"], ["derived"])} == set()
    assert (done.became, done.before, done.pushed) == ("updated", version, True)
    assert [*done.restored, "kept", *done.kept] == [*own.restored, "kept", *own.kept]
    assert [*done.asks] == own.failures


def test_drift_is_taken_back_in_a_commit_of_its_own_and_what_is_excepted_stays(project, template, on_forge):
    project.write("ruff.toml", "line-length = 99\n")
    project.write("platform/dagster.yaml", "ours: true\n")
    (project.root / "platform" / "hook.sh").unlink()
    project.write(
        "settings/exceptions.yaml", "exceptions:\n- {path: ruff.toml, reason: narrow screens, until: 2027-01-31}\n"
    )
    commit(project, "Drift")
    one = on_forge(project)
    done = work(one.job("sales", template, push=True))
    assert (done.kept, done.restored) == (("ruff.toml",), ("platform/dagster.yaml", "platform/hook.sh"))
    assert one.git("sales", "show", f"{BRANCH}:ruff.toml") == "line-length = 99"
    subjects = one.git("sales", "log", "--format=%s", f"main..{BRANCH}").splitlines()
    assert subjects == [f"Update the building block from {LAST} to {NEXT}", "Restore files of the platform"]


def test_what_derives_is_the_python_that_the_campaign_names_and_sees_no_credential(
    project, template, on_forge, monkeypatch, tmp_path
):
    seen = tmp_path / "seen"
    python = project.write("../python", f'#!/bin/sh\nenv >> {seen}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("FLEET_APP_PRIVATE_KEY", "planted")
    done = work(replace(on_forge(project).job("sales", template), python=python))
    assert (done.became, done.asks) == ("updated", ())
    assert "PYTHONPATH=" in seen.read_text()
    assert "planted" not in seen.read_text()


def test_a_project_that_has_the_release_is_left_and_so_is_one_in_which_somebody_is_ahead(fleets, template, tmp_path):
    one = fleets.forge(tmp_path / "fleet", ["sales"], NEXT)
    for version in (NEXT, LAST):
        done = work(one.job("sales", template, push=True, version=version))
        assert (done.became, done.before, done.pushed) == ("current", NEXT, False)
    assert one.pushes("sales") == []


# The same commit ------------------------------------------------------------------------------------------------------


def elsewhere(job: Job, **more: str) -> Outcome:
    """Do a job in another process, with other variables, in which new files are nobody else's."""
    code = (
        "import base64, os, pickle, sys; from fleet.work import work; os.umask(0o077)\n"
        "sys.stdout.buffer.write(pickle.dumps(work(pickle.loads(base64.b64decode(sys.stdin.read())))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=base64.b64encode(pickle.dumps(job)),
        cwd=ROOT,
        env=os.environ | more,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)  # noqa: S301 - our own


def test_the_same_input_is_the_same_commit_whoever_makes_it_wherever(project, template, on_forge, tmp_path):
    project.write("ruff.toml", "# drift\n")
    project.write("docs/.gitattributes", "* text\n")
    project.write("docs/of windows.md", "x\n")
    commit(project, "Work")
    # As people commit who have told git to leave line ends alone: git would store this file otherwise, if it looked.
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=project.root, input=b"x\r\ny\r\n", capture_output=True, check=True
    )
    project.git("update-index", "--cacheinfo", f"100644,{blob.stdout.decode().strip()},docs/of windows.md")
    project.git("commit", "--quiet", "--message", "Line ends")
    one = on_forge(project)
    job = one.job("sales", template)
    witness, hooks = tmp_path / "witness", tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "pre-commit", "commit-msg", "reference-transaction", "post-index-change", "pre-push"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> {witness}\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\nautocrlf = true\nattributesFile = {tmp_path / 'attributes'}\nfileMode = false\n"
        f"[init]\ntemplateDir = {tmp_path / 'templates'}\ndefaultBranch = trunk\n"
        "[commit]\ngpgSign = true\ncleanup = verbatim\n[log]\nshowSignature = true\n[i18n]\ncommitEncoding = latin1\n"
        f"[gpg]\nprogram = {hooks / 'pre-commit'}\n[user]\nname = Somebody\nemail = s@example.org\n"
        "[push]\nfollowTags = true\ngpgSign = if-asked\n[diff]\nexternal = false\n[fetch]\nrecurseSubmodules = true\n"
    )
    (tmp_path / "attributes").write_text("*.md ident\n*.toml working-tree-encoding=UTF-16\n")
    (tmp_path / "templates" / "hooks").mkdir(parents=True)
    shutil.copy(hooks / "post-checkout", tmp_path / "templates" / "hooks")
    (tmp_path / "templates" / "config").write_text("[commit]\ngpgSign = true\n[core]\nautocrlf = true\n")
    (tmp_path / "copier.yml").write_text("defaults:\n  domain_purpose: Mine.\n  domain_timezone: Europe/Zurich\n")
    settings = {
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.autocrlf",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_PARAMETERS": "'commit.gpgsign=true' 'core.eol=crlf'",
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_AUTHOR_NAME": "Somebody",
        "GIT_COMMITTER_EMAIL": "s@example.org",
        "GIT_COMMITTER_DATE": "2001-01-01T00:00:00+0900",
        "GIT_TEMPLATE_DIR": str(tmp_path / "templates"),
        "GIT_EXTERNAL_DIFF": str(hooks / "pre-commit"),
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_LITERAL_PATHSPECS": "1",
        "COPIER_SETTINGS_PATH": str(tmp_path / "copier.yml"),
        "TZ": "Pacific/Kiritimati",
        "LANG": "C",
    }
    first, there = work(job), elsewhere(job, **settings)
    assert first == there
    assert first.commit
    assert not witness.exists(), witness.read_text()
    pushed = elsewhere(one.job("sales", template, push=True), **settings)
    assert one.git("sales", "log", "-1", "--format=%H %an %ae %cn %ce %cI %G?", BRANCH) == (
        f"{first.commit} {' '.join(AUTHOR * 2)} {job.committed_at} N"
    )
    assert pushed.pushed
    assert not witness.exists(), witness.read_text()


def test_what_a_caller_tells_git_of_the_way_to_a_remote_is_kept(project, template, on_forge, tmp_path):
    one = on_forge(project)
    job = one.job("sales", template, push=True)
    hidden = Remote("https://example.invalid/acme/sales.git", BRANCH)
    told = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{job.remote.url}.insteadOf",
        "GIT_CONFIG_VALUE_0": hidden.url,
    }
    done = elsewhere(Job(**vars(job) | {"remote": hidden}), **told)
    assert one.pushes("sales") == [done.commit]


# What goes on meanwhile -----------------------------------------------------------------------------------------------


def test_an_update_is_made_anew_of_what_was_pushed_while_it_was_made(
    project, template, on_forge, monkeypatch, tmp_path
):
    one = on_forge(project)
    clone = Clone.of(one.forge, SALES, tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "main", "origin/main")
    updated, pushed = fleet.work._updated, []

    def meanwhile(*arguments) -> Outcome:
        done = updated(*arguments)
        if not pushed:
            pushed.append(clone.commit("main", "docs.md", "Meanwhile.\n"))
            clone.push("main")
        return done

    monkeypatch.setattr(fleet.work, "_updated", meanwhile)
    done = work(one.job("sales", template, push=True))
    assert [done.base] == pushed
    assert one.git("sales", "rev-parse", f"{BRANCH}~1") == done.base
    assert one.pushes("sales") == [done.commit]


def test_a_repository_in_which_something_goes_on_all_the_time_is_left_after_some_tries(
    project, template, on_forge, monkeypatch, tmp_path
):
    one = on_forge(project)
    clone = Clone.of(one.forge, SALES, tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "main", "origin/main")
    made = []

    def meanwhile(job: Job, heads, aside) -> Outcome:
        made.append(clone.commit("main", "docs.md", f"{len(made)}\n"))
        clone.push("main")
        return Outcome("sales", "updated", commit=heads.head)

    monkeypatch.setattr(fleet.work, "_updated", meanwhile)
    (message,) = refused(one.job("sales", template, push=True))
    assert message.startswith(f"{FleetCode.BRANCH} {one.forge.clone_url(SALES)}: the repository has moved on 3 times")
    assert one.pushes("sales") == []


def test_a_commit_of_somebody_on_the_branch_of_the_fleet_is_not_written_over(project, template, on_forge, tmp_path):
    one = on_forge(project)
    work(one.job("sales", template, push=True))
    clone = Clone.of(one.forge, SALES, tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", BRANCH, f"origin/{BRANCH}")
    theirs = clone.commit(BRANCH, "docs.md", "Ours.\n")
    clone.push(BRANCH)
    (message,) = refused(one.job("sales", template, push=True))
    assert "somebody committed to the branch of the fleet, and it is not written over" in message
    # A forge closes the pull request of a branch that is deleted, which would be the team's no to this release.
    assert "delete" not in message
    assert one.proposed("sales") == theirs


def test_who_commits_to_the_branch_at_the_very_moment_of_the_push_is_not_written_over(
    project, template, on_forge, monkeypatch, tmp_path
):
    one = on_forge(project)
    clone = Clone.of(one.forge, SALES, tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "main", "origin/main")
    push, theirs = Remote.push, []

    def first(self: Remote, *arguments) -> None:
        theirs.append(clone.commit(BRANCH, "docs.md", "Ours.\n"))
        clone.push(BRANCH)
        push(self, *arguments)

    monkeypatch.setattr(Remote, "push", first)
    (message,) = refused(one.job("sales", template, push=True))
    assert message.startswith(f"{FleetCode.PUSH} {one.forge.clone_url(SALES)}: the push of {BRANCH} was refused: ")
    assert [one.proposed("sales")] == theirs


def test_a_proposal_of_an_older_release_or_of_an_older_main_is_replaced(fleets, template, tmp_path, on_forge):
    project = fleets.project(tmp_path / "sales", "v0.3.0")
    one = on_forge(project)
    older = work(one.job("sales", template, push=True, version=LAST))
    newer = work(one.job("sales", template, push=True))
    project.write("docs/notes.md", "Later.\n")
    commit(project, "Work")
    one.push("sales", project)
    last = work(one.job("sales", template, push=True))
    assert one.pushes("sales") == [older.commit, newer.commit, last.commit]
    assert one.git("sales", "rev-parse", "main") == last.base


# Who means no good ----------------------------------------------------------------------------------------------------


def leading_out(project: StampedProject) -> None:
    link(project, "settings/pixi.toml", "/etc/passwd")


def leading_out_by_a_chain(project: StampedProject) -> None:
    link(project, "settings/pixi.toml", "../docs/one")
    link(project, "docs/one", "two/passwd")
    link(project, "docs/two", "/etc")


def leading_into_git(project: StampedProject) -> None:
    link(project, "settings/pixi.toml", "../.git/config")


def leading_out_under_a_name_that_is_no_text(project: StampedProject) -> None:
    link(project, os.fsdecode(b"docs/caf\xe9\x1b[2J.md"), "/etc/passwd")


def link(project: StampedProject, path: str, target: str) -> None:
    file = project.root / path
    file.unlink(missing_ok=True)
    file.parent.mkdir(exist_ok=True)
    file.symlink_to(target)


def named_with_a_line_break(project: StampedProject) -> None:
    project.write("docs/a\nb.md", "x")


def named_in_no_encoding(project: StampedProject) -> None:
    project.write(os.fsdecode(b"docs/caf\xe9.md"), "x")


def with_a_file_for_a_folder(project: StampedProject) -> None:
    shutil.rmtree(project.root / ".github")
    project.write(".github", "x")


def with_a_submodule_for_a_folder(project: StampedProject) -> None:
    shutil.rmtree(project.root / "docs" / "contracts")
    project.git("add", "--all")
    head = project.git("rev-parse", "HEAD").strip()
    project.git("update-index", "--add", "--cacheinfo", f"160000,{head},docs/contracts")
    (project.root / "docs" / "contracts").mkdir()


def with_a_submodule_by_a_command(project: StampedProject) -> None:
    project.write(".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = -u./witness\n')


def without_answers(project: StampedProject) -> None:
    (project.root / ".copier-answers.yml").unlink()


def with_answers_that_are_an_object(project: StampedProject) -> None:
    project.write(".copier-answers.yml", "!!python/object/apply:os.system ['touch witness']\n")


def with_a_version_that_is_an_option(project: StampedProject) -> None:
    project.replace(".copier-answers.yml", f"_commit: {LAST}", "_commit: --output=witness")


def with_a_source_outside(project: StampedProject) -> None:
    project.write("uv.lock", "version = 1\n")
    project.replace("pyproject.toml", "[tool.uv.sources]\n", '[tool.uv.sources]\nx = { path = "/srv" }\n')


def with_an_exception_that_cannot_be_read(project: StampedProject) -> None:
    project.write("settings/exceptions.yaml", "exceptions: {path: x")


HOSTILE = {
    leading_out: "FL203 settings/pixi.toml: is a symbolic link that leads out of the repository",
    leading_out_by_a_chain: "FL203 docs/one: is a symbolic link that leads out of the repository",
    leading_into_git: "FL203 settings/pixi.toml: is a symbolic link that leads out of the repository",
    leading_out_under_a_name_that_is_no_text: "FL203 docs/caf\\udce9\\x1b[2J.md: is a symbolic link that leads out",
    named_with_a_line_break: "BB423 docs/a\\nb.md: has a name that copier cannot read",
    named_in_no_encoding: "BB423 docs/caf\\udce9.md: has a name that copier cannot read",
    with_a_file_for_a_folder: "BB423 .github: is a file where the platform has a folder",
    with_a_submodule_for_a_folder: "BB423 docs/contracts: is a submodule where the platform has a folder",
    with_a_submodule_by_a_command: "FL201 <url>: the repository cannot be read: ",
    without_answers: "FL202 <url>: has no .copier-answers.yml: no project of this template",
    with_answers_that_are_an_object: "BB422 .copier-answers.yml: the file is no YAML in UTF-8",
    with_a_version_that_is_an_option: "FL202 <url>: .copier-answers.yml has `--output=witness` as its version",
    with_a_source_outside: "FL203 pyproject.toml tool.uv.sources.x.path: `/srv` leads out of the repository",
    with_an_exception_that_cannot_be_read: "BB411 settings/exceptions.yaml:2: ",
}


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_a_repository_that_means_no_good_is_told_in_one_line_and_nothing_is_pushed(
    project, template, on_forge, monkeypatch, tmp_path, spoil
):
    spoil(project)
    project.git("add", "--all")
    project.git("commit", "--quiet", "--allow-empty", "--message", "Spoil")
    one = on_forge(project)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    messages = refused(one.job("sales", template, push=True))
    url = one.forge.clone_url(SALES)
    assert messages[0].replace(url, "<url>").startswith(HOSTILE[spoil]), messages
    assert one.pushes("sales") == []
    assert [*(tmp_path / "here").iterdir()] == []
    assert not [*tmp_path.rglob("witness")]


def test_links_that_lead_nowhere_and_in_a_circle_do_no_harm(project, template, on_forge):
    link(project, "settings/pixi.toml", "typos.toml")
    link(project, "settings/typos.toml", "pixi.toml")
    link(project, "docs/gone.md", "nowhere")
    commit(project, "Link")
    assert work(on_forge(project).job("sales", template)).became == "updated"


@pytest.mark.parametrize("act", ["look", "fetch", "push"])
def test_a_credential_in_a_url_that_git_prints_is_not_told(project, on_forge, act):
    there = on_forge(project).job("sales", project).remote
    with_one = {"url.https://somebody:secret0of0tests@127.0.0.1:1/.insteadOf": "https://127.0.0.1:1/"}
    remote = Remote("https://127.0.0.1:1/acme/sales.git", BRANCH, with_one)
    commit = there.heads().head
    with pytest.raises(ProblemError) as error, there.checked_out(commit, "", "2026-01-02T03:04:05Z") as aside:
        match act:
            case "look":
                remote.heads()
            case "fetch":
                remote.is_ours(aside, commit)
            case "push":
                remote.push(aside, commit, "")
    assert "cannot be read: " in str(error.value.problems[0])
    assert "secret0of0tests" not in str(error.value.problems[0])


# Code of the unit's ---------------------------------------------------------------------------------------------------


@pytest.fixture
def trapped(project, tmp_path) -> StampedProject:
    """A project with code wherever something might run it; what runs leaves a file in the folder ``witness``."""
    witness = tmp_path / "witness"
    witness.mkdir()

    def python(name: str) -> str:
        return f"open({str(witness / name)!r}, 'w').close()\n"

    def shell(name: str) -> str:
        return f"#!/bin/sh\n: > {witness / name}\nexit 0\n"

    def prepend(path: str, text: str) -> None:
        project.write(path, text + (project.root / path).read_text(encoding="utf-8"))

    for name in ("__init__", "generate", "project", "messages", "doctor"):
        prepend(f"platform/building_block/{name}.py", python(f"platform-{name}"))
    project.write("src/sales/defs/trap.py", python("defs"))
    prepend("src/sales/__init__.py", python("src")) if (project.root / "src/sales/__init__.py").is_file() else None
    for name in ("sitecustomize", "usercustomize", "conftest", "yaml", "upgrade", "fleet", "copier", "tomllib", "uv"):
        for folder in ("", "src/", "platform/"):
            project.write(f"{folder}{name}.py", python(f"{folder.replace('/', '-')}{name}"))
    project.write("tests/conftest.py", python("tests-conftest"))
    project.write("backend/trap.py", python("backend") + "raise SystemExit(1)\n")
    project.replace("pyproject.toml", 'version = "0.1.0"\n', 'dynamic = ["version"]\n')
    project.replace("pyproject.toml", 'requires = ["hatchling>=1.27"]', "requires = []")
    project.replace("pyproject.toml", '"hatchling.build"', '"trap"\nbackend-path = ["backend"]')
    project.replace(
        "pyproject.toml",
        '["building-block',
        f'["shell @ git+ext::sh%20-c%20touch%20{witness}/ext", "near", "building-block',
    )
    project.replace("pyproject.toml", "[tool.uv.sources]\n", '[tool.uv.sources]\nnear = { path = "near" }\n')
    project.write("near/pyproject.toml", (project.root / "pyproject.toml").read_text(encoding="utf-8"))
    project.write("near/backend/trap.py", python("near-backend"))
    project.write("uv.toml", 'no-build = false\npython-preference = "only-managed"\n')
    project.write("uv.lock", "version = 1\n")
    project.write(".python-version", "./.venv/bin/python\n")
    project.write(".envrc", shell("envrc"))
    project.write(".env", "PYTHONSTARTUP=./yaml.py\nBASH_ENV=./.envrc\n")
    for tool in ("python", "python3", "python3.11", "uv", "git"):
        project.write(f".venv/bin/{tool}", shell(f"venv-{tool}")).chmod(0o755)
    project.write(".venv/pyvenv.cfg", "home = .\n")
    project.write(
        "dbt/macros/trap.sql", "{% macro trap() %}{{ cycler.__init__.__globals__.os.mkdir('w') }}{% endmacro %}"
    )
    project.replace(".copier-answers.yml", "domain_name: Sales", "domain_purpose: '{{ 0/0 }}'\ndomain_name: Sales")
    project.write("hooks/pre-commit", shell("hook-in-tree")).chmod(0o755)
    project.write(".gitconfig", "[core]\nhooksPath = hooks\nfsmonitor = hooks/pre-commit\n")
    attributes = "* filter=trap diff=trap merge=trap\n*.md textconv=trap filter=lfs\n"
    project.write(".gitattributes", (project.root / ".gitattributes").read_text(encoding="utf-8") + attributes)
    project.write("docs/.gitattributes", attributes)
    paths = ("platform/building_block/generate.py", ".gitattributes", "platform/building_block/__init__.py")
    lines = [f"- {{path: {path}, reason: a trap, until: 2027-01-31}}" for path in paths]
    project.write("settings/exceptions.yaml", "\n".join(["exceptions:", *lines, ""]))
    project.git("add", "--all", "--force")
    project.git("commit", "--quiet", "--message", "Traps")
    driver = f"sh -c ': > {witness}/%s; cat'"
    (tmp_path / "gitconfig").write_text(
        "".join(
            f'[filter "{name}"]\nclean = {driver % "clean"}\nsmudge = {driver % "smudge"}\nrequired = true\n'
            for name in ("trap", "lfs")
        )
        + f'[diff "trap"]\ntextconv = {driver % "textconv"}\ncommand = {driver % "diff"}\n'
        f'[merge "trap"]\ndriver = {driver % "merge"}\n[include]\npath = .gitconfig\n[include]\npath = ../.gitconfig\n'
    )
    return project


def test_neither_a_plan_nor_a_campaign_runs_code_of_the_unit(trapped, template, on_forge, tmp_path):
    one = on_forge(trapped)
    (tmp_path / "home").mkdir()
    own = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"), "HOME": str(tmp_path / "home"), "UV_OFFLINE": "1"}
    for command in ("plan", "apply"):
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "--fleet", str(one.folder), command, f"--to={NEXT}"],
            cwd=tmp_path / "home",
            env=environment(template, **own),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert [*(tmp_path / "witness").iterdir()] == [], done.stdout + done.stderr
    pushed = one.pushes("sales")
    assert len(pushed) == 1, done.stdout + done.stderr
    assert "uv.lock is as it was" in one.forge.pull(SALES, 1).body


def test_those_traps_are_ones(trapped, template, tmp_path):
    """The control: an update by the project itself steps into some."""
    with Home.of(trapped.root).aside() as aside:
        bring(Template.of(template.root, NEXT), aside)
    assert [*(tmp_path / "witness").iterdir()]


def test_a_plan_touches_nothing(fleets, template, tmp_path):
    one = fleets.forge(tmp_path / "fleet", ["sales"])
    for name in ("home", "t"):  # in a longer folder a socket has no room
        (tmp_path / name).mkdir()
    before = snapshot(one.folder), snapshot(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "--fleet", str(one.folder), "plan", f"--to={NEXT}"],
        cwd=tmp_path / "home",
        env=environment(template, HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path / "t")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")  # pending
    assert f"sales: {LAST} → {NEXT}" in done.stdout
    assert (snapshot(one.folder), snapshot(tmp_path / "home")) == before
    assert [*(tmp_path / "t").iterdir()] == []


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in sorted(folder.rglob("*"))}
