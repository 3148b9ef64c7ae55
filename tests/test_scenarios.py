"""A stamped project as its people find it on the first day, in every scenario."""

import shutil

import pytest

from tests.conftest import SCENARIOS, StampedProject
from tests.environment import give_environment


def test_the_scenarios_are_at_least_these():
    assert {"minimal", "full", "awkward-names"} <= set(SCENARIOS)


# In `minimal` every step of CI runs, in test_workflows.py.
@pytest.mark.slow
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "minimal"])
def test_a_fresh_project_passes_its_own_checks(rendered, scenario):
    result = rendered(scenario).preloaded("check")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_a_fresh_project_of_an_awkward_name_passes_its_own_tests(rendered):
    result = rendered("awkward-names").poe("test")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "minimal"])
def test_a_fresh_project_passes_all_hooks(rendered, scenario, tmp_path):
    project = StampedProject(shutil.copytree(rendered(scenario).root, tmp_path / "project"))
    project.git("init", "--quiet")
    give_environment(project)
    result = project.poe("lint")
    assert result.returncode == 0, result.stdout + result.stderr
