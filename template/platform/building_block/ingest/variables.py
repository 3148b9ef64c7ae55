# platform-owned: changed by `copier update` only; see platform/README.md
"""``${VAR}`` and ``${VAR:-default}`` in an ingest file, as a shell reads them."""

import os
import re

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")


def is_well_formed(text: str) -> bool:
    """Tell whether every ``${`` begins a variable."""
    return "${" not in _VARIABLE.sub("", text)


def expand(text: str) -> str:
    """Return ``text`` with its variables' values; raise KeyError with a variable that is unset and has no default."""

    def value(found: re.Match[str]) -> str:
        name, default = found.groups()
        return os.environ.get(name) or (os.environ[name] if default is None else default)

    return _VARIABLE.sub(value, text)
