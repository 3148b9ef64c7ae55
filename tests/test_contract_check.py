"""Data is held against a contract by a command or a unit's script, and a sample of a contract keeps it."""

import duckdb
import pytest

RULES_OF_ORDERS = 12


def test_the_sample_of_each_port_passes_the_check(project):
    for port in ("daily_orders", "orders"):
        made = project.preloaded("contracts", "sample", port, "--rows", "2000", "--seed", "5")
        assert made.returncode == 0, made.stderr
        file = f"data/samples/{port}.parquet"
        checked = project.preloaded("contracts", "check", "--data", file)
        assert checked.returncode == 0, checked.stderr
        assert "broken" not in checked.stdout
        with duckdb.connect() as connection:
            assert connection.execute(f"SELECT count(*) FROM '{project.root / file}'").fetchone() == (2000,)


def test_a_table_of_the_warehouse_and_the_files_that_are_published_are_checked(built):
    for data in ("published.orders", "data/published/orders/v1/*/data.parquet"):
        result = built.preloaded("contracts", "check", "--data", data, "--contract", "orders")
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("kept") == RULES_OF_ORDERS


def test_a_csv_file_is_read_with_the_contracts_types(project):
    project.preloaded("contracts", "sample", "orders", "--rows", "50", "--out", "orders.csv")
    assert project.preloaded("contracts", "check", "--data", "orders.csv").returncode == 0
    header, first, *others = (project.root / "orders.csv").read_text().splitlines()
    # All digits: a reader that guesses types would take the numbers of invoices for integers.
    digits = [f"{100000 + number},{line.partition(',')[2]}" for number, line in enumerate([first, *others])]
    project.write("orders.csv", "\n".join([header, *digits]) + "\n")
    assert project.preloaded("contracts", "check", "--data", "orders.csv").returncode == 0
    cells = digits[0].split(",")
    broken = ",".join([*cells[:5], "2.5", *cells[6:]])
    project.write("orders.csv", "\n".join([header, broken, *digits[1:]]) + "\n")
    result = project.preloaded("contracts", "check", "--data", "orders.csv")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "BB608 orders.csv:2 order_lines: `2.5` does not fit BIGINT exactly; correct what writes the file"
    )


@pytest.fixture
def broken(project):
    """A project with a file in which two rules of the port orders are broken."""
    project.preloaded("contracts", "sample", "orders", "--rows", "500", "--out", "good.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (if(row_number() OVER () < 4, 'X1', invoice_number) AS invoice_number)"
            f" FROM '{project.root}/good.parquet') TO '{project.root}/orders.parquet'"
        )
    return project


def test_each_broken_rule_is_shown_and_told_with_its_line(broken):
    result = broken.preloaded("contracts", "check", "--data", "orders.parquet")
    assert result.returncode == 1
    rows = [line.split("│") for line in result.stdout.splitlines() if "broken" in line]
    assert [[cell.strip() for cell in row[1:5]] for row in rows] == [
        ["invoice_number_unique", "2", "exactly 0", "broken"],
        ["invoice_number_pattern", "3", "exactly 0", "broken"],
    ]
    told = result.stderr.splitlines()
    assert len(told) == 2
    lines = (broken.root / "contracts/orders.odcs.yaml").read_text().splitlines()
    place = 1 + next(number for number, line in enumerate(lines) if "pattern" in line)
    assert told[1].startswith(f"BB609 contracts/orders.odcs.yaml:{place} ")
    assert told[1].endswith("put right orders.parquet, or what makes it")


def test_a_rule_that_only_warns_is_shown_and_does_not_fail_the_check(broken):
    warns = "\n        quality: [{id: sure, metric: nullValues, mustBe: 0, severity: warning}]"
    broken.replace("contracts/orders.odcs.yaml", "      - name: customer_id", f"      - name: customer_id{warns}")
    result = broken.preloaded("contracts", "check", "--data", "good.parquet", "--contract", "orders")
    assert result.returncode == 0, result.stderr
    assert "broken, warns" in result.stdout


def test_a_units_script_checks_by_a_function(broken):
    script = (
        "from building_block.data_check import check\n"
        "print(len(check('good.parquet', contract='orders')))\n"
        "from building_block.messages import ProblemError\n"
        "try:\n    check('orders.parquet')\n"
        "except ProblemError as error:\n    print([str(problem.code) for problem in error.problems])\n"
    )
    result = broken.run("python", "-c", script)
    assert result.stdout.splitlines() == [str(RULES_OF_ORDERS), "['BB609', 'BB609']"], result.stderr


@pytest.mark.parametrize(
    ("data", "contract", "message"),
    [
        ("nowhere.parquet", "orders", "BB632 nowhere.parquet: there is no such file;"),
        ("nowhere/*.parquet", "orders", "BB632 nowhere/*.parquet: there is no such file;"),
        ("README.md", "orders", "BB632 README.md: DuckDB cannot read it as parquet:"),
        ("published.nothing", "orders", "BB303 published/nothing: table"),
        ("published.orders", "order", "BB607 contracts: no contract `order`; write orders"),
        ("marts.orders_cleaned", "orders", "BB608 marts.orders_cleaned customer_id: the column is BIGINT and"),
    ],
)
def test_what_cannot_be_checked_ends_in_one_clear_message(built, data, contract, message):
    result = built.preloaded("contracts", "check", "--data", data, "--contract", contract)
    assert result.returncode == 1
    assert result.stderr.startswith(message)
    assert "Traceback" not in result.stderr
