"""`make demo` as a newcomer runs it: a clone, and a machine with nothing but python3, git and make."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import StampedProject
from tools.ownership import ROOT


@pytest.mark.slow
def test_the_demonstration_installs_builds_and_shows_its_tables(on_disk):
    clone = on_disk / "building block"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copy2(ROOT / "Makefile", clone)
    (on_disk / "bin").mkdir()
    # The machine's own Python, not this environment's.
    (on_disk / "bin" / "python3").symlink_to(os.path.realpath(f"{sys.base_prefix}/bin/python3"))
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    result = subprocess.run(
        ["make", "demo", "LANDING=template/sample/retail"],
        cwd=clone,
        env=environment | {"PATH": f"{on_disk}/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines() if line.startswith("published/")] == [
        "published/daily_orders",
        "published/orders",
    ]
    assert "To see the graph in the browser: cd build/sales && " in result.stdout
    assert StampedProject(clone / "build" / "sales").query("select count(*) from raw.invoices") == [(2748,)]
