"""A project with one ingest file and one landed file, both written by the test."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from building_block.ingest.spec import IngestSpec, load_specs
from building_block.messages import ProblemError

DAY = "2020-01-02"
COLUMNS = {"id": "integer", "name": "string"}
ONLINE_RETAIL = Path(__file__).parents[3] / "../shared/data/online-retail"


@dataclass
class Shop:
    """A project whose table ``t`` lands in ``landing``."""

    root: Path

    def spec(self, columns: dict[str, str | dict] = COLUMNS, format: str = "csv", **others: object) -> IngestSpec:
        source = {"kind": "file", "format": format, "folder": "landing", "when_missing": "fail"}
        source |= {"pattern": f"{{partition_key}}.{format}"} | others.pop("source", {})
        content = {
            "description": "a table",
            "source": source,
            "partitions": {"cadence": "daily", "start": "2020-01-01"},
            "columns": [
                {"name": name} | (said if isinstance(said, dict) else {"type": said}) for name, said in columns.items()
            ],
        } | others
        content = {key: value for key, value in content.items() if value is not None}
        (self.root / "ingest/t.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return load_specs(self.root / "ingest", self.root)[0]

    def land(self, content: bytes | str, name: str = f"{DAY}.csv") -> Path:
        path = self.root / "landing" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, spec: IngestSpec, key: str | None = DAY) -> pa.Table:
        return spec.source.read(self.root, key, spec).read_all()

    def rows(self, spec: IngestSpec, key: str | None = DAY) -> list[tuple]:
        declared = [column.name for column in spec.columns]
        return [tuple(row.values()) for row in self.read(spec, key).select(declared).to_pylist()]

    def problems(self, spec: IngestSpec, key: str | None = DAY) -> list[str]:
        with pytest.raises(ProblemError) as caught:
            self.read(spec, key)
        return str(caught.value).splitlines()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "ingest").mkdir()
    (tmp_path / "landing").mkdir()
    return Shop(tmp_path)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., list[str]]:
    """Return the messages about a folder of the given files."""

    def load(**files: str | bytes) -> list[str]:
        for name, content in files.items():
            path = tmp_path / "ingest" / name.replace("__", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ProblemError) as caught:
            load_specs(tmp_path / "ingest", tmp_path)
        return str(caught.value).splitlines()

    return load


@pytest.fixture(scope="session")
def online_retail() -> Path:
    folder = ONLINE_RETAIL.resolve()
    assert folder.is_dir(), f"the real data must lie at {folder}; see shared/data/README.md"
    return folder
