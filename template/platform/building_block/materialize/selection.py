# platform-owned: changed by `copier update` only; see platform/README.md
"""The assets that a person's words select."""

import re
import warnings
from collections import defaultdict
from collections.abc import Sequence

import dagster as dg

from building_block.messages import Code, Problem, ProblemError, nearest


def chosen_assets(defs: dg.Definitions, selection: Sequence[str]) -> set[dg.AssetKey] | None:
    """Return the assets that a person's words select, or None for no words.

    A word is an asset's name (``orders_cleaned``, ``marts/orders_cleaned``) or a layer (``marts``), either with ``+``
    before it (and all upstream) or after it (and all downstream), or any other selection of Dagster's own syntax.

    Raises:
        ProblemError: a word selects nothing, or names several assets.
    """
    if not selection:
        return None
    graph = defs.resolve_asset_graph()
    names: dict[str, list[dg.AssetKey]] = defaultdict(list)
    for key in sorted(graph.materializable_asset_keys):
        for at in range(len(key.path)):
            names["/".join(key.path[at:])].append(key)
    layers = {spec.group_name for spec in defs.resolve_all_asset_specs()}
    chosen: set[dg.AssetKey] = set()
    for word in selection:
        before, name, after = re.fullmatch(r"(\+?)(.*?)(\+?)", word).groups()
        if name in layers:
            name = f'group:"{name}"'
        elif len(names.get(name, ())) > 1:
            several = " or ".join("/".join(key.path[1:]) for key in names[name])
            raise ProblemError(
                Problem(Code.SELECTION_UNKNOWN, "poe build", f"`{word}` names several assets", f"write {several}")
            )
        elif name in names:
            name = f'key:"{names[name][0].to_user_string()}"'
        try:
            with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
                found = dg.AssetSelection.from_string(before + name + after).resolve(graph)
        except Exception:  # the parser raises types of its own; what is wrong is always the word
            found = set()
        if not found:
            write = f"write {nearest(name, [*names, *layers])}"
            raise ProblemError(Problem(Code.SELECTION_UNKNOWN, "poe build", f"`{word}` selects no asset", write))
        chosen |= found & graph.materializable_asset_keys
    return chosen
