"""A stamped project as its people find it on the first day, in every scenario."""

import shutil

import pytest

from tests.conftest import SCENARIOS, StampedProject, leave_days
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
def test_a_fresh_project_of_an_awkward_name_passes_its_own_tests(rendered, tmp_path):
    project = StampedProject(shutil.copytree(rendered("awkward-names").root, tmp_path / "project"))
    leave_days(project, 18)  # of which a forecast can be made
    result = project.python("import pytest, sys; sys.exit(pytest.main())")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "minimal"])
def test_a_fresh_project_passes_all_hooks(rendered, scenario, tmp_path):
    project = StampedProject(shutil.copytree(rendered(scenario).root, tmp_path / "project"))
    project.git("init", "--quiet")
    give_environment(project)
    result = project.poe("lint")
    assert result.returncode == 0, result.stdout + result.stderr
