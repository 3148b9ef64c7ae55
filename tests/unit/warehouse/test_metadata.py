"""What Dagster shows of a table after a write, and what it must not show."""

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from building_block.warehouse.table import Table

from .conftest import asset_of

DATA = pa.table({"id": [1, 2], "Email": ["a@b.c", None], "net": [decimal.Decimal("1.50")] * 2})
COLUMNS = [
    dg.TableColumn("id", description="The customer", constraints=dg.TableColumnConstraints(nullable=False)),
    dg.TableColumn("email", "anything", tags={"classification": "confidential"}),
    dg.TableColumn("gone", "string"),
]
SCHEMA = {"dagster/column_schema": dg.TableSchema(columns=COLUMNS)}


@pytest.fixture
def metadata(run: Callable[..., dg.ExecuteInProcessResult]) -> Callable[..., dict[str, Any]]:
    """Materialize the asset sales/raw/t and return its metadata."""

    def materialize(data: Any, partition_key: str | None = None, **definition: Any) -> dict[str, Any]:
        result = run(asset_of(data, **definition), partition_key=partition_key)
        return dict(result.asset_materializations_for_node("sales__raw__t")[0].metadata)

    return materialize


Metadata = Callable[..., dict[str, Any]]


def test_rows_table_and_real_columns_are_told(metadata: Metadata) -> None:
    found = metadata(DATA, metadata=SCHEMA)
    assert found["dagster/row_count"].value == 2
    assert found["dagster/table_name"].value == "raw.t"
    columns = found["dagster/column_schema"].schema.columns
    assert [(column.name, column.type) for column in columns] == [
        ("id", "BIGINT"),
        ("Email", "VARCHAR"),
        ("net", "DECIMAL(3,2)"),
    ]
    assert columns[0].description == "The customer"
    assert columns[0].constraints.nullable is False
    assert columns[1].tags == {"classification": "confidential"}


def test_a_preview_shows_five_rows(metadata: Metadata) -> None:
    preview = metadata(pa.table({"a": range(100)}))["preview"]
    assert [record.data for record in preview.records] == [{"a": number} for number in range(5)]


def test_a_preview_of_an_empty_table_has_its_columns(metadata: Metadata) -> None:
    preview = metadata(DATA.slice(0, 0))["preview"]
    assert preview.records == []
    assert [column.name for column in preview.schema.columns] == ["id", "Email", "net"]


def test_values_that_the_browser_can_not_show_become_short_text(metadata: Metadata) -> None:
    row = {
        "d": dt.date(2024, 1, 2),
        "n": decimal.Decimal("1.5"),
        "x": float("nan"),
        "l": [1],
        "b": b"\0" * 9999,
        "z": None,
    }
    (record,) = metadata(pa.Table.from_pylist([row | {"ok": 1.5, "yes": True}]))["preview"].records
    assert len(record.data.pop("b")) == 200
    assert record.data == {"d": "2024-01-02", "n": "1.5", "x": "nan", "l": "[1]", "z": None, "ok": 1.5, "yes": True}


@pytest.mark.parametrize("classification", ["confidential", "restricted", "Confidential"])
def test_confidential_columns_are_not_in_the_preview(metadata: Metadata, classification: str) -> None:
    columns = [dg.TableColumn("email", tags={"classification": classification})]
    found = metadata(DATA, metadata={"dagster/column_schema": dg.TableSchema(columns=columns)})
    assert [column.name for column in found["preview"].schema.columns] == ["id", "net"]
    assert "a@b.c" not in str(found)


@pytest.mark.parametrize("classification", ["confidential", "restricted"])
@pytest.mark.parametrize("place", ["tags", "metadata"])
def test_a_confidential_table_has_no_preview(metadata: Metadata, place: str, classification: str) -> None:
    found = metadata(DATA, **{place: {"classification": classification}})
    assert "preview" not in found
    assert "a@b.c" not in str(found)


def test_a_table_of_confidential_columns_only_has_no_preview(metadata: Metadata) -> None:
    assert "preview" not in metadata(DATA.select(["Email"]), metadata=SCHEMA)


def test_another_classification_is_shown(metadata: Metadata) -> None:
    assert "preview" in metadata(DATA, tags={"classification": "internal"})


def test_a_partition_tells_its_own_rows(metadata: Metadata) -> None:
    days = dg.StaticPartitionsDefinition(["mon", "tue"])
    metadata(pa.table({"a": [1, 2, 3]}), "mon", partitions_def=days)
    found = metadata(pa.table({"a": [4]}), "tue", partitions_def=days)
    assert found["dagster/row_count"].value == 1
    assert [record.data for record in found["preview"].records] == [{"a": 4, "_partition_key": "tue"}]


def test_a_preview_is_of_the_rows_that_passed_by_and_reads_none_back(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    monkeypatch.setattr(Table, "select", lambda *arguments: read.append(arguments))
    stream = pa.Table.from_batches([pa.record_batch({"a": [number] * number}) for number in range(1, 9)])
    preview = metadata(lambda _: stream.to_reader(), "mon", partitions_def=dg.StaticPartitionsDefinition(["mon"]))
    assert [record.data["a"] for record in preview["preview"].records] == [1, 2, 2, 3, 3]
    assert read == []


def test_an_assets_own_metadata_stays(metadata: Metadata) -> None:
    own = {"preview": "mine", "source": "invoices.csv"}
    found = metadata(lambda _: dg.MaterializeResult(value=DATA, metadata=own))
    assert found["source"].value == "invoices.csv"
    assert found["dagster/row_count"].value == 2
