"""What the tests run in a process that has its libraries already is what `poe` runs."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests import preloaded
from tests.conftest import StampedProject, leave_days

REAL = {"PATH": f"{preloaded.PYTHON.parent}{os.pathsep}{os.environ['PATH']}"}
"""Where `poe` finds commands that import for themselves."""


@pytest.mark.parametrize("arguments", [("check",), ("build", "raw"), ("explain", "bb207"), ("explain", "BB2077")])
def test_a_command_that_finds_its_libraries_imported_ends_as_one_that_poe_starts(project, arguments):
    project.write("src/sales/defs/oops.py", "import nowhere\n")
    ours, theirs = project.preloaded(*arguments), project.poe(*arguments, **REAL)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    by_poe = project.poe(*arguments)
    assert (by_poe.returncode, by_poe.stdout, by_poe.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    assert ours.returncode == (0 if arguments[1:] == ("bb207",) else 1)


def test_the_dbt_that_such_a_command_starts_ends_as_one_that_poe_starts(lean):
    leave_days(lean, 3)
    lean.write("dbt/models/marts/broken.sql", "select 1 / 0::varchar as one from {{ ref('orders_cleaned') }}\n")
    other = StampedProject(shutil.copytree(lean.root, lean.root.with_name("other")))
    ours, theirs = lean.build(), other.poe("build", **REAL)
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


@pytest.mark.parametrize("call", [StampedProject.preloaded, StampedProject.poe])
def test_a_variable_that_only_a_new_interpreter_reads_gets_one(project, call):
    assert "import 'building_block" in call(project, "explain", "bb207", PYTHONVERBOSE="1").stderr


def test_what_is_forked_and_the_tool_that_asked_for_it_end_together(project):
    module = "import os, time\nopen('begun', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(60)\n"
    project.write("src/sales/defs/slow.py", module)
    begun = project.root / "begun"
    for killed_first in ("asked", "forked"):
        begun.unlink(missing_ok=True)
        asked = subprocess.Popen(["building-block", "check"], cwd=project.root, env=project.environment)
        while not (begun.exists() and begun.read_text()):
            assert asked.poll() is None
            time.sleep(0.05)
        forked = int(begun.read_text())
        os.kill(asked.pid if killed_first == "asked" else forked, signal.SIGKILL)
        assert asked.wait(10) == -signal.SIGKILL
        deadline = time.monotonic() + 10
        with pytest.raises(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(forked, 0)
                time.sleep(0.05)
