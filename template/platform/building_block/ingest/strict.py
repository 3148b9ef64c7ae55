# platform-owned: changed by `copier update` only; see platform/README.md
"""How the models of an ingest file refuse what is not theirs."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from building_block.messages import Code


class Strict(BaseModel):
    """A part of an ingest file: no unknown key, no silent conversion, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong(what: str, write: str, *at: str | int, code: Code = Code.INGEST_VALUE) -> PydanticCustomError:
    """Return the error a validator raises; ``at`` leads from the validated place to the faulty one."""
    return PydanticCustomError("house", "{what}", {"what": what, "write": write, "at": at, "code": code})
