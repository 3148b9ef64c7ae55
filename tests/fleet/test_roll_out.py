"""The how-to is followed literally on the fleet of the demo; the release is the tree under test."""

import json
import shutil

import pytest

from fleet.forges.local import LocalForge
from tests.conftest import StampedProject
from tests.stamping import NEXT
from tests.test_tutorial import OF_FLEET, Reader
from upgrade.git import Git

DEMO = "build/fleet-demo"


@pytest.mark.slow
def test_who_rolls_a_release_out_as_the_how_to_says_sees_what_it_shows(template, tools, tmp_path, monkeypatch):
    clone = StampedProject(shutil.copytree(template.root, tmp_path / "building-block", symlinks=True))
    clone.git("checkout", "--quiet", NEXT)
    page = OF_FLEET.read_text(encoding="utf-8")
    assert f"export FLEET={DEMO}/rollout\n" in page  # each block has a shell of its own here
    monkeypatch.setenv("FLEET", f"{DEMO}/rollout")
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of a make that has called the tests
        monkeypatch.delenv(name, raising=False)
    Reader(clone.root, tools, {}, (clone.root, clone.root / "template" / "platform")).follow(page)

    forge = LocalForge(clone.root / DEMO / "forge")
    proposed = {name: forge.pulls(name) for name in forge.repositories()}
    assert {name for name, pulls in proposed.items() if not pulls} == {
        "acme/facilities-data",  # no project
        "acme/quality-data",  # pinned
        "acme/treasury-data",  # has it
    }
    assert all(len(pulls) <= 1 for pulls in proposed.values()), "a domain has two pull requests"
    impact = [one.text for one in forge.comments("acme/logistics-data", 1)]
    assert len(impact) == 1
    assert impact[0].startswith("**"), impact
    assert "cannot be compared" not in impact[0], impact
    told = (clone.root / DEMO / "fleet.html").read_text(encoding="utf-8")
    assert "logistics" in told
    log = [json.loads(line) for line in (clone.root / DEMO / "rollout" / "campaigns.jsonl").open()]
    pushed = [(line["domain"], line["commit"]) for line in log if line["what"] == "proposed" and line["pushed"]]
    assert len(pushed) == len(set(pushed)), "the same was pushed twice"
    for name, pulls in proposed.items():
        for pull in pulls:
            commits = Git(forge.path(name))("log", "--format=%an", f"{pull.base}..{pull.branch}").splitlines()
            assert set(commits) <= {"Building block"}
