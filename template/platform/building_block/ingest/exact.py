# platform-owned: changed by `copier update` only; see platform/README.md
"""SQL that turns a landed value into its declared type, and refuses where DuckDB's own cast would lose something.

DuckDB casts '1.5' to INTEGER 2, '2.555' to DECIMAL(18,2) 2.56, '2020-01-01x' to a DATE and drops '+02:00' from a
TIMESTAMP, all in silence. Accepted here: whole numbers as ``17850`` or ``17850.0``, decimals whose further digits are
zeros, ISO dates and timestamps (``Z`` allowed, other offsets not). Empty text of a CSV file has become NULL before.
"""

import re

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


def is_exact(value: str, landed: str, target: str) -> str:
    """Return SQL that is true where the non-null ``value`` of type ``landed`` casts to ``target`` without loss.

    It is not true, but perhaps NULL, where it does not. Of text it looks at the form only: the cast must succeed too.
    """
    if landed == target:
        return "true"
    if landed != "VARCHAR":
        return f"TRY_CAST(TRY_CAST({value} AS {target}) AS {landed}) = {value}"
    if target in ("DATE", "TIMESTAMP"):
        # Nearly every value stands as DuckDB writes it, and that comparison takes half the time of the pattern.
        # 'infinity' is written so as well: it does not begin with a digit.
        as_written = f"CAST(TRY_CAST({value} AS {target}) AS VARCHAR) = {value} AND {value} BETWEEN '0' AND ':'"
        return f"({as_written} OR {_has_form(value, target)})"
    return _has_form(value, target)


def exact_cast(value: str, landed: str, target: str) -> str:
    """Return SQL that casts, and ends the query with an error at the first value that does not fit."""
    if landed == target:
        return value
    condition = f"{value} IS NULL OR {is_exact(value, landed, target)}"
    return f"CASE WHEN {condition} THEN CAST({value} AS {target}) ELSE error('inexact') END"


def misfit(value: str, landed: str, target: str) -> str:
    """Return SQL that is true where ``exact_cast`` would end the query."""
    fits = f"TRY_CAST({value} AS {target}) IS NOT NULL AND {is_exact(value, landed, target)}"
    return f"({value} IS NOT NULL AND ({fits}) IS NOT TRUE)"


def _has_form(value: str, target: str) -> str:
    if decimal := re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", target):
        form = rf"[+-]?(\d+(\.\d{{0,{decimal[1]}}}0*)?|\.\d{{0,{decimal[1]}}}0*)"
    elif target.removeprefix("U") in _INTEGERS:
        form = r"[+-]?\d+(\.0*)?"
    elif target == "DATE":
        form = r"\d{4}-\d{2}-\d{2}([ T]00:00(:00(\.0+)?)?Z?)?"
    elif target == "TIMESTAMP":
        form = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?Z?)?"
    else:
        return "true"
    return rf"regexp_full_match({value}, '\s*{form}\s*')"
