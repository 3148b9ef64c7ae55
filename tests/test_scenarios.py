"""A stamped project as its people find it on the first day, in every scenario."""

import pytest

from tests.conftest import SCENARIOS


def test_the_scenarios_are_at_least_these():
    assert {"minimal", "full", "awkward-names"} <= set(SCENARIOS)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("task", ["check", "test", "lint"])
def test_a_fresh_project_passes_its_own_checks(rendered, scenario, task):
    result = rendered(scenario).poe(task)
    assert result.returncode == 0, result.stdout + result.stderr
