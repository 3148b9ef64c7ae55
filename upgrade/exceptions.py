"""Which of the platform's files a unit keeps as its own for a while."""

import yaml

from upgrade.tree import Tree

EXCEPTIONS = "settings/exceptions.yaml"


def excepted(tree: Tree) -> set[str]:
    """Return the excepted paths."""
    if EXCEPTIONS not in tree.entries:
        return set()
    return {entry["path"] for entry in yaml.safe_load(tree.read(EXCEPTIONS))["exceptions"]}
