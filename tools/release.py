"""``python -m tools.release cut 0.2.0``: what a person does for a release, and what the release workflow calls."""

import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

import typer
import yaml
from packaging.version import Version

from tools.ownership import ROOT
from tools.releases import CHANGELOG, RELEASES, UNRELEASED, VERSION, Section, recorded, sections
from tools.surface import WORKING_TREE
from tools.surface.__main__ import compare
from tools.surface.difference import bump, refusals

REMOTE = "origin"
MAIN = "main"
ANSWERS = "tests/answers/minimal.yml"
_EXAMPLE = "example"
_CANDIDATE = "example-candidate"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def git(*arguments: str, **environment: str) -> str:
    """Return what git prints in this repository.

    Raises:
        SystemExit: git fails; with what it says.
    """
    done = _tried(*arguments, **environment)
    if done.returncode:
        raise SystemExit(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _tried(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["git", *arguments]
    given = os.environ | environment
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)


# What a person does ---------------------------------------------------------------------------------------------------


@app.command()
def cut(version: str) -> None:
    """Move what is unreleased in the changelog below a version and today's date."""
    release, is_candidate = _parsed(version)
    if is_candidate:
        raise SystemExit(f"{version} is a candidate, which has no section of its own; cut {release}")
    if not sections(ROOT).get(UNRELEASED, Section("", "", "")).body:
        raise SystemExit(f"{CHANGELOG} has nothing below [{UNRELEASED}]; say there what a project must do")
    _raise_any(_wrong_version(release))
    text = (ROOT / CHANGELOG).read_text(encoding="utf-8")
    head = f"## [{UNRELEASED}]\n"
    today = datetime.now(UTC).date()
    file = ROOT / CHANGELOG
    file.write_text(text.replace(head, f"{head}\n## [{release}] - {today}\n", 1), encoding="utf-8", newline="\n")
    print(f"{CHANGELOG} has [{release}]; commit it, merge it to {MAIN}, and run the workflow `release` with {release}")


@app.command()
def pin(version: str) -> None:
    """Record the commit of a release in tests/releases.yml: that of its tag, or HEAD while it has none."""
    release, is_candidate = _parsed(version)
    tag = f"v{release}"
    if is_candidate:
        raise SystemExit(f"{version} is a candidate; what is recorded is a release")
    if tag in recorded(ROOT):
        raise SystemExit(f"{RELEASES} has {tag} already")
    commit = _commit_of(f"refs/tags/{tag}") or git("rev-parse", "HEAD")
    if f"\n## [{release}] - " not in git("show", f"{commit}:{CHANGELOG}"):
        raise SystemExit(f"{commit[:9]} has no section [{release}] in {CHANGELOG}; cut it and commit that first")
    with (ROOT / RELEASES).open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"- version: {tag}\n  commit: {commit}\n")
    print(f"{RELEASES} has {tag} at {commit[:9]}; commit it")


# What the workflow calls ----------------------------------------------------------------------------------------------


@app.command()
def check(version: str) -> None:
    """Say whether HEAD may be released as a version, or as a candidate of one; change nothing."""
    release, is_candidate = _parsed(version)
    wrong = _wrong_version(release)
    if git("status", "--porcelain"):
        wrong.append("the working tree has changes; commit or remove them")
    if _tried("merge-base", "--is-ancestor", "HEAD", f"{REMOTE}/{MAIN}").returncode:
        wrong.append(f"HEAD is not on {REMOTE}/{MAIN}; merge it, and release that")
    if (there := _commit_of(f"refs/tags/v{version}")) not in (None, git("rev-parse", "HEAD")):
        wrong.append(f"v{version} is a tag of {there[:9]} and not of HEAD; a tag is never moved, so take a new version")
    if is_candidate and _commit_of(f"refs/tags/v{release}"):
        wrong.append(f"{release} is released, and has no candidates any more")
    known = sections(ROOT)
    if not is_candidate and release not in known:
        wrong.append(f"{CHANGELOG} has no section [{release}]; write `python -m tools.release cut {release}`")
    elif not is_candidate and known[UNRELEASED].body:
        wrong.append(
            f"{CHANGELOG} has entries below [{UNRELEASED}], which HEAD would release; move them to [{release}]"
        )
    _raise_any(wrong)
    _notes(release)
    print(f"HEAD may be released as v{version}")


@app.command()
def notes(version: str) -> None:
    """Print what the changelog says of a version; of a candidate what is unreleased, until its version is cut."""
    print(_notes(_parsed(version)[0]))


@app.command()
def constraints(version: str) -> None:
    """Print every package of the stack at one version, resolved as of the moment of HEAD's commit."""
    _parsed(version)
    day = datetime.fromtimestamp(int(git("log", "-1", "--format=%ct")), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--all-extras"]
    command += ["--no-header", "--no-annotate", "--exclude-newer", day, "template/platform/pyproject.toml"]
    # What the environment sets would be part of the result; which index is asked is the machine's affair.
    given = {key: value for key, value in os.environ.items() if key not in ("UV_EXCLUDE_NEWER", "UV_CONSTRAINT")}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the stack can't be resolved as of {day}: {done.stderr.strip()}")
    print(f"# v{version}, resolved as of {day}. Install by it: pip install -c <this file> -e 'platform[dev]' -e .")
    print(done.stdout.strip())


@app.command()
def publish(version: str) -> None:
    """Push the tag of HEAD, and the project that it stamps: to the branch `example`, of a candidate to one beside it.

    What was pushed before is left as it is, so that a run that broke off can be repeated.
    """
    check(version)
    tag, (_, is_candidate) = f"v{version}", _parsed(version)
    if not _commit_of(f"refs/tags/{tag}"):
        git("tag", tag, "HEAD")
    git("push", "--quiet", REMOTE, f"refs/tags/{tag}")
    branch = _CANDIDATE if is_candidate else _EXAMPLE
    commit = _example(tag)
    # Candidates stand each on the last release, not on one another, so theirs is moved.
    git("push", "--quiet", *(["--force"] if is_candidate else []), REMOTE, f"{commit}:refs/heads/{branch}")
    print(f"{tag} is tagged, and {branch} has what it stamps")


def _example(tag: str) -> str:
    """Return a commit of what the tag stamps, on top of what the release before it stamped.

    The project lies in a folder: GitHub lets no workflow push files of ``.github/workflows`` at the root.
    """
    import copier  # half of the time of the commands that render nothing

    parent = _released_example(tag)
    with tempfile.TemporaryDirectory() as folder:
        # As a unit does it, from the remote: the address is a part of the answers file.
        data = yaml.safe_load((ROOT / ANSWERS).read_text(encoding="utf-8"))
        url = git("remote", "get-url", REMOTE)
        copier.run_copy(url, f"{folder}/tree/project", data=data, vcs_ref=tag, defaults=True, quiet=True)
        place = {
            "GIT_DIR": git("rev-parse", "--absolute-git-dir"),
            "GIT_WORK_TREE": f"{folder}/tree",
            "GIT_INDEX_FILE": f"{folder}/index",
        }
        git("-c", "core.autocrlf=false", "-c", "core.excludesFile=", "add", "--all", f"{folder}/tree", **place)
        tree = git("write-tree", **place)
    # Who and when are those of the release, so that a repeated run makes the same commit.
    name, mail, moment = git("log", "-1", "--format=%cn%n%ce%n%cI", f"{tag}^{{commit}}").splitlines()
    who = {f"GIT_{one}_NAME": name for one in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{one}_EMAIL": mail for one in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{one}_DATE": moment for one in ("AUTHOR", "COMMITTER")}
    above = ["-p", parent] if parent else []
    return git("commit-tree", tree, *above, "-m", tag, "-m", f"Stamped with {ANSWERS}.", **who)


def _released_example(tag: str) -> str:
    """Return the commit of the example before this one; empty for the first."""
    if not git("ls-remote", REMOTE, f"refs/heads/{_EXAMPLE}"):
        return ""
    git("fetch", "--quiet", REMOTE, f"refs/heads/{_EXAMPLE}")
    commits = git("log", "--format=%H %s", "FETCH_HEAD").splitlines()
    return next((commit for commit, _, subject in (line.partition(" ") for line in commits) if subject != tag), "")


# Versions -------------------------------------------------------------------------------------------------------------


def _parsed(version: str) -> tuple[str, bool]:
    """Return the release that a version is or is a candidate of, and whether it is a candidate."""
    if not (found := VERSION.fullmatch(version)):
        raise SystemExit(f"`{version}` is no version; write one like 0.2.0, or 0.2.0-rc.1 for a candidate")
    return found["release"], bool(found["candidate"])


def _wrong_version(release: str) -> list[str]:
    """Return a sentence for each reason why the working tree may not become that release."""
    last = [*recorded(ROOT)][-1]
    ours = re.compile(f"v{VERSION.pattern}")
    tags = [
        tag for tag in git("tag", "--list", "v*").split() if (found := ours.fullmatch(tag)) and not found["candidate"]
    ]
    if lost := [tag for tag in tags if tag not in recorded(ROOT) and tag != f"v{release}"]:
        return [f"{lost[0]} is released and not in {RELEASES}; write `python -m tools.release pin {lost[0][1:]}`"]
    if Version(release) <= Version(last):
        return [f"{release} is not after {last}, the last release"]
    changes, declared, _ = compare(ROOT, last, WORKING_TREE)
    return refusals(changes, declared, Version(last), bump(Version(last), Version(release)))


def _notes(release: str) -> str:
    known = sections(ROOT)
    body = known.get(release, known.get(UNRELEASED, Section("", "", ""))).body
    if not body:
        raise SystemExit(f"{CHANGELOG} says nothing of {release}; say there what a project must do")
    return body


def _commit_of(ref: str) -> str | None:
    return _tried("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").stdout.strip() or None


def _raise_any(sentences: list[str]) -> None:
    if sentences:
        raise SystemExit("\n".join(sentences))


if __name__ == "__main__":
    app()
