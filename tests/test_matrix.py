"""Every release, every scenario, untouched and worked in: it comes to the tree under test, and nothing is lost."""

import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SCENARIOS, StampedProject, leave_days
from tests.stamping import (
    NEXT,
    RELEASES,
    answered,
    bring_to,
    commit,
    files,
    given,
    migrate_to,
    platform,
    stamp_with,
    work_in,
)
from tools.ownership import classes_of
from upgrade.template import Template


@pytest.fixture(scope="module", autouse=True)
def rendered_once(tmp_path_factory):
    """Let the updater render each release with the same answers once: the walks of a scenario meet in most of them."""
    made: dict[tuple, Path] = {}
    render = Template.render

    def render_or_copy(template: Template, version: str, answers: Mapping[str, Any], folder: Path) -> None:
        what = (template.root, template.commit(version), *sorted(map(repr, answers.items())))
        if what not in made:
            kept = tmp_path_factory.mktemp("rendered")
            render(template, version, answers, kept)
            made[what] = kept
        shutil.copytree(made[what], folder, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "render", render_or_copy)
        yield


@pytest.fixture(scope="module")
def stamped_once(template, tmp_path_factory):
    """Stamp a release with the same answers once: as a unit does, by copier's copy."""
    made: dict[tuple, StampedProject] = {}

    def stamped(version: str, answers: Mapping[str, str]) -> StampedProject:
        what = (version, *sorted(answers.items()))
        if what not in made:
            made[what] = stamp_with(template, version, tmp_path_factory.mktemp("stamped") / "project", answers)
        return made[what]

    return stamped


def own(project: StampedProject) -> dict[str, str]:
    """Every file of the unit's: also what lies where neither a seed nor the platform does."""
    others = (["platform"], ["derived"])
    return {path: digest for path, digest in files(project).items() if classes_of(path) not in others}


def copy(project: StampedProject, folder: Path) -> StampedProject:
    return StampedProject(shutil.copytree(project.root, folder, symlinks=True))


@pytest.mark.slow
@pytest.mark.parametrize("worked_in", [False, True], ids=["untouched", "worked in"])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("version", RELEASES)
def test_a_release_comes_to_this_one_at_once_and_step_by_step(
    template, stamped_once, tmp_path, version, scenario, worked_in
):
    project = copy(stamped_once(version, answered(template, version, scenario)), tmp_path / "project")
    if worked_in:
        work_in(project)
        commit(project, "Work")
    migrate_to(template, project, NEXT)
    before = own(project)

    stepwise = copy(project, tmp_path / "stepwise")
    bring_to(template, project, NEXT)
    assert own(project) == before
    assert platform(project) == platform(stamped_once(NEXT, given(project)))
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
        leave_days(project, 3 if worked_in else 18)  # a forecast needs some more
        built = project.build()
        assert built.returncode == 0, built.stdout + built.stderr
        assert ("reporting/store_names" in built.stdout) == worked_in
        healthy = project.preloaded("doctor")
        assert (healthy.returncode, healthy.stderr) == (0, "")


@pytest.mark.parametrize("version", RELEASES)
def test_what_a_unit_has_answered_outlives_every_release(template, stamped_once, tmp_path, version):
    project = copy(stamped_once(version, answered(template, version, "full")), tmp_path / "project")
    before = given(project)
    bring_to(template, project, NEXT)
    after = given(project)
    assert sorted(before.values()) == sorted(after[name] for name in after if after[name] in before.values())
