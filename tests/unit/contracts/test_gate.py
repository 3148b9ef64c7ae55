"""The gate: contracts in a git repository against those of an earlier commit."""

import subprocess
from pathlib import Path

import pytest
from building_block.contracts.gate import Port, gate
from building_block.messages import ProblemError
from building_block.project import Project

from tests.unit.contracts.test_difference import GOOD

ORDERS = "contracts/orders.odcs.yaml"
APPROVALS = "contracts/approvals.yaml"


class Repository:
    """A project of contracts and their models, under git."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")

    def port(self, name: str, text: str = GOOD) -> None:
        text = text.replace("  - name: orders", f"  - name: {name}").replace("orders.ordered_at", f"{name}.ordered_at")
        self.write(f"contracts/{name}.odcs.yaml", text)
        self.write(f"dbt/models/published/{name}.sql", "SELECT 1")

    def replace(self, old: str, new: str, path: str = ORDERS) -> None:
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def delete(self, name: str) -> None:
        (self.root / f"contracts/{name}.odcs.yaml").unlink()
        (self.root / f"dbt/models/published/{name}.sql").unlink()

    def approve(self, port: str, version: str, what: str) -> None:
        entry = f"- {{port: {port}, version: {version}, what: '{what}', reason: agreed, date: 2026-11-21}}\n"
        file = self.root / APPROVALS
        self.write(APPROVALS, (file.read_text() if file.exists() else "approvals:\n") + entry)

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=Unit", "-c", "user.email=unit@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(("git", *identity, *arguments), cwd=self.root, capture_output=True, check=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--message", "Change")

    def gate(self, ref: str = "main") -> dict[str, Port]:
        return {port.name: port for port in gate(Project(self.root), ref)}

    def refused(self, ref: str = "main") -> list[str]:
        with pytest.raises(ProblemError) as error:
            gate(Project(self.root), ref)
        return [str(problem) for problem in error.value.problems]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "sales")
    made.port("orders")
    made.git("init", "--initial-branch=main")
    made.commit()
    return made


def line(text: str, path: Path) -> int:
    return next(i for i, each in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in each)


def test_an_unchanged_contract_passes_without_a_new_version(repository: Repository) -> None:
    found = repository.gate()
    assert [(name, port.bump.name, port.changes) for name, port in found.items()] == [("orders", "NONE", [])]


def test_a_version_raised_too_little_is_told_with_its_line_and_the_version_to_write(repository: Repository) -> None:
    repository.replace("{exclusiveMinimum: 0, multipleOf: 0.5}", "{exclusiveMinimum: 0}")
    repository.replace("version: 1.2.3", "version: 1.3.0")
    (refused,) = repository.refused()
    assert refused == (
        f"BB621 {ORDERS}:4 version: 1.3.0 after 1.2.3 at main is too little, for this is a major: "
        "rule amount_multiple_of is removed; write `version: 2.0.0`"
    )
    repository.replace("version: 1.3.0", "version: 2.0.0")
    assert repository.gate()["orders"].bump.name == "MAJOR"


def test_many_changes_are_named_up_to_three(repository: Repository) -> None:
    for column in ("order_id", "line", "ordered_at", "shipped_on", "sku"):
        repository.replace(f"name: {column},", f"name: {column}_,")
    repository.replace("[order_id, sku]", "[order_id_, sku_]")
    repository.replace("orders.ordered_at,", "orders.ordered_at_,")
    (refused,) = repository.refused()
    assert "column ordered_at is now ordered_at_ and 3 more; write `version: 2.0.0`" in refused


@pytest.mark.parametrize(("version", "least"), [("1.2.3", "1.2.4"), ("1.3.0", None), ("2.0.0", None)])
def test_a_version_may_be_raised_by_more_than_it_must(repository: Repository, version: str, least: str | None) -> None:
    repository.replace("Of the till.", "What the till says.")
    repository.replace("version: 1.2.3", f"version: {version}")
    if least:
        assert repository.refused()[0].endswith(f"write `version: {least}`")
    else:
        assert repository.gate()["orders"].bump.name == "PATCH"


def test_a_version_is_never_lowered_not_even_without_a_change(repository: Repository) -> None:
    repository.replace("version: 1.2.3", "version: 1.2.2")
    assert repository.refused() == [
        f"BB621 {ORDERS}:4 version: 1.2.2 is lower than 1.2.3 at main; write `version: 1.2.3`"
    ]


# Compliance -----------------------------------------------------------------------------------------------------------


def test_a_regression_needs_a_major_and_an_approval_of_exactly_that(repository: Repository) -> None:
    repository.replace("{property: masking, value: hash}", "{property: masking, value: none, description: asked for}")
    version, approval = repository.refused()
    assert version.startswith(f"BB621 {ORDERS}:4 version: ")
    at = line("value: none", repository.root / ORDERS)
    assert approval.startswith(f"BB622 {ORDERS}:{at} schema[0].properties[4].customProperties: ")
    assert "masking of customer_id from hash to none since main, which compliance has not approved; " in approval
    assert "{port: orders, version: 2.0.0, what: masking of customer_id from hash to none, reason: …, " in approval
    repository.replace("version: 1.2.3", "version: 2.0.0")
    assert repository.refused() == [approval]
    repository.approve("orders", "2.0.0", "masking of customer_id from hash to truncate 3")
    repository.approve("orders", "1.3.0", "masking of customer_id from hash to none")
    repository.approve("parcels", "2.0.0", "masking of customer_id from hash to none")
    assert repository.refused() == [approval]
    repository.approve("orders", "2.0.0", "masking of customer_id from hash to none")
    assert repository.gate()["orders"].bump.name == "MAJOR"


def test_an_approval_alone_does_not_replace_the_major(repository: Repository) -> None:
    repository.replace("team: {name: sales}", "team: {name: finance}")
    repository.approve("orders", "2.0.0", "owner from sales to finance")
    (refused,) = repository.refused()
    assert refused.startswith("BB621 ")


def test_the_entry_that_a_message_asks_for_is_the_one_that_is_taken(repository: Repository) -> None:
    repository.replace("version: 1.2.3", "version: 2.0.0")
    repository.replace("value: 99, unit: percent}", "value: 98, unit: 'percent: of days'}")
    (refused,) = repository.refused()
    entry = refused.partition("write `")[2].partition("` below")[0]
    repository.write(APPROVALS, f"approvals:\n  {entry}\n")
    assert repository.gate()["orders"].bump.name == "MAJOR"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("approvals: [\n", "BB624 contracts/approvals.yaml:2: not YAML: "),
        ("- {port: orders}\n", "BB624 contracts/approvals.yaml:1: the file is not a list of keys with values; write `"),
        ("allowed: []\n", "BB624 contracts/approvals.yaml:1 approvals: key `approvals` is missing; write "),
        ("approvals: {}\n", "BB624 contracts/approvals.yaml:1 approvals: the approvals are not a list; write entries"),
        ("approvals:\n", "BB624 contracts/approvals.yaml:1 approvals: the approvals are not a list; write entries"),
        (
            "approvals:\n- {port: orders, version: 2.0.0, what: x, date: 2026-11-21}\n",
            "BB624 contracts/approvals.yaml:2 approvals[0].reason: key `reason` is missing; write `reason: …`",
        ),
        (
            "approvals:\n- {port: a, version: 2.0.0, what: x, reason: '', date: 2026-11-21}\n",
            "BB624 contracts/approvals.yaml:2 approvals[0].reason: `reason` is empty; write it in full",
        ),
        (
            "approvals:\n- {port: a, version: 2.0.0, what: x, reason: y, date: soon}\n",
            "BB624 contracts/approvals.yaml:2 approvals[0].date: `soon` is not a day; write one such as 2026-01-31",
        ),
        (
            "approvals:\n- {port: a, version: 2.0, what: x, reason: y, date: 2026-11-21}\n",
            "BB624 contracts/approvals.yaml:2 approvals[0].version: `2.0` is not text; write",
        ),
        (
            "approvals:\n- {port: a, version: 2.0.0, what: x, reason: y, date: 2026-11-21, by: me}\n",
            "BB624 contracts/approvals.yaml:2 approvals[0].by: unknown key `by`; write port, version, what, reason",
        ),
    ],
)
def test_a_faulty_file_of_approvals_is_refused_at_its_line(repository: Repository, text: str, message: str) -> None:
    repository.write(APPROVALS, text)
    (refused, *_) = repository.refused()
    assert refused.startswith(message)


# Ports that come and go -----------------------------------------------------------------------------------------------


def test_a_new_port_may_have_any_version(repository: Repository) -> None:
    repository.port("parcels", GOOD.replace("1.2.3", "0.1.0"))
    assert repository.gate()["parcels"].before is None


def test_a_port_goes_only_when_it_was_retired_before(repository: Repository) -> None:
    repository.replace("status: active", "status: retired")
    repository.replace("version: 1.2.3", "version: 2.0.0")
    repository.commit()
    repository.delete("orders")
    assert repository.gate()["orders"].after is None
    (refused,) = repository.refused("main~1")
    assert refused.startswith(
        f"BB623 {ORDERS}: the port is active at main~1 and gone now; a port renamed is another port"
    )


def test_a_port_may_go_at_once_when_compliance_approves_it(repository: Repository) -> None:
    repository.delete("orders")
    (refused,) = repository.refused()
    assert "`- {port: orders, version: 1.2.3, what: port removed, reason: …, " in refused
    repository.approve("orders", "1.2.3", "port removed")
    assert repository.gate()["orders"].after is None


def test_a_renamed_port_is_one_that_goes_and_one_that_comes(repository: Repository) -> None:
    repository.delete("orders")
    repository.port("sales_orders", GOOD.replace("1.2.3", "1.0.0"))
    (refused,) = repository.refused()
    assert refused.startswith(f"BB623 {ORDERS}: ")
    assert "a port renamed is another port" in refused


def test_all_contracts_are_judged_at_once(repository: Repository) -> None:
    for name in ("parcels", "returns", "stock"):
        repository.port(name)
    repository.commit()
    repository.replace("description: Of the till.", "description: x", "contracts/orders.odcs.yaml")
    repository.replace("name: note", "name: remark", "contracts/parcels.odcs.yaml")
    repository.delete("returns")
    assert [refused.split(":")[0] for refused in repository.refused()] == [
        "BB621 contracts/orders.odcs.yaml",
        "BB621 contracts/parcels.odcs.yaml",
        "BB623 contracts/returns.odcs.yaml",
    ]


def test_contracts_of_what_the_domain_consumes_are_their_owners_to_change(repository: Repository) -> None:
    repository.write(
        "contracts/consumes/stock.odcs.yaml",
        GOOD.replace("  - name: orders", "  - name: stock").replace("orders.o", "stock.o"),
    )
    repository.commit()
    repository.replace("  - name: stock", "  - name: stocks", "contracts/consumes/stock.odcs.yaml")
    assert repository.gate().keys() == {"orders"}


# What cannot be read --------------------------------------------------------------------------------------------------


def test_a_contract_that_is_faulty_now_is_told_as_by_lint(repository: Repository) -> None:
    repository.replace("logicalType: timestamp", "logicalType: timestam")
    (refused,) = repository.refused()
    assert refused.startswith(f"BB602 {ORDERS}:")


def test_a_contract_that_was_faulty_passes_only_approved(repository: Repository) -> None:
    repository.replace("multipleOf: 0.5", "multipleof: 0.5")
    repository.commit()
    repository.replace("multipleof: 0.5", "multipleOf: 0.5")
    (refused,) = repository.refused()
    assert refused.startswith(
        f"BB625 {ORDERS}:1: nothing can be compared, for at main the contract is faulty: BB602 main:{ORDERS}:"
    )
    repository.approve("orders", "1.2.3", "unreadable before")
    assert repository.gate()["orders"].before is None


def test_a_ref_that_is_not_there_is_told(repository: Repository) -> None:
    for ref in ("mian", "-x", "--all", "main:contracts"):
        assert repository.refused(ref) == [
            f"BB620 --against {ref}: `{ref}` is no commit of this clone; "
            "write a branch, tag or commit that `git log` shows"
        ]


def test_a_shallow_clone_that_lacks_the_commit_is_told_how_to_get_it(repository: Repository, tmp_path: Path) -> None:
    repository.replace("version: 1.2.3", "version: 1.2.4")
    repository.commit()
    clone = Repository(tmp_path / "clone")
    repository.git("clone", "--depth=1", repository.root.as_uri(), str(clone.root))
    (refused,) = clone.refused("HEAD^1")
    assert refused.startswith("BB620 --against HEAD^1: `HEAD^1` is no commit of this clone, which is shallow: ")
    assert "`fetch-depth: 0`" in refused
    clone.git("fetch", "--unshallow")
    assert clone.gate("HEAD^1")["orders"].bump.name == "NONE"


def test_a_folder_that_is_no_repository_is_told(repository: Repository, tmp_path: Path) -> None:
    (repository.root / ".git").rename(tmp_path / "elsewhere")
    (refused,) = repository.refused()
    assert refused.startswith("BB620 --against main: git reads no repository here: not a git repository")


def test_a_machine_without_git_is_told(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (refused,) = repository.refused()
    assert refused.startswith("BB620 --against main: git is not installed")


def test_a_project_in_a_folder_of_its_repository_is_compared_with_itself(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "all" / "sales")
    repository.port("orders")
    above = Repository(tmp_path / "all")
    above.write("contracts/orders.odcs.yaml", "another project's")
    above.git("init", "--initial-branch=main")
    above.commit()
    assert repository.gate()["orders"].bump.name == "NONE"
    repository.replace("name: note", "name: remark")
    assert repository.refused()[0].startswith(f"BB621 {ORDERS}:4 version: ")


def test_before_the_first_contract_every_port_is_new(repository: Repository) -> None:
    repository.git("checkout", "--orphan", "empty")
    repository.git("rm", "-r", "--cached", ".")
    repository.git("commit", "--allow-empty", "--message", "Begin")
    assert repository.gate("empty")["orders"].before is None
