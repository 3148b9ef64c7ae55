"""Every release, every scenario, untouched and worked in: it comes to the tree under test, and nothing is lost."""

import shutil
from itertools import pairwise

import pytest

from tests.conftest import SCENARIOS, StampedProject
from tests.stamping import (
    NEXT,
    RELEASES,
    bring_to,
    commit,
    files,
    given,
    migrate_to,
    platform,
    stamp,
    stamp_with,
    work_in,
)
from tools.ownership import classes_of


def own(project: StampedProject) -> dict[str, str]:
    """Every file of the unit's: also what lies where neither a seed nor the platform does."""
    others = (["platform"], ["derived"])
    return {path: digest for path, digest in files(project).items() if classes_of(path) not in others}


def copy(project: StampedProject, name: str) -> StampedProject:
    return StampedProject(shutil.copytree(project.root, project.root.with_name(name), symlinks=True))


@pytest.mark.slow
@pytest.mark.parametrize("worked_in", [False, True], ids=["untouched", "worked in"])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("version", RELEASES)
def test_a_release_comes_to_this_one_at_once_and_step_by_step(template, tmp_path, version, scenario, worked_in):
    project = stamp(template, version, tmp_path / "project", scenario)
    if worked_in:
        work_in(project)
        commit(project, "Work")
    migrate_to(template, project, NEXT)
    before = own(project)

    stepwise = copy(project, "stepwise")
    bring_to(template, project, NEXT)
    assert own(project) == before
    assert platform(project) == platform(stamp_with(template, NEXT, tmp_path / "fresh", given(project)))
    steps = [*RELEASES, NEXT][[*RELEASES].index(version) :]
    if len(steps) > 2:  # else it is the same walk
        for _, step in pairwise(steps):
            bring_to(template, stepwise, step)
        assert files(stepwise) == files(project)
    head = project.git("rev-parse", "HEAD")
    bring_to(template, project, NEXT)
    assert project.git("rev-parse", "HEAD") == head, "a second update is no no-op"

    assert project.preloaded("generate").returncode == 0
    assert project.git("status", "--porcelain") == "", "what is derived is not what would be derived anew"

    if scenario == "minimal":
        built = project.build()
        assert built.returncode == 0, built.stdout + built.stderr
        assert ("reporting/store_names" in built.stdout) == worked_in
        healthy = project.poe("doctor")
        assert (healthy.returncode, healthy.stderr) == (0, "")


@pytest.mark.parametrize("version", RELEASES)
def test_what_a_unit_has_answered_outlives_every_release(template, tmp_path, version):
    project = stamp(template, version, tmp_path / "project", "full")
    before = given(project)
    bring_to(template, project, NEXT)
    after = given(project)
    assert sorted(before.values()) == sorted(after[name] for name in after if after[name] in before.values())
