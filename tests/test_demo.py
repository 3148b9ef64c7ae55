"""`make demo` as a newcomer runs it: a clone, and a machine with nothing but python3, git and make."""

import os
import shutil
import subprocess

import pytest

from tests.conftest import StampedProject
from tools.ownership import ROOT


@pytest.mark.slow
def test_the_demonstration_installs_builds_and_shows_its_tables(tmp_path):
    clone = tmp_path / "building block"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copy2(ROOT / "Makefile", clone)
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("python3", "git", "make", "sh", "rm"):
        (bare / tool).symlink_to(os.path.realpath(shutil.which(tool)) if tool != "python3" else _python())
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    result = subprocess.run(
        ["make", "demo", "LANDING=template/sample/retail"],
        cwd=clone,
        env=environment | {"PATH": str(bare), "UV_COMPILE_BYTECODE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines() if line.startswith("published/")] == [
        "published/daily_orders"
    ]
    assert "To see the graph in the browser: cd build/sales && " in result.stdout
    assert StampedProject(clone / "build" / "sales").query("select count(*) from raw.invoices") == [(825,)]


def _python() -> str:
    """Python outside of any environment, as the machine has it."""
    import sys

    return os.path.realpath(f"{sys.base_prefix}/bin/python3")
