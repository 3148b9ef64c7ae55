"""The standard's own examples: each is read, or told why it is no contract of the house.

None is committed. The two largest come with the source distribution of the standard's package; those of its repository
are read beside this one, when ODCS_EXAMPLES names the folder docs/examples of a clone.
"""

import copy
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from tests.unit.contracts.test_malformed import told

CLONE = os.environ.get("ODCS_EXAMPLES")
PACKAGE = "open-data-contract-standard"


@pytest.fixture(scope="session")
def of_the_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("standard")
    pip = (Path(sys.executable).with_name("uv"), "tool", "run", "--quiet", "pip", "download", "--quiet", "--no-deps")
    wanted = ("--no-binary", ":all:", f"{PACKAGE}=={version(PACKAGE)}")
    subprocess.run((*pip, *wanted, "--dest", folder), check=True, capture_output=True)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.name.endswith(".odcs.yaml"):
                (folder / Path(member.name).name).write_bytes(packed.extractfile(member).read())
    return folder


def each_table(text: str) -> Iterator[str]:
    """Yield a contract of its own for each table of an example, since the house has one table a contract."""
    whole = yaml.safe_load(text)
    for table in whole.get("schema", []):
        one = copy.deepcopy(whole)
        yield yaml.safe_dump(one | {"schema": [table]}, sort_keys=False, allow_unicode=True)


def read(folder: Path, least: int) -> None:
    files = sorted(folder.rglob("*.odcs.yaml"))
    assert len(files) >= least
    for file in files:
        text = file.read_text(encoding="utf-8")
        # None has the house's owner, classes and retention, so each is told something.
        for contract in (text, *each_table(text)):
            assert told(contract), file


def test_each_example_of_the_standards_package_is_told_in_whole_messages(of_the_package):
    read(of_the_package, least=2)


if CLONE:

    def test_each_example_of_the_standards_repository_is_told_in_whole_messages():
        read(Path(CLONE), least=15)
