# platform-owned: changed by `copier update` only; see platform/README.md
"""What an ingest file declares of its table, for whoever reads data into it: columns, partitions, policies."""

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pyarrow as pa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from building_block.messages import Code
from building_block.project import CLASSES, Classification

if TYPE_CHECKING:
    import dagster as dg


class Strict(BaseModel):
    """A part of an ingest file: no unknown key, no silent conversion, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong(what: str, write: str, *at: str | int, code: Code = Code.INGEST_VALUE) -> PydanticCustomError:
    """Return the error a validator raises; ``at`` leads from the validated place to the faulty one."""
    return PydanticCustomError("house", "{what}", {"what": what, "write": write, "at": at, "code": code})


_TYPES = {
    "string": ("VARCHAR", pa.string()),
    "integer": ("INTEGER", pa.int32()),
    "bigint": ("BIGINT", pa.int64()),
    "double": ("DOUBLE", pa.float64()),
    "boolean": ("BOOLEAN", pa.bool_()),
    "date": ("DATE", pa.date32()),
    "timestamp": ("TIMESTAMP", pa.timestamp("us")),
}
_DECIMAL = r"^decimal\(([1-9]|[12]\d|3[0-8]), ?(\d|[12]\d|3[0-8])\)$"


def _known_type(text: str) -> str:
    digits = re.match(_DECIMAL, text)
    if text in _TYPES or (digits and int(digits[2]) <= int(digits[1])):
        return text
    if text.startswith("decimal"):
        raise wrong(
            f"`{text}` is not a decimal type",
            'write `type: "decimal(18,2)"`: in quotes, since a comma ends a value inside {…}; at most 38 digits',
        )
    raise wrong(f"unknown type `{text}`", f"write one of {', '.join(_TYPES)}, decimal(precision,scale)")


ColumnType = Annotated[
    str,
    AfterValidator(_known_type),
    WithJsonSchema(
        {"anyOf": [{"enum": list(_TYPES)}, {"type": "string", "pattern": _DECIMAL, "examples": ["decimal(18,4)"]}]}
    ),
]


class Column(Strict):
    """One column of the source that the raw table keeps, under the source's own name."""

    name: str = Field(
        min_length=1, description="the column's name in the file, letter by letter", examples=["InvoiceNo"]
    )
    type: ColumnType = Field(
        description="what every value must be, exactly; decimal(precision,scale) stands in quotes", examples=["string"]
    )
    description: str | None = Field(
        None,
        description="what the column means; Dagster and the warehouse show it",
        examples=["Number of the invoice."],
    )
    classification: Classification | None = Field(
        None,
        description="how far its values may go; default: the table's; of confidential or restricted ones no message "
        "shows a value",
        examples=["confidential"],
    )
    pii: bool = Field(
        False,
        description="whether its values are personal data, confidential at least; a contract's retention may empty it",
        examples=[True],
    )

    @property
    def sql_type(self) -> str:
        """Return the DuckDB type."""
        return _TYPES[self.type][0] if self.type in _TYPES else self.type.replace(" ", "").upper()

    @property
    def arrow_type(self) -> pa.DataType:
        """Return the Arrow type that DuckDB hands over for ``sql_type``."""
        if self.type in _TYPES:
            return _TYPES[self.type][1]
        return pa.decimal128(*map(int, re.findall(r"\d+", self.type)))


RESERVED = ("_source_file", "_partition_key")
BROKEN_RULES = "_broken_rules"
"""The column of a quarantine that lists the names of the rules that the row breaks."""
TABLE_NAME = "^[a-z][a-z0-9_]{0,62}$"


def _day(value: Any) -> date:
    try:
        # YAML reads 2010-12-01 as a date, "2010-12-01" as text and 2010-12-01 06:00 as a datetime, which is a date too.
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong(f"`{value}` is not a date", "write a day as `2010-12-01`") from None


def _table(value: str) -> str:
    if re.fullmatch(TABLE_NAME, value):
        return value
    write = "write `table:` with a small letter, then small letters, digits and _, at most 63 in all"
    raise wrong(f"`{value}` is not a table name", write)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
TableName = Annotated[str, AfterValidator(_table), WithJsonSchema({"type": "string", "pattern": TABLE_NAME})]


class DailyPartitions(Strict):
    """One partition a day; its key is the day as ``2010-12-01``."""

    cadence: Literal["daily"] = Field(description="how long a partition is", examples=["daily"])
    start: Day = Field(description="the first day; files of earlier ones are left alone", examples=["2010-12-01"])

    def definition(self, timezone: str) -> "dg.DailyPartitionsDefinition":
        """Return the partitions as Dagster has them; a day is over at midnight in the time zone."""
        import dagster as dg  # a second, of which who only writes what is derived needs nothing

        return dg.DailyPartitionsDefinition(start_date=self.start.isoformat(), timezone=timezone)

    def has(self, key: str) -> bool:
        """Tell whether ``key`` is a day from ``start`` on, written as Dagster writes it."""
        try:
            day = date.fromisoformat(key)
        except ValueError:
            return False
        return day.isoformat() == key and day >= self.start


class DeclaredTable(Strict):
    """One table of the raw layer."""

    classification: Classification = Field("internal", description="how far its rows may go", examples=["internal"])
    table: TableName = Field(
        "",
        description="name of the table in raw; default: the ingest file's name without .yaml",
        examples=["invoices"],
        json_schema_extra=_without_default,
    )
    partitions: DailyPartitions | None = Field(
        None, description="one partition a landed file; without it one file is the whole table"
    )
    columns: list[Column] = Field(min_length=1, description="the columns that the table keeps")
    undeclared_columns: Literal["fail", "ignore"] = Field(
        "fail", description="what to do with a column of the file that is not declared", examples=["fail"]
    )
    missing_columns: Literal["fail", "fill_with_null"] = Field(
        "fail", description="what to do without a declared column in the file", examples=["fail"]
    )
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

    def classification_of(self, column: Column) -> Classification:
        """Return how far a column's values may go; personal data is at least confidential, whatever is declared."""
        said = column.classification or self.classification
        return max(said, "confidential", key=CLASSES.index) if column.pii else said

    @field_validator("columns")
    @classmethod
    def _names_are_free(cls, columns: list[Column]) -> list[Column]:
        first: dict[str, str] = {}
        for index, column in enumerate(columns):
            name = column.name.lower()
            if name in (*RESERVED, BROKEN_RULES):
                what = f"column name `{column.name}` is reserved for what the platform adds to a row"
                raise wrong(what, "leave the column out", index, "name")
            if name in first:
                # DuckDB's names are case-insensitive, so two such columns cannot live in one table.
                what = f"column `{column.name}` stands twice (also `{first[name]}`; letter case does not count)"
                raise wrong(what, "keep one of the two", index, "name", code=Code.INGEST_DUPLICATE_COLUMN)
            first[name] = column.name
        return columns


# How old a table may become, as an ingest file says it and, below ``config.meta``, a dbt model ------------------------

HOW_TO_WRITE = "write hours as `36h` or days as `2d`"


def span(value: Any) -> timedelta:
    """Return the span that is written as `36h` or `2d`.

    Raises:
        ValueError: it is written in another way; the error says so in a sentence of the house.
    """
    text = str(value)
    if text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 6 and int(text[:-1]) and text[-1] in "hd":
        return timedelta(**{{"h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})
    raise ValueError(f"`{value}` is not a span of hours or days")
