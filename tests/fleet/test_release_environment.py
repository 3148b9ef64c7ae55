"""Where a release's own code runs for the fleet: an environment of wheels, in which no code of a package's has run."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from building_block.messages import ProblemError

from fleet.variables import of_uv
from tests.conftest import StampedProject
from upgrade.environment import Environment

NEEDS = '[project]\nname = "building-block"\ndependencies = ["{needs}"]\n'


@pytest.fixture(autouse=True)
def with_uv(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def planted(folder: Path) -> Path:
    """Make a wheel of one module."""
    wheel = folder / "planted-1-py3-none-any.whl"
    about = "planted-1.dist-info"
    files = {
        "planted.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def test_what_this_python_lacks_is_installed_into_one_of_its_own(tmp_path):
    platform = NEEDS.format(needs=f"planted @ {planted(tmp_path).as_uri()}")
    made = Environment.of_release(platform, tmp_path / "environment", of_uv())
    assert made.python == tmp_path / "environment" / "bin" / "python"
    assert subprocess.run([made.python, "-c", "import planted"], check=False).returncode == 0


def test_what_this_python_has_needs_none():
    assert Environment.of_release(NEEDS.format(needs="pyyaml"), Path("/nowhere"), {}).python == Path(sys.executable)


def test_where_it_cannot_be_installed_it_is_said_what_is_lacking(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProblemError, match="needs planted, and installing failed: uv is not there; install it here"):
        Environment.of_release(NEEDS.format(needs="planted"), tmp_path / "environment", of_uv())


def test_what_would_have_to_be_built_is_refused_and_runs_nothing(tmp_path):
    source = StampedProject(tmp_path / "source")
    source.write("backend.py", f"open({str(tmp_path / 'witness')!r}, 'w').close()\n")
    source.write(
        "pyproject.toml",
        '[project]\nname = "planted"\ndynamic = ["version"]\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    )
    platform = NEEDS.format(needs=f"planted @ {source.root.as_uri()}")
    with pytest.raises(ProblemError, match=r"BB424 platform/pyproject\.toml: the new release needs planted @ "):
        Environment.of_release(platform, tmp_path / "environment", of_uv())
    assert not (tmp_path / "witness").exists()
