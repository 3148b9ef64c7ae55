"""What the tests run in a process that has its libraries already is what `poe` runs."""

import pytest


@pytest.mark.parametrize("arguments", [("check",), ("build", "raw"), ("explain", "bb207"), ("explain", "BB2077")])
def test_a_command_that_finds_its_libraries_imported_ends_as_one_that_poe_starts(project, arguments):
    project.write("src/sales/defs/oops.py", "import nowhere\n")
    ours, theirs = project.preloaded(*arguments), project.poe(*arguments)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    assert ours.returncode == (0 if arguments[1:] == ("bb207",) else 1)


def test_a_variable_that_only_a_new_interpreter_reads_gets_one(project):
    assert "import 'building_block" in project.preloaded("explain", "bb207", PYTHONVERBOSE="1").stderr
