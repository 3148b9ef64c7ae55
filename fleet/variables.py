"""The variables of commands that read a unit's files, or install what a release needs: none of them is a credential."""

import os
import re
from pathlib import Path

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
_OF_UV = re.compile(r"UV_(INDEX|DEFAULT_INDEX|EXTRA_INDEX_URL|INDEX_URL|NATIVE_TLS|OFFLINE)")


def passed_on() -> dict[str, str]:
    """Return those that every command sees."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def of_uv() -> dict[str, str]:
    """Return those of uv, which also finds out where packages come from and keeps them where a person's uv does."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = os.environ.get("UV_CACHE_DIR") or str(Path(base, "uv"))  # said, since a unit may have named another folder
    own = {name: value for name, value in os.environ.items() if _OF_UV.fullmatch(name)}
    return passed_on() | own | {"UV_CACHE_DIR": cache, "UV_PYTHON_DOWNLOADS": "never"}
