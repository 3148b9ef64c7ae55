# platform-owned: changed by `copier update` only; see platform/README.md
"""The models of ``ingest/<table>.yaml``."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

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

from building_block.contracts.load import Agreed
from building_block.freshness import HOW_TO_WRITE, span
from building_block.ingest.column import Column
from building_block.ingest.declared import DeclaredTable
from building_block.ingest.kinds.csv_file import CsvFile
from building_block.ingest.kinds.ndjson_file import NdjsonFile
from building_block.ingest.kinds.parquet_file import ParquetFile
from building_block.ingest.kinds.xlsx_file import XlsxFile
from building_block.ingest.strict import wrong
from building_block.project import CLASSES, Classification

KINDS = ("file",)

AnySource = Annotated[CsvFile | ParquetFile | NdjsonFile | XlsxFile, Field(discriminator="format")]


def _span(value: Any) -> timedelta:
    try:
        return span(value)
    except ValueError as error:
        raise wrong(str(error), HOW_TO_WRITE) from None


def _cron(value: str) -> str:
    if len(value.split()) == 5 and is_valid_cron_string(value):
        return value
    raise wrong(f"`{value}` is not a cron schedule", 'write five fields: minute hour day month weekday, "0 6 * * *"')


Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": r"^0*[1-9]\d*[hd]$"})]


class IngestSpec(DeclaredTable):
    """One source table: where its data comes from, whose it is, and when it is read."""

    description: str = Field(
        min_length=1, description="what one row is; Dagster and the warehouse show it", examples=["One row per …"]
    )
    owner: str | None = Field(
        None,
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="e-mail of who answers for the data; default: the domain's",
        examples=["sales-data@example.com"],
    )
    source: AnySource = Field(description="where the data comes from, and in which format")
    schedule: Annotated[str, AfterValidator(_cron)] | None = Field(
        None,
        description="when to read the last day that is over, unless it was read as it is; cron in UTC",
        examples=["0 6 * * *"],
    )
    freshness: Span | None = Field(
        None,
        description="at most this long between two materialisations, in hours as 36h or days as 2d",
        examples=["36h"],
    )

    contract: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="the contract that the rows must keep: the name of its file in contracts/consumes/",
        examples=["invoices"],
    )
    on_violation: Literal["block", "quarantine"] = Field(
        "block",
        description="what becomes of data that breaks the contract; block: nothing of its partition comes in, "
        "quarantine: the rows that break it go to the table <table>_quarantine with the names of the rules",
        examples=["quarantine"],
    )
    _agreed: Agreed | None = PrivateAttr(None)

    @property
    def agreed(self) -> Agreed | None:
        """Return the contract that ``contract`` names."""
        return self._agreed

    def keeping(self, agreed: Agreed) -> Self:
        """Return it with its contract loaded."""
        spec = self.model_copy()
        spec._agreed = agreed
        return spec

    @property
    def quarantine(self) -> str | None:
        """Return the table of the rows that break the contract, None where none is kept apart."""
        return f"{self.table}_quarantine" if self.on_violation == "quarantine" else None

    def classification_of(self, column: Column) -> Classification:
        """Return how far a column's values may go; what the contract says of it counts here, too."""
        said = super().classification_of(column)
        promised = self.agreed and self.agreed.contract.column.get(column.name)
        if not promised:
            return said
        least = "confidential" if promised.is_pii else "public"
        return max(said, least, promised.classification or least, key=CLASSES.index)

    @field_validator("source", mode="before")
    @classmethod
    def _kind_is_known(cls, value: Any) -> Any:
        # Said before the union is told apart by `format`, which another kind need not have.
        if isinstance(value, dict) and value.get("kind", KINDS[0]) not in KINDS:
            raise wrong(f"unknown kind `{value['kind']}`", f"write `kind: {KINDS[0]}`", "kind")
        return value

    @model_validator(mode="after")
    def _parts_fit(self, info: ValidationInfo) -> Self:
        self._file = (info.context or {}).get("file", "")
        self.source.check(self.partitions is not None)
        if self.quarantine and not self.contract:
            what, write = "nothing says what may be violated", "write `contract:` with a file of contracts/consumes/"
            raise wrong(what, write, "on_violation")
        return self
