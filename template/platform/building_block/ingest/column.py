# platform-owned: changed by `copier update` only; see platform/README.md
"""A declared column: its name, its type in YAML, in Arrow and in DuckDB."""

import re
from typing import Annotated

import pyarrow as pa
from pydantic import AfterValidator, Field, WithJsonSchema

from building_block.ingest.strict import Strict, wrong
from building_block.project import Classification

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
