"""What one unit writes neither ends what the fleet prints of all, nor steers the terminal of who reads it."""

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from building_block.messages import ProblemError
from rich.console import Console

import fleet.__main__ as commands
from fleet.drift import Change, told
from fleet.forges.checks import Checked
from fleet.log import Log
from fleet.registry import Domain, Ring
from fleet.remote import Heads
from fleet.report import report
from fleet.rings import RingStanding
from fleet.standing import Standing, State
from fleet.status import Row, table
from fleet.survey import Facts
from fleet.work import enrolled
from tests.fleet.test_registry import DOMAINS, read
from upgrade.tree import ANSWERS

STEERING = "\x1b]0;planted\x07 \udce9 a[/b] [red]x"
SHOWN = "\\x1b]0;planted\\x07 \\udce9 a[/b] [red]x"
SALES = Domain(name="sales", repository="acme/sales-data", ring="canary", contact="@acme/sales")


@pytest.fixture
def called(monkeypatch, tmp_path) -> Callable[..., str]:
    """Call a command on a fleet of two domains, and return what it prints, as UTF-8 has it."""

    read(tmp_path, DOMAINS)

    def call(*arguments: str) -> str:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["fleet", "--fleet", str(tmp_path), *arguments])
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit):
            commands.main()
        out.flush()
        return out.buffer.getvalue().decode()

    return call


@pytest.mark.parametrize(
    "version", ["\ud800-gabc", "\x1b]0;x\x07-gabc", "v1.2.3\n", "v1.2.3 | x", "main", "v\u0661.0.0"]
)
def test_a_project_has_the_version_of_a_release_or_is_none(version):
    project = SimpleNamespace(entries=[ANSWERS], answers={"_commit": version})
    with pytest.raises(ProblemError) as error:
        enrolled(SimpleNamespace(head=lambda: project, below=""), "acme/sales-data")
    (problem,) = error.value.problems
    assert str(problem).startswith("FL202 acme/sales-data: .copier-answers.yml has `")
    assert str(problem).isprintable()


@pytest.mark.parametrize("version", ["v1.2.3", "v1.2.3-rc.1", "v0.5.0-12-gd2bb75a", "v0.5.0-rc.2-3-gd2bb75a"])
def test_what_git_describes_after_a_release_is_a_version(version):
    project = SimpleNamespace(entries=[ANSWERS], answers={"_commit": version})
    assert enrolled(SimpleNamespace(head=lambda: project, below=""), "acme/sales-data") is project


def test_a_difference_is_told_with_its_tabs_and_lines_and_no_other_control_characters():
    (*_, block) = told([Change("sales", "ruff.toml", f"-a\n+\t{STEERING}", excepted=False)])
    assert block == f"```diff\n-a\n+\t{SHOWN}\n```\n"


def test_what_failed_in_a_check_is_printed_as_it_is_called(called, monkeypatch):
    failed = Checked("acme/sales-data", 1, "c", (f"{STEERING}: check",), (STEERING,))
    monkeypatch.setattr(commands, "run_checks", lambda folder, repository: [failed])
    assert called("checks") == f"acme/sales-data #1: failed: {SHOWN}: check\n    {SHOWN}\n"


@pytest.mark.parametrize("arguments", [("status", "--html"), ("workspace", "--output")])
def test_a_file_in_no_folder_is_refused_before_anything_is_done(called, monkeypatch, capsys, tmp_path, arguments):
    monkeypatch.setattr(commands.Fleet, "read", lambda folder: pytest.fail("the fleet was asked"))
    called(*arguments, str(tmp_path / "none" / "x"))
    assert capsys.readouterr().err == (
        f"FL104 {arguments[1]}: the folder {tmp_path / 'none'} is not there, or nothing may be written to it; "
        "make it, or write another\n"
    )


def test_a_line_that_is_no_event_is_passed_over(tmp_path):
    log = Log(tmp_path / "campaigns.jsonl")
    log.file.write_text('5\n"x"\nnull\n[]\n{}\n{"at": 1, "version": "v1.0.0", "what": "begun"}\n{"at\n')
    log.add("v1.0.0", "begun")
    assert [event.what for event in log.events()] == ["begun"]


def test_what_cannot_be_written_ends_no_command(called, monkeypatch):
    monkeypatch.setattr(commands, "workspace_of", lambda fleet: "caf\udce9\n")
    monkeypatch.setattr(commands, "left_out", lambda fleet: [])
    assert called("workspace") == "caf\\udce9\n"


def test_a_table_and_a_report_show_what_a_unit_wrote_and_are_not_steered_by_it():
    facts = Facts(Heads("main", "h", ""), version=STEERING)
    console = Console(file=io.StringIO(), width=200)
    console.print(table([Row(SALES, facts, None, 0)]))
    assert SHOWN in console.file.getvalue()
    failed = Standing(SALES, State.FAILED, facts, reason=f"failed: {STEERING}|")
    page = report("v1.0.0", [RingStanding(Ring(name="canary"), (failed,))], Log(Path("none")), datetime.now(UTC))
    assert f"| {SHOWN} | checks failed |" in page
    assert f"| failed: {SHOWN}\\| |" in page
