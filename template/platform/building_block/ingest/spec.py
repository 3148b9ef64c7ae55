# platform-owned: changed by `copier update` only; see platform/README.md
"""The models of ``ingest/<table>.yaml``."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

import dagster as dg
import pyarrow as pa
from dagster._utils.schedules import is_valid_cron_string  # the very check that a ScheduleDefinition makes
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from building_block.ingest.column import Classification, Column
from building_block.ingest.kinds.csv_file import CsvFile
from building_block.ingest.kinds.ndjson_file import NdjsonFile
from building_block.ingest.kinds.parquet_file import ParquetFile
from building_block.ingest.kinds.xlsx_file import XlsxFile
from building_block.ingest.strict import Strict, wrong
from building_block.messages import Code

KINDS = ("file",)
RESERVED = ("_source_file", "_partition_key")
TABLE_NAME = "^[a-z][a-z0-9_]{0,62}$"

AnySource = Annotated[CsvFile | ParquetFile | NdjsonFile | XlsxFile, Field(discriminator="format")]


def _day(value: Any) -> date:
    try:
        # YAML reads 2010-12-01 as a date, "2010-12-01" as text and 2010-12-01 06:00 as a datetime, which is a date too.
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong(f"`{value}` is not a date", "write a day as `2010-12-01`") from None


def _span(value: Any) -> timedelta:
    text = str(value)
    if text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 6 and int(text[:-1]) and text[-1] in "hd":
        return timedelta(**{{"h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})
    raise wrong(f"`{value}` is not a span of hours or days", "write hours as `36h` or days as `2d`")


def _cron(value: str) -> str:
    if len(value.split()) == 5 and is_valid_cron_string(value):
        return value
    raise wrong(f"`{value}` is not a cron schedule", 'write five fields: minute hour day month weekday, "0 6 * * *"')


def _table(value: str) -> str:
    if re.fullmatch(TABLE_NAME, value):
        return value
    write = "write `table:` with a small letter, then small letters, digits and _, at most 63 in all"
    raise wrong(f"`{value}` is not a table name", write)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
TableName = Annotated[str, AfterValidator(_table), WithJsonSchema({"type": "string", "pattern": TABLE_NAME})]
Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": r"^0*[1-9]\d*[hd]$"})]


class DailyPartitions(Strict):
    """One partition a day; its key is the day as ``2010-12-01``."""

    cadence: Literal["daily"] = Field(examples=["daily"])
    start: Day = Field(examples=["2010-12-01"])

    def definition(self) -> dg.DailyPartitionsDefinition:
        """Return the partitions as Dagster has them."""
        return dg.DailyPartitionsDefinition(start_date=self.start.isoformat())

    def has(self, key: str) -> bool:
        """Tell whether ``key`` is a day from ``start`` on, written as Dagster writes it."""
        try:
            day = date.fromisoformat(key)
        except ValueError:
            return False
        return day.isoformat() == key and day >= self.start


class IngestSpec(Strict):
    """One source table."""

    description: str = Field(min_length=1, examples=["One row per …"])
    classification: Classification = "internal"
    owner: str | None = Field(
        None,
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="e-mail; default: the domain's",
        examples=["sales-data@example.com"],
    )
    table: TableName = Field("", description="default: the file's stem", json_schema_extra=_without_default)
    source: AnySource
    partitions: DailyPartitions | None = None
    schedule: Annotated[str, AfterValidator(_cron)] | None = Field(None, examples=["0 6 * * *"])
    freshness: Span | None = Field(None, description="at most this long between two materialisations", examples=["36h"])
    columns: list[Column] = Field(min_length=1)
    undeclared_columns: Literal["fail", "ignore"] = "fail"
    missing_columns: Literal["fail", "fill_with_null"] = "fail"
    _file: str = PrivateAttr("")

    @property
    def file(self) -> str:
        """Return the ingest file's path relative to the project's root."""
        return self._file

    @property
    def arrow_schema(self) -> pa.Schema:
        """Return the schema of what ``source.read`` streams: the declared columns, then where a row came from."""
        origin = RESERVED if self.partitions else RESERVED[:1]
        fields = [(column.name, column.arrow_type) for column in self.columns]
        return pa.schema(fields + [(name, pa.string()) for name in origin])

    @field_validator("source", mode="before")
    @classmethod
    def _kind_is_known(cls, value: Any) -> Any:
        # Said before the union is told apart by `format`, which another kind need not have.
        if isinstance(value, dict) and value.get("kind", KINDS[0]) not in KINDS:
            raise wrong(f"unknown kind `{value['kind']}`", f"write `kind: {KINDS[0]}`", "kind")
        return value

    @field_validator("columns")
    @classmethod
    def _names_are_free(cls, columns: list[Column]) -> list[Column]:
        first: dict[str, str] = {}
        for index, column in enumerate(columns):
            name = column.name.lower()
            if name in RESERVED:
                what = f"column name `{column.name}` is reserved for where a row came from"
                raise wrong(what, "leave the column out", index, "name")
            if name in first:
                # DuckDB's names are case-insensitive, so two such columns cannot live in one table.
                what = f"column `{column.name}` stands twice (also `{first[name]}`; letter case does not count)"
                raise wrong(what, "keep one of the two", index, "name", code=Code.INGEST_DUPLICATE_COLUMN)
            first[name] = column.name
        return columns

    @model_validator(mode="after")
    def _parts_fit(self, info: ValidationInfo) -> Self:
        self._file = (info.context or {}).get("file", "")
        self.source.check(self.partitions is not None)
        return self
