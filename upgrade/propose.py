"""``poe propose``: a unit's change of a platform file as a patch of the template, by which it comes back."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from building_block.messages import Code, Problem, ProblemError

from upgrade.fetch import Files
from upgrade.git import PLAIN, Git
from upgrade.tree import ANSWERS, MANIFEST


def patch(files: Files, scratch: Path, paths: Sequence[str] = ()) -> str:
    """Return a patch of the template at its newest release that makes of it what the project has made of its files.

    All that differ from what was rendered, or those of ``paths``.

    Raises:
        ProblemError: nothing differs, or a change does not fit the template, as where it meets an answer's value.
    """
    differing = [path for path in _differing(files) if not paths or path in paths]
    if not differing:
        what, write = "no file of the platform differs from what was rendered", "change one, and try it, first"
        raise ProblemError(Problem(Code.UPGRADE_PATH, str(files.project), what, write))
    folder = scratch / "proposal"
    git = Git(folder)
    files.template.git("worktree", "add", "--quiet", "--detach", str(folder), files.template.ref)
    problems = []
    for path in differing:
        sources = (f"template/{path}", f"template/{path}.jinja")
        source = next((name for name in sources if (folder / name).is_file()), None)
        if source is None:
            what, write = f"is not in the template at {files.template.ref}", "write `poe update`, and look at it again"
            problems.append(Problem(Code.UPGRADE_PATH, path, what, write))
        elif git.tried("merge-file", "--quiet", source, str(files.folder / path), str(files.project / path)).returncode:
            what = f"the change meets what {source} has otherwise at {files.template.ref}, such as an answer's value"
            problems.append(Problem(Code.UPGRADE_PATH, path, what, "write `poe update`, or propose it by hand"))
    ProblemError.raise_any(problems)
    return git("diff", *PLAIN) + "\n"


def _differing(files: Files) -> Iterator[str]:
    for line in (files.folder / MANIFEST).read_text(encoding="utf-8").splitlines():
        path = line.split(maxsplit=1)[1]
        own = files.project / path
        if path != ANSWERS and own.is_file() and own.read_bytes() != (files.folder / path).read_bytes():
            yield path
