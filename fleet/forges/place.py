"""The forge that the fleet's files name."""

from pathlib import Path

from fleet.forges import Forge
from fleet.registry import GithubPlace, LocalPlace


def at(place: LocalPlace | GithubPlace, folder: Path) -> Forge:
    """Return the forge of a place that a file in ``folder`` declares.

    Raises:
        ProblemError: it asks for credentials, and the environment has none.
    """
    # Each with what it needs: a fleet in a folder has no use for GitHub's library, whose import takes its time.
    if isinstance(place, LocalPlace):
        from fleet.forges.local import LocalForge

        return LocalForge(folder / place.folder)
    from fleet.forges.github import GithubForge

    return GithubForge(place.url)
