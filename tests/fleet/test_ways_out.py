"""What uv would read for a unit outside of its repository is found before it is asked, however that is written."""

import os
from pathlib import Path

import pytest
from building_block.messages import ProblemError

from fleet.locks import relocked
from fleet.variables import of_uv
from fleet.ways_out import declared, sources
from tests.conftest import StampedProject

NAMED = '[project]\nname = "{name}"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = [{needs}]\n'


def written(folder: Path, **files: str) -> Path:
    """Write files into a repository that has a project in each of two folders, and return the repository."""
    repository = StampedProject(folder / "repository")
    repository.write("pyproject.toml", NAMED.format(name="unit", needs=""))
    repository.write("near/deep/pyproject.toml", NAMED.format(name="deep", needs=""))
    for path, text in files.items():
        repository.write(path, text)
    return repository.root


def found(repository: Path) -> list[str]:
    return [str(problem) for problem in sources(repository, declared(repository))]


@pytest.mark.parametrize(
    ("path", "text", "where"),
    [
        ("pyproject.toml", "[tool.uv.sources]\nx = {path = '/srv/x'}", "tool.uv.sources.x.path"),
        ("pyproject.toml", "[tool.uv.sources]\nx = [{path = '../x', marker = 'True'}]", "tool.uv.sources.x[0].path"),
        ("near/deep/pyproject.toml", "[tool.uv.sources]\nx = {path = '../../../x'}", "tool.uv.sources.x.path"),
        ("pyproject.toml", "[tool.uv.sources]\nx = {url = 'FILE:///srv/x.whl'}", "tool.uv.sources.x.url"),
        ("pyproject.toml", "[tool.uv.workspace]\nmembers = ['near/*', '../*']", "tool.uv.workspace.members[1]"),
        ("pyproject.toml", "[tool.uv]\nfind-links = ['near', '/srv/wheels']", "tool.uv.find-links[1]"),
        ("pyproject.toml", "[[tool.uv.index]]\nurl = 'file:///srv/simple'", "tool.uv.index[0].url"),
        ("pyproject.toml", "[[tool.uv.index]]\nurl = '../simple'", "tool.uv.index[0].url"),
        ("pyproject.toml", "[tool.uv]\noverride-dependencies = ['x @ ../x']", "tool.uv.override-dependencies[0]"),
        ("pyproject.toml", "[project]\ndependencies = ['x', 'y[z]@file:///srv/y@1 ; True']", "project.dependencies[1]"),
        ("pyproject.toml", "[project]\ndependencies = ['x @ https://x.example/${HOME}']", "project.dependencies[0]"),
        ("pyproject.toml", "[project.optional-dependencies]\na = ['x @ /x']", "project.optional-dependencies.a[0]"),
        ("pyproject.toml", "[dependency-groups]\ndev = ['x @ file:../x']", "dependency-groups.dev[0]"),
        ("pyproject.toml", '[tool.uv.sources]\nx = {path = "a\\u0000"}', "tool.uv.sources.x.path"),
        ("near/deep/uv.toml", "find-links = ['/srv/wheels']", "find-links[0]"),
    ],
)
def test_a_place_outside_of_the_repository_is_told_where_it_stands(tmp_path, path, text, where):
    (message,) = found(written(tmp_path, **{path: text}))
    assert message.startswith(f"FL203 {path} {where}: ")
    assert message.endswith(
        " leads out of the repository, and uv would read it; "
        "write the path of a folder in the repository, or a URL of https"
    )
    assert message.isprintable()


def test_what_stays_in_the_repository_or_comes_from_an_index_is_left(tmp_path):
    settings = (
        "[project]\ndependencies = ['x>=1', 'y @ https://user@y.example/y.whl', 'z @ git+ssh://git@z.example/z@v1']\n"
        "[tool.uv]\nfind-links = ['../wheels']\ncache-dir = '/var/cache/uv'\nrequired-version = '>=0.9'\n"
        "[tool.uv.sources]\nx = {path = '../..'}\n[[tool.uv.index]]\nurl = 'https://simple.example/'\n"
        "[tool.other]\npath = '/srv'\n"
    )
    assert found(written(tmp_path, **{"near/pyproject.toml": settings, "near/pyproject.txt": "/srv"})) == [
        "FL203 near/pyproject.toml tool.uv.sources.x.path: `../..` leads out of the repository, and uv would read it; "
        "write the path of a folder in the repository, or a URL of https"
    ]
    inside = settings.replace("'../..'", "'..'")
    assert found(written(tmp_path, **{"near/pyproject.toml": inside})) == []


def test_a_way_out_through_a_link_is_none_less(tmp_path):
    """Both were followed by uv 0.13: it takes `..` off the path, and the system off the folder."""
    source = "[tool.uv.sources]\nx = {path = '../../x'}\n"
    repository = written(tmp_path, **{"near/deep/pyproject.toml": source})
    assert found(repository) == []
    (repository / "short").symlink_to("near/deep")
    assert found(repository)[0].startswith("FL203 near/deep/pyproject.toml tool.uv.sources.x.path: `../../x` leads out")
    (repository / "short").unlink()
    (repository / "near" / "deep" / "up").symlink_to("../..")
    StampedProject(repository).write("near/deep/pyproject.toml", source.replace("../../x", "up/../x"))
    assert found(repository)[0].startswith("FL203 near/deep/pyproject.toml tool.uv.sources.x.path: `up/../x` leads out")


@pytest.mark.parametrize("text", ["[tool.uv.sources]\nx = {\n  path = '/srv',\n}\n", "[", "x = '\udcff'"])
def test_what_uv_may_read_otherwise_is_refused(tmp_path, text):
    repository = written(tmp_path)
    (repository / "near" / "deep" / "pyproject.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    assert found(repository)[0].startswith("FL203 near/deep/pyproject.toml: is no TOML 1.0 in UTF-8")


def test_uv_is_not_asked_for_a_lock_of_what_lies_outside(tmp_path, monkeypatch):
    secret = written(tmp_path / "secret")
    repository = written(
        tmp_path,
        **{
            "pyproject.toml": NAMED.format(name="unit", needs='"unit"').replace("unit", "mine", 1)
            + f"[tool.uv.sources]\nunit = {{path = '{secret}'}}\n",
            "uv.lock": "version = 1\n",
        },
    )
    asked = tmp_path / "asked"
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!/bin/sh\nenv > {asked}\n", encoding="utf-8")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FLEET_APP_PRIVATE_KEY", "planted")
    with pytest.raises(ProblemError, match=r"FL203 pyproject\.toml tool\.uv\.sources\.unit\.path"):
        relocked(repository, repository, tmp_path)
    assert not asked.exists()
    (repository / "pyproject.toml").write_text(NAMED.format(name="mine", needs=""), encoding="utf-8")
    assert relocked(repository, repository, tmp_path) == []
    assert "UV_CACHE_DIR=" in asked.read_text(encoding="utf-8")
    assert "planted" not in asked.read_text(encoding="utf-8")


def test_what_a_lock_has_from_outside_by_way_of_a_wheel_is_refused(tmp_path, monkeypatch):
    """Planted as uv writes it where the metadata of a wheel in the repository asks for a folder outside."""
    lock = "version = 1\n[[package]]\nname = 'x'\nversion = '1'\nsource = { directory = '../x' }\n"
    repository = written(tmp_path, **{"uv.lock": lock})
    (message,) = [str(one) for one in sources(repository, [repository / "uv.lock"])]
    assert message.startswith("FL203 uv.lock x[0].directory: `../x` leads out of the repository")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"UV_CACHE_DIR": "/a"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/uv"),
        ({"HOME": "/c"}, "/c/.cache/uv"),
    ],
)
def test_what_uv_keeps_lies_where_a_person_has_it_whatever_a_unit_says(monkeypatch, given, kept):
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert of_uv()["UV_CACHE_DIR"] == kept
