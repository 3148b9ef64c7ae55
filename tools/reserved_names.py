"""Writes jinja/reserved-names.txt: the names that a domain cannot have.

Run it in the development environment after a change of the pinned stack: ``make template``. Beware: an update validates
the stored answers again, so a name that is added after a release strands the domain that already has it (tried: copier
9.19.1 ends in "Question is required").
"""

import importlib.metadata
import keyword
import sys
from pathlib import Path

import duckdb

FILE = Path(__file__).parents[1] / "jinja" / "reserved-names.txt"

LAYERS = {"raw", "staging", "intermediate", "marts", "published", "ml", "reporting"}
HOUSE = {
    *LAYERS,
    *("building_block", "contracts", "data", "defs", "ingest", "models", "sample", "settings", "src", "warehouse"),
    *("catalog", "database", "default", "information_schema", "main", "memory", "public", "schema", "system", "temp"),
    *("aux", "con", "nul", "prn"),  # devices on Windows, also with an extension
    *("test", "tests", "setup", "conftest"),
    *("pip", "wheel", "hatchling", "editables"),  # installers and build backends: not always in the environment
}
# Modules that a supported Python has and the one that runs this lacks: 3.12 and 3.13 removed them.
REMOVED_FROM_THE_STANDARD_LIBRARY = {
    *("aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr", "imp"),
    *("lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau"),
    *("telnetlib", "uu", "xdrlib"),
}
OF_THE_FLEET = {"building_block_template", "github", "nacl", "pygithub", "pynacl"}
"""Of the environment here, but of no project's."""
SQL_KEYWORDS = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"


def reserved_names() -> set[str]:
    """Return every lower-case name that Python, SQL, an installed package or the house has taken."""
    names = (
        HOUSE | REMOVED_FROM_THE_STANDARD_LIBRARY | {name.lower() for name in [*keyword.kwlist, *keyword.softkwlist]}
    )
    names |= {name for (name,) in duckdb.sql(SQL_KEYWORDS).fetchall()}
    names |= {name.lower() for name in sys.stdlib_module_names}
    names |= {name.lower() for name in importlib.metadata.packages_distributions()}
    # A domain's distribution takes its name on the environment's list too: `dbt-core` is `dbt_core` there.
    names |= {dist.name.lower().replace("-", "_").replace(".", "_") for dist in importlib.metadata.distributions()}
    return {name for name in names - OF_THE_FLEET if name.isidentifier() and not name.startswith("_")}


if __name__ == "__main__":
    FILE.write_text("\n".join(sorted(reserved_names())) + "\n")
