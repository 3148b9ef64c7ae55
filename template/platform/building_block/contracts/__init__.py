# platform-owned: changed by `copier update` only; see platform/README.md
"""What a domain promises of the data that it publishes, and all that follows from it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from building_block.contracts.verify import Finding


def check(data: str | Path, contract: str = "") -> "list[Finding]":
    """Hold data against a contract, as publishing does, and return what each rule measured.

        from building_block.contracts import check

        check("export/daily_orders.parquet")
        check("candidate.daily_orders")

    Args:
        data: A parquet file or a pattern of such as ``export/*.parquet``, a CSV file, or a table of the warehouse as
            ``layer.table``. A CSV file is read with the contract's types; none is guessed.
        contract: The port, or a table under ``contracts/consumes/``; by default the one that is named as the data.

    Returns:
        A finding a rule, in the contract's order, those of rules that only warn too: ``finding.rule.name``,
        ``finding.measured``, ``finding.kept``.

    Raises:
        building_block.messages.ProblemError: The data breaks a blocking rule, its columns are not the contract's, or
            there is no such data or contract; ``error.problems`` has each fault.
    """
    from building_block.contracts.given import measured  # here, since it takes half a second to import
    from building_block.contracts.verify import broken
    from building_block.messages import ProblemError
    from building_block.project import Project

    port, findings = measured(Project.here(), str(data), contract)
    ProblemError.raise_any(broken(port.contract, findings, f"put right {data}, or what makes it"))
    return findings
