"""Writes jinja/time-zones.txt: the zones that a domain's days may end in.

They are those of the IANA database that have a place in their names, and UTC: https://www.iana.org/time-zones. Run it
when a place is missing there: ``make template``. A name that the database gives up stays known to it, as a link.
"""

from importlib.resources import files
from pathlib import Path

FILE = Path(__file__).parents[1] / "jinja" / "time-zones.txt"


def time_zones() -> list[str]:
    """Return the names, sorted."""
    names = (files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return sorted({"UTC", *(name for name in names if "/" in name and not name.startswith("Etc/"))})


if __name__ == "__main__":
    FILE.write_text("\n".join(time_zones()) + "\n", encoding="utf-8")
