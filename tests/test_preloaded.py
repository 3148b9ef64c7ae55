"""What the tests run in a process that has its libraries already is what `poe` runs."""

import re
import shutil

import pytest

from tests.conftest import StampedProject, leave_days


@pytest.mark.parametrize("arguments", [("check",), ("build", "raw"), ("explain", "bb207"), ("explain", "BB2077")])
def test_a_command_that_finds_its_libraries_imported_ends_as_one_that_poe_starts(project, arguments):
    project.write("src/sales/defs/oops.py", "import nowhere\n")
    ours, theirs = project.preloaded(*arguments), project.poe(*arguments)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    assert ours.returncode == (0 if arguments[1:] == ("bb207",) else 1)


def test_the_dbt_that_such_a_command_starts_ends_as_one_that_poe_starts(lean):
    leave_days(lean, 3)
    lean.write("dbt/models/marts/broken.sql", "select 1 / 0::varchar as one from {{ ref('orders_cleaned') }}\n")
    other = StampedProject(shutil.copytree(lean.root, lean.root.with_name("other")))
    ours, theirs = lean.build(), other.poe("build")
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr) != (0, "")
    assert ours.stderr.startswith("BB505 dbt/models/marts/broken.sql: ")
    assert seconds_aside(ours.stdout) == seconds_aside(theirs.stdout)
    assert lean.query("from marts.daily_order_summary") == other.query("from marts.daily_order_summary")


def seconds_aside(table: str) -> list[str]:
    return sorted(re.sub(r" +\d+\.\d", "", table).splitlines())  # two models at once end in either order


def test_what_python_is_given_runs_with_its_arguments_in_the_project(project):
    code = "import building_block, os, sys; print(building_block.__file__, os.getcwd(), sys.argv[1:]); sys.exit(3)"
    ran = project.python(code, "a b", "c")
    package = project.root / "platform" / "building_block" / "__init__.py"
    assert (ran.returncode, ran.stdout) == (3, f"{package} {project.root} ['a b', 'c']\n")


def test_a_variable_that_only_a_new_interpreter_reads_gets_one(project):
    assert "import 'building_block" in project.preloaded("explain", "bb207", PYTHONVERBOSE="1").stderr
