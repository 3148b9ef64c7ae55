# platform-owned: changed by `copier update` only; see platform/README.md
"""What a model's Jinja gets where it asks dbt, so that sqlfluff judges the SQL without starting dbt (12 s a commit).

sqlfluff itself knows ``ref``, ``this`` and ``is_incremental``. A name that is not known here either, such as another
package's, stands for itself: syntax dbt judges when it parses the models, and such a name when it builds them.
"""

import datetime
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any


class Given(str):
    """A value that only dbt has: text that fits into SQL, and in Jinja whatever is asked of it."""

    __slots__ = ()
    __hash__ = str.__hash__
    unsafe_callable = alters_data = False  # asked by Jinja's sandbox of all that a template calls

    def __call__(self, *_: Any, **__: Any) -> "Given":
        """Return itself, as every attribute and item does."""
        return self

    __getattr__ = __getitem__ = __call__

    def __eq__(self, _: object) -> bool:
        """Compare equal, for what stands in an `if` is judged only when it is rendered."""
        return True

    def __iter__(self) -> Iterator["Given"]:
        """Yield two: a loop then has a first and a last round, and `for key, value in …` unpacks each of them."""
        return iter((self, self))

    def __index__(self) -> int:
        """Count as one, in `range` or after `| int`."""
        return 1


@dataclass(frozen=True)
class Package:
    """A namespace of macros."""

    _name: str

    def __getattr__(self, macro: str) -> Given:
        """Stand for a column of the macro's name, or for the clause that it writes."""
        return Given(CLAUSES.get(macro, f"{self._name}_{macro}"))


CLAUSES = {"group_by": "group by 1"} | dict.fromkeys(
    ("date_spine", "deduplicate", "generate_series", "union_relations", "unpivot"), "select 1 as one"
)

adapter, dbt, dbt_utils = map(Package, ("adapter", "dbt", "dbt_utils"))
graph, load_result, model, run_query, target = map(Given, ("graph", "load_result", "model", "run_query", "target"))
config = exceptions = log = print = statement = Given()  # these write nothing into the SQL
execute = True
modules = SimpleNamespace(datetime=datetime, itertools=itertools, re=re)
run_started_at = datetime.datetime.now(datetime.UTC)


def source(_: str, table: str) -> Given:
    """Stand for the table by the name that a query may call it by."""
    return Given(table)


def var(_: str, default: Any = None) -> Any:
    """Stand for a value of the shape of its default, and one that is true."""
    if default is None:
        return Given("given")
    return Given(default) if isinstance(default, bool | str) else default


env_var = var
