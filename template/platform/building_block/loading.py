# platform-owned: changed by `copier update` only; see platform/README.md
"""Loads a project's definitions for a command: what a person wrote wrong becomes a message."""

import textwrap
import traceback

import dagster as dg

from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


def load(project: Project) -> dg.Definitions:
    """Return the definitions of the project's code location.

    Raises:
        ProblemError: whatever went wrong, with the line of the domain's Python that it came from.
    """
    from building_block.definitions import defs  # reads the whole project: not at import

    try:
        definitions = defs()
        dg.Definitions.validate_loadable(definitions)
    except ProblemError:
        raise
    except Exception as error:
        # Dagster can put half a megabyte of a manifest into one message.
        what = f"{type(error).__name__}: {textwrap.shorten(str(error), 500)}"
        problem = Problem(Code.DEFINITIONS, _where(error, project), what, "put that right and try again")
        raise ProblemError(problem) from error
    return definitions


def _where(error: Exception, project: Project) -> str:
    """Return the innermost line below ``src/`` that the error came from, or that it is about."""
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    root = f"{project.root}/"
    own = [f"{name.removeprefix(root)}:{line}" for name, line in lines if name.startswith(f"{root}src/")]
    return own[-1] if own else "src"
