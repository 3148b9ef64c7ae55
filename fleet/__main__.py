"""``fleet <command>``: what the platform team calls. Exit codes: 0 fine, 2 pending, 3 needs a person, 1 an error."""

import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import click
import typer
from building_block.messages import Problem, ProblemError
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fleet.campaign import Campaign, campaign
from fleet.drift import told
from fleet.forges.checks import run as run_checks
from fleet.forges.place import at
from fleet.lineage import ask, faults
from fleet.messages import FleetCode
from fleet.page import histories, page
from fleet.registry import DOMAINS, Domain, Fleet, LocalPlace
from fleet.releases import Releases
from fleet.report import persons
from fleet.report import report as report_of
from fleet.result import Became, Result
from fleet.rings import RingStanding, Verdict, may_open, reached
from fleet.status import as_json as rows_as_json
from fleet.status import status as status_of
from fleet.status import table
from fleet.work import Outcome
from fleet.workspace import left_out
from fleet.workspace import workspace as workspace_of
from upgrade.tree import printable

FINE, ERROR, PENDING, PERSON = 0, 1, 2, 3
_HELD = {FleetCode.RING_CLOSED: PENDING, FleetCode.RING_FAILED: PERSON, FleetCode.PAUSED: PENDING}
"""What a campaign that is held up ends with."""

console = Console(highlight=False, soft_wrap=True, emoji=False)
if not console.is_terminal:
    console.width = 200


def _in_a_folder(parameter: typer.CallbackParam, file: Path | None) -> Path | None:
    """Return a file that is to be written; raise ProblemError where it cannot be, before anything is done."""
    if file and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        what = f"the folder {file.parent} is not there, or nothing may be written to it"
        raise ProblemError(Problem(FleetCode.NAME_UNKNOWN, parameter.opts[0], what, "make it, or write another"))
    return file


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

To = Annotated[str, typer.Option(help="The release, such as v1.2.0; default: the newest.")]
Only = Annotated[list[str] | None, typer.Option(help="A domain; give it again for more.")]
InRing = Annotated[str, typer.Option("--ring", help="A ring.")]


@app.callback()
def _commands(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option("--fleet", envvar="FLEET", help="The folder of domains.yaml and rings.yaml.")
    ] = Path("rollout"),
) -> None:
    """Bring releases of the building block to every registered domain, ring by ring."""
    context.obj = folder


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a script.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page that explains itself.", dir_okay=False, callback=_in_a_folder)
    ] = None,
) -> None:
    """Show where every domain stands: its version, what it changed, what is proposed to it."""
    fleet = _fleet(context)
    with _campaign(fleet, "") as one:
        releases, rows = Releases(one.template), []
        with Live(console=console, vertical_overflow="visible", transient=True, auto_refresh=False) as live:
            for rows in status_of(fleet, one.forge, releases):
                if console.is_terminal and not as_json:
                    live.update(table(rows), refresh=True)
        if html:
            adoptions = histories(fleet, one.forge, one.log)
            html.write_text(page(rows, releases.all, one.log, adoptions, datetime.now(UTC)), encoding="utf-8")
    if as_json:
        print(json.dumps(rows_as_json(rows), indent=1))
    elif html:
        _say(f"wrote {html}")
    else:
        console.print(table(rows), no_wrap=True)
        for problem in (problem for row in rows for problem in row.problems):
            _say(problem)
    behind = any(row.behind and not row.domain.skip and not row.domain.pinned for row in rows)
    raise SystemExit(PERSON if any(row.needs_person for row in rows) else PENDING if behind else FINE)


@app.command()
def drift(context: typer.Context, only: Only = None) -> None:
    """Show what the domains changed in files of the platform, and which changes recur: candidates for the template."""
    fleet = _fleet(context)
    domains = [domain for domain in _chosen(fleet, "", only) if not domain.skip]
    with _campaign(fleet, "") as one:
        found, failed = [], []
        for ended in _progress(one.drift(domains), len(domains), "looking"):
            found += ended.result or []
            failed += ended.problems
    print(*told(sorted(found, key=lambda change: (change.domain, change.path))), sep="\n")
    print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    raise SystemExit(PERSON if failed else FINE)


@app.command()
def report(context: typer.Context, to: To = "") -> None:
    """Print how a campaign goes, in Markdown."""
    with _campaign(_fleet(context), to) as one:
        rings, now = one.rings(), datetime.now(UTC)
        print(report_of(one.version, rings, one.log, now))
        waits = persons(one.version, rings, one.log)
    failed = any(ring.is_begun and ring.verdict(now)[0] is Verdict.FAILED for ring in rings)
    passed = all(ring.verdict(now)[0] is Verdict.PASSED for ring in rings)
    raise SystemExit(PERSON if waits or failed else FINE if passed else PENDING)


@app.command()
def plan(context: typer.Context, to: To = "", ring: InRing = "", only: Only = None) -> None:
    """Say which projects an update would change, which files, and which need a person; nothing is touched."""
    fleet = _fleet(context)
    with _campaign(fleet, to) as one:
        domains = _chosen(fleet, ring, only)
        codes = [FINE]
        for result in _progress(one.plan(domains), len(domains), one.version):
            if isinstance(result, Result):
                codes.append(_code(result))
                _say(f"{result.domain}: {result.what}", result.problems)
                continue
            done = result.result
            if done is None:
                codes.append(PERSON)
                _say(f"{result.job.domain}: needs a person", result.problems)
            elif done.became == "current":
                _say(f"{done.domain}: has {done.before}")
            else:
                codes.append(PERSON if done.asks else PENDING)
                _say(f"{done.domain}: {done.before} → {one.version}, {len(done.changed)} files", done.asks)
                _say_files(done)
    raise SystemExit(max(codes))


@app.command()
def apply(
    context: typer.Context,
    to: To = "",
    ring: InRing = "",
    only: Only = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after a pause or a broken-off call: what is done is passed over.")
    ] = False,
) -> None:
    """Propose a release to the rings that it has reached, or to one ring, as pull requests."""
    fleet = _fleet(context)
    with _campaign(fleet, to, alone=True) as one:
        chosen = _chosen(fleet, ring, only) if only else []
        pause = _may_go_on(one, resume=resume)
        rings = one.rings()
        wanted, held = reached(one.version, rings, fleet.ring(ring) if ring else None, chosen)
        code = _apply(one, wanted, chosen, resume=resume, pause=pause)
        print(*held, sep="\n", end="\n" if held else "", file=sys.stderr)
        raise SystemExit(max(code, *(_HELD[problem.code] for problem in held)) if held else code)


@app.command()
def promote(context: typer.Context, to: To = "") -> None:
    """Open the next ring, if the one before has passed: enough domains are well, for long enough."""
    fleet = _fleet(context)
    with _campaign(fleet, to, alone=True) as one:
        _may_go_on(one, resume=False)
        rings = one.rings()
        for each in rings:
            verdict, why = each.verdict(datetime.now(UTC))
            if verdict is Verdict.PASSED:
                console.print(f"[green]✓[/] {each.ring.name}: {why}")
                continue
            if not each.is_begun:
                may_open(one.version, rings, each.ring)
                console.print(f"{each.ring.name} opens")
                raise SystemExit(_apply(one, [each], (), resume=False))
            _say(f"{each.ring.name}: {verdict}: {why}")
            raise SystemExit(PERSON if verdict is Verdict.FAILED else PENDING)
        console.print(f"{one.version} has reached every ring")


def _apply(
    one: Campaign, rings: Iterable[RingStanding], only: Collection[Domain], *, resume: bool, pause: str | None = None
) -> int:
    """Propose the release to rings, after the pause that is to be lifted; one that has come since then holds."""
    is_lifted = pause is not None and one.log.paused(one.version) == pause
    one.log.add(one.version, "resumed" if is_lifted else "begun")
    codes = [FINE]
    for each in rings:
        number = sum(not only or standing.domain in only for standing in each.domains)
        console.print(f"[bold]{each.ring.name}[/] ← {one.version}")
        for result in _progress(one.apply(each, only, resume=resume), number, each.ring.name):
            codes.append(_code(result))
            _say(f"{result.domain}: {result.what}", result.problems)
    return max(codes)


@app.command()
def checks(context: typer.Context, only: Only = None) -> None:
    """Run the checks of the pull requests of a forge in a folder; other forges run their own."""
    fleet = _fleet(context)
    place = fleet.place
    if not isinstance(place, LocalPlace):
        what, write = f"`kind: {place.kind}` runs its checks by itself", "write `fleet status` to see them"
        raise ProblemError(Problem(FleetCode.FORGE, DOMAINS, what, write, "forge.kind"))
    repositories = [fleet.domain(name).repository for name in only or ()] or [None]
    failed = False
    for repository in dict.fromkeys(repositories):
        for checked in run_checks(fleet.folder / place.folder, repository):
            failed |= bool(checked.failed)
            said, style = (f"failed: {', '.join(checked.failed)}", "red") if checked.failed else ("passed", "green")
            _say(f"{checked.repository} #{checked.number}: {said}", checked.why, style)
    raise SystemExit(PERSON if failed else FINE)


@app.command()
def workspace(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option(help="The file; default: print it.", dir_okay=False, callback=_in_a_folder)
    ] = None,
    check: Annotated[str, typer.Option(help="The URL of the central Dagster: say what is wrong there.")] = "",
) -> None:
    """Write the workspace with which a central Dagster sees every domain, or check the one that runs."""
    fleet = _fleet(context)
    if check:
        found = faults(fleet, ask(check))
        print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
        raise SystemExit(PERSON if found else FINE)
    print(*left_out(fleet), sep="\n", end="\n" if left_out(fleet) else "", file=sys.stderr)
    if output:
        output.write_text(workspace_of(fleet), encoding="utf-8")
    else:
        print(workspace_of(fleet), end="")


@app.command()
def pause(
    context: typer.Context,
    why: Annotated[str, typer.Option(help="Told to whoever tries to go on.")],
    to: To = "",
) -> None:
    """Stop a campaign: nothing more is proposed until `fleet apply --resume`."""
    with _campaign(_fleet(context), to) as one:
        one.log.add(one.version, "paused", why=why)
        console.print(f"{one.version} is paused; `fleet apply --to {one.version} --resume` goes on")


@app.command()
def close(
    context: typer.Context,
    why: Annotated[str, typer.Option(help="Told to the units in each pull request.")],
    to: To = "",
) -> None:
    """Withdraw a release: close its open pull requests, and propose it no more until `fleet apply --resume`."""
    with _campaign(_fleet(context), to, alone=True) as one:
        results = [*one.close(why)]
        for result in results:
            _say(f"{result.domain}: {result.what}", result.problems)
        console.print(f"{sum(result.became is Became.CLOSED for result in results)} closed")
        raise SystemExit(max(map(_code, results), default=FINE))


# What commands have in common -----------------------------------------------------------------------------------------


def _fleet(context: typer.Context) -> Fleet:
    return Fleet.read(context.obj)


def _campaign(fleet: Fleet, to: str, *, alone: bool = False) -> AbstractContextManager[Campaign]:
    return campaign(fleet, at(fleet.place, fleet.folder), to, alone=alone)


def _chosen(fleet: Fleet, ring: str, only: Iterable[str] | None) -> list[Domain]:
    """Return the domains that a person has named, or all, of a ring that a person has named, or of all."""
    among = fleet.of_ring(fleet.ring(ring)) if ring else [*fleet.domains]
    chosen = [fleet.domain(name) for name in only or ()] or among
    ProblemError.raise_any(
        Problem(
            FleetCode.NAME_UNKNOWN,
            "--only",
            f"`{domain.name}` is not in the ring {ring}",
            f"write `--ring {domain.ring}`, or another domain",
        )
        for domain in chosen
        if domain not in among
    )
    return chosen


def _may_go_on(one: Campaign, *, resume: bool) -> str | None:
    """Return why the campaign is paused, where it may go on all the same; raise ProblemError where it may not."""
    why = one.log.paused(one.version)
    if why is not None and not resume:
        what, write = f"the campaign is paused: {why}", f"`fleet apply --to {one.version} --resume` when it may go on"
        raise ProblemError(Problem(FleetCode.PAUSED, one.version, what, write))
    return why


def _code(result: Result) -> int:
    return PERSON if result.needs_person else PENDING if result.became is Became.WAITS else FINE


def _say(line: str, problems: Iterable[str] = (), style: str | None = None) -> None:
    """Print a line and what belongs to it: texts of units too, so nothing in them steers a terminal or is markup."""
    console.print(printable(line), markup=False, style=style)
    for problem in problems:
        for part in problem.split("\n"):
            console.print(f"    {printable(part)}", markup=False)


def _say_files(done: Outcome) -> None:
    """Print which files an update changes: those of the platform's own folder by their number alone."""
    inside = [path for path in done.changed if path.startswith("platform/")]
    for path in (*(path for path in done.changed if path not in inside), f"platform/ ({len(inside)} files)"):
        _say(f"    {path}", style="dim")
    for path in done.restored:
        _say(f"    the unit's change of {path} is taken back")


def _progress(results: Iterable, total: int, name: str) -> Iterator:
    """Yield the results under a bar that moves with each; without a terminal there is none."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Console(stderr=True)
    with Progress(*columns, console=bars, transient=True, disable=not bars.is_terminal) as bar:
        task = bar.add_task(name, total=total)
        for result in results:
            yield result
            bar.advance(task)


def main() -> None:
    """Run a command; what a person can put right ends in its messages and exit code 1, never in a traceback."""
    sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: a report tells all but what cannot be written
    try:
        code = app(standalone_mode=False)
    except ProblemError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        code = _HELD.get(error.problems[0].code, ERROR)
    except click.ClickException as error:  # whose own code would be 2, which says pending here
        error.show()
        code = ERROR
    except (click.Abort, KeyboardInterrupt):
        code = ERROR
    raise SystemExit(code)


if __name__ == "__main__":
    main()
