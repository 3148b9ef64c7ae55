# platform-owned: changed by `copier update` only; see platform/README.md
"""The house's policy: what a contract of a port has to say beyond what the standard demands."""

import re
from collections.abc import Iterator

from building_block.contracts.column import CLASSES, PII, Column, Masking, unkept
from building_block.contracts.contract import Contract
from building_block.contracts.rules import DuplicateRule, Rule
from building_block.messages import Code, Problem, nearest, shown

_TEAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_STATUSES = ("proposed", "draft", "active", "deprecated", "retired")  # by the standard mere examples
_LEAST_OF_PII = CLASSES.index("confidential")


def breaches(contract: Contract, rules: list[Rule]) -> Iterator[Problem]:
    """Yield a problem for each thing that the policy demands and the contract lacks, in the order of the policy."""
    yield from _status(contract)
    yield from _owner(contract)
    yield from _retention(contract)
    yield from _description(contract)
    yield from _key(contract, rules)
    yield from _tagged_table(contract)
    for column in contract.columns:
        yield from _parquet(contract, column)
    for check in (_classification, _personal, _masking):
        for column in contract.columns:
            yield from check(contract, column)


def _status(contract: Contract) -> Iterator[Problem]:
    if (status := contract.source.content.status) not in _STATUSES:
        what = f"{shown(status)} is no status" if status else "the contract has no status"
        write = f"write `status: {nearest(status or 'active', _STATUSES)}`"
        yield contract.source.problem(Code.CONTRACT_VALUE, ("status",), what, write)


def _owner(contract: Contract) -> Iterator[Problem]:
    if not contract.team:
        write = "write `team: {name: <team>}`"
        yield contract.source.problem(Code.CONTRACT_OWNER, ("team",), "nobody owns the port", write)
        return
    if not _TEAM.fullmatch(contract.team):
        what = f"the team's name {shown(contract.team)} has other characters than letters, digits, _ and -"
        yield contract.source.problem(Code.CONTRACT_OWNER, ("team", "name"), what, "write it as its handle")


def _retention(contract: Contract) -> Iterator[Problem]:
    if contract.retention is None:
        what = "the contract does not say how long a row is kept"
        dates = [column.name for column in contract.columns if column.type == "DATE" or "TIMESTAMP" in column.type]
        element = dates[0] if dates else "<a column of dates>"
        write = f"write `slaProperties: [{{property: retention, value: 10, unit: y, element: {element}}}]`"
        yield contract.source.problem(Code.CONTRACT_RETENTION, ("slaProperties",), what, write)
    elif not contract.retention.column.standard.required:
        what = f"retention counts from `{contract.retention.column.name}`, and a row without it would be kept for ever"
        yield contract.source.problem(
            Code.CONTRACT_RETENTION, contract.retention.column.loc, what, "write `required: true`"
        )


def _description(contract: Contract) -> Iterator[Problem]:
    if not contract.description.strip():
        what, write = "the table has no description", "write `description: One row per …`"
        yield contract.source.problem(Code.CONTRACT_DESCRIPTION, ("schema", 0), what, write)
    for column in contract.columns:
        if not (column.standard.description or "").strip():
            what, write = f"the column `{column.name}` has no description", "write `description: …`"
            yield contract.source.problem(Code.CONTRACT_DESCRIPTION, column.loc, what, write)


def _key(contract: Contract, rules: list[Rule]) -> Iterator[Problem]:
    if not contract.key:
        what, write = "the table has no key", "write `primaryKey: true` at the column that tells its rows apart"
        yield contract.source.problem(Code.CONTRACT_KEY, ("schema", 0), what, write)
        return
    names = tuple(column.name for column in contract.key)
    unique = [{*rule.columns} for rule in rules if isinstance(rule, DuplicateRule) and rule.limit.is_none]
    if not any(columns <= {*names} for columns in unique):
        what = f"no rule says that {', '.join(names)} is unique"
        write = "write `primaryKey: true` with `primaryKeyPosition`, or a rule `metric: duplicateValues, mustBe: 0`"
        yield contract.source.problem(Code.CONTRACT_KEY, contract.key[0].loc, what, write)
    for column in contract.key:
        if not column.standard.required:
            what, write = f"the key column `{column.name}` may be empty", "write `required: true`"
            yield contract.source.problem(Code.CONTRACT_KEY, column.loc, what, write)


def _parquet(contract: Contract, column: Column) -> Iterator[Problem]:
    if part := unkept(column.type):
        what = f"a parquet file, as which `{column.name}` is published, does not keep {part.lower()} as it is"
        write = "write another type, such as bigint, decimal(38,0), varchar or varchar[], and cast to it in the model"
        yield contract.source.problem(Code.CONTRACT_TYPE, (*column.loc, "physicalType"), what, write)


def _classification(contract: Contract, column: Column) -> Iterator[Problem]:
    if column.classification is None:
        said = column.standard.classification
        what = f"{shown(said)} is no class of the house" if said else f"the column `{column.name}` has no class"
        write = f"write `classification:` with one of {', '.join(CLASSES)}"
        loc = (*column.loc, "classification") if said else column.loc
        yield contract.source.problem(Code.CONTRACT_CLASSIFICATION, loc, what, write)


def _tagged_table(contract: Contract) -> Iterator[Problem]:
    """Yield a problem for a tag above the columns: nobody would know which of them to mask."""
    above = {("tags",): contract.source.content.tags, ("schema", 0, "tags"): contract.table.tags}
    for loc, tags in above.items():
        if PII in (tag.lower() for tag in tags or ()) and not any(column.is_pii for column in contract.columns):
            what, write = f"`{PII}` stands at no column", f"write `tags: [{PII}]` at each column of personal data"
            yield contract.source.problem(Code.CONTRACT_PII, loc, what, write)


def _personal(contract: Contract, column: Column) -> Iterator[Problem]:
    for index, tag in enumerate(column.standard.tags or ()):
        if tag.lower() == PII and tag != PII:
            loc = (*column.loc, "tags", index)
            yield contract.source.problem(
                Code.CONTRACT_PII, loc, f"the tag {shown(tag)} is written otherwise", f"write `{PII}`"
            )
    for loc, field in column.fields():
        if PII in (tag.lower() for tag in field.tags or ()):
            what = f"a field inside of {column.name} is personal data, and only whole columns are masked"
            write = "write the field as a column of its own, or leave it out"
            yield contract.source.problem(Code.CONTRACT_PII, (*loc, "tags"), what, write)
    # Masked or not: who holds the key can tell whose a hash is, so it stays personal data.
    if column.is_pii and column.classification and CLASSES.index(column.classification) < _LEAST_OF_PII:
        what = f"`{column.name}` is personal data and only {column.classification}"
        write = f"write `classification: {CLASSES[_LEAST_OF_PII]}`, or a higher class"
        yield contract.source.problem(Code.CONTRACT_PII, (*column.loc, "classification"), what, write)


def _masking(contract: Contract, column: Column) -> Iterator[Problem]:
    said = [i for i, one in enumerate(column.standard.customProperties or ()) if one.property == "masking"]
    if len(said) > 1:
        loc, what = (*column.loc, "customProperties", said[1]), f"two maskings are said of `{column.name}`"
        yield contract.source.problem(Code.CONTRACT_MASKING, loc, what, "keep one of the two")
    elif fault := _masking_fault(column):
        index = next(iter(said), None)
        loc = column.loc if index is None else (*column.loc, "customProperties", index)
        yield contract.source.problem(Code.CONTRACT_MASKING, loc, *fault)


def _masking_fault(column: Column) -> tuple[str, str] | None:
    """Return what is wrong with a column's masking and what to write instead."""
    said, name = column.custom("masking"), f"`{column.name}`"
    if said is None:
        if not column.is_pii:
            return None
        write = f"write `customProperties: [{{property: masking, value: hash}}]`, or {', '.join([*Masking][1:])}"
        return f"{name} is personal data, and nothing says how it is masked", write
    if not column.is_pii:
        return f"{name} is masked, and nothing says that it is personal data", f"write `tags: [{PII}]`"
    match column.masking:
        case None:
            return f"{shown(said.value)} is no masking", f"write one of {', '.join(Masking)}"
        case Masking.NONE if not (said.description or "").strip():
            return f"{name} is personal data that is published as it is", "write why: `description: …` beside the value"
        case Masking.HASH if column.type != "VARCHAR":
            write = "write `logicalType: string` and let the model cast it to varchar"
            return f"a hash is text, and {name} is {column.type}", write
        case Masking.TRUNCATE if column.type == "VARCHAR" and column.masking_length is None:
            write = "write `{property: maskingLength, value: 3}` beside it"
            return f"nothing says how much of {name} is kept", write
        case Masking.TRUNCATE if not (column.type in ("VARCHAR", "DATE") or column.type.startswith("TIMESTAMP")):
            return f"{name} is {column.type}, which cannot be truncated", "write `value: nullify`, or hash of text"
        case Masking.NULLIFY if column.standard.required or column.standard.primaryKey:
            return f"{name} is emptied and may not be empty", "write another masking, or `required: false`"
    return None
