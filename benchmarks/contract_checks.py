"""What does it cost to hold 10^6 and 10^7 rows against a contract of 20 columns and 37 checks?

Ours beside datacontract-cli, beside dbt tests, beside one query a check, and beside the floor: one bare scan of all
columns and a plain query for each column that never repeats. Each case is a process of its own; the clock runs from
the contract, or the project, read to the last verdict, so that no tool's start is counted.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from benchmarks.measure import Usage, interleaved, output_of, run, save, say, scratch
from tools.ownership import ROOT

SIZES = (1_000_000, 10_000_000)
RUNS = 3
DATACONTRACT = "1.2.8"
FORMS = ("table", "parquet")
WORKER = ("-W", "ignore", "-m", "benchmarks.contract_checks")

TYPES = {
    "integer": ("integer", "bigint"),
    "text": ("string", "varchar"),
    "money": ("number", "decimal(18,2)"),
    "number": ("number", "double"),
    "day": ("date", "date"),
    "moment": ("timestamp", "timestamp"),
    "flag": ("boolean", "boolean"),
}
# name, type, SQL of row i, checks beyond the type; a regular expression never has a quote or a comma in it.
COLUMNS: list[tuple[str, str, str, dict[str, object]]] = [
    ("order_id", "integer", "i", {"required": True, "unique": True}),
    ("order_ref", "text", "printf('SO-%08d', i * 7919 % {rows})", {"required": True, "unique": True}),
    ("customer_id", "integer", "1 + h % ({rows} // 10)", {"required": True, "minimum": 1}),
    (
        "email",
        "text",
        "'customer' || h % ({rows} // 10) || '@example.org'",
        {"required": True, "format": "email", "maxLength": 60},
    ),
    ("postal_code", "text", "lpad((h % 90000)::VARCHAR, 5, '0')", {"required": True, "pattern": "^[0-9]{5}$"}),
    ("phone", "text", "'+44 20 ' || h % 10000000", {"maxLength": 20}),
    ("country", "text", "'C' || h % 40", {"required": True, "pattern": "^C[0-9]+$"}),
    ("status", "text", "['new', 'paid', 'sent', 'back'][1 + (h % 4)::INT]", {"enum": ["new", "paid", "sent", "back"]}),
    ("currency", "text", "['GBP', 'EUR', 'USD'][1 + (h % 3)::INT]", {"required": True, "enum": ["GBP", "EUR", "USD"]}),
    ("quantity", "integer", "1 + h % 100", {"required": True, "minimum": 1, "maximum": 1000}),
    ("unit_price", "money", "(h % 100000) / 100", {"required": True, "minimum": 0}),
    ("discount", "money", "h % 30", {"minimum": 0, "maximum": 100}),
    ("amount", "money", "(h % 10000000) / 100", {"required": True}),
    ("weight", "number", "(h % 100000) / 1000", {"minimum": 0, "maximum": 1000}),
    ("ordered_on", "day", "DATE '2020-01-01' + (h % 1500)::INT", {"required": True, "minimum": "2020-01-01"}),
    ("sent_at", "moment", "TIMESTAMP '2024-06-01' + to_seconds((h % 9000000)::BIGINT)", {"minimum": "2020-01-01"}),
    ("changed_at", "moment", "TIMESTAMP '2025-01-01' + to_seconds((h % 9000000)::BIGINT)", {"required": True}),
    ("is_gift", "flag", "h % 10 = 0", {"required": True}),
    ("depot", "text", "'D' || lpad((h % 100)::VARCHAR, 2, '0')", {"minLength": 3, "maxLength": 3}),
    ("note", "text", "'left at door ' || h % 1000000", {"maxLength": 200}),
]
TABLE = {"rows": "there is at least one row", "sent": "nothing is sent before it is ordered"}
OPTIONS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format")
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
BREAKS = {
    "minimum": "{column} < {value}",
    "maximum": "{column} > {value}",
    "minLength": "length({column}) < {value}",
    "maxLength": "length({column}) > {value}",
    "pattern": "not regexp_matches({column}, {value})",
    "format": f"not regexp_matches({{column}}, '{EMAIL}')",
}


def count_of_checks() -> int:
    """Return how many checks the contract makes, its two about the whole table among them."""
    return len(TABLE) + sum(len(checks) for *_, checks in COLUMNS)


def write_data(folder: Path, rows: int) -> None:
    """Write the rows as ``data.duckdb`` and ``data.parquet``."""
    import duckdb

    selected = ", ".join(
        f"CAST({sql.format(rows=rows)} AS {TYPES[kind][1]}) AS {name}" for name, kind, sql, _ in COLUMNS
    )
    with duckdb.connect(str(folder / "data.duckdb")) as connection:
        made = f"(SELECT i, (hash(i) >> 1)::BIGINT AS h FROM range({rows}) AS t(i))"
        connection.execute(f"CREATE TABLE orders AS SELECT {selected} FROM {made}")
        connection.execute(f"COPY orders TO '{folder / 'data.parquet'}' (FORMAT parquet)")


def contract(folder: Path, form: str) -> str:
    """Return the contract as the standard writes it, with the server that datacontract-cli asks for."""
    import yaml

    properties = []
    for name, kind, _, checks in COLUMNS:
        logical, physical = TYPES[kind]
        said: dict[str, object] = {"name": name, "logicalType": logical, "physicalType": physical}
        said |= {key: checks[key] for key in ("required", "unique") if key in checks}
        if options := {key: checks[key] for key in OPTIONS if key in checks}:
            said["logicalTypeOptions"] = options
        if "enum" in checks:
            said["enum"] = [{"value": value} for value in checks["enum"]]
        if name == "sent_at":  # for the sample: no rule of own SQL says how its columns follow from one another
            derived = {"property": "sampleExpression", "value": "ordered_on + INTERVAL 3 DAY"}
            said["customProperties"] = [derived]
        properties.append(said)
    sent = "SELECT count(*) FROM {object} WHERE sent_at < ordered_on"
    quality = [
        {"id": "rows", "metric": "rowCount", "mustBeGreaterThan": 0},
        {"id": "sent", "type": "sql", "query": sent, "mustBe": 0},
    ]
    server = {"server": "here", "type": "duckdb", "database": str(folder / "data.duckdb"), "schema": "main"}
    if form == "parquet":
        server = {"server": "here", "type": "local", "path": str(folder / "data.parquet"), "format": "parquet"}
    return yaml.safe_dump(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": "orders",
            "version": "1.0.0",
            "status": "active",
            "servers": [server],
            "schema": [{"name": "orders", "physicalName": "orders", "properties": properties, "quality": quality}],
        },
        sort_keys=False,
    )


def write_dbt(folder: Path, form: str) -> None:
    """Write a dbt project whose one source has the same checks as tests, one each."""
    import yaml

    def tests(checks: dict[str, object], kind: str) -> list[object]:
        found: list[object] = ["not_null"] * ("required" in checks) + ["unique"] * ("unique" in checks)
        if "enum" in checks:
            found.append({"accepted_values": {"arguments": {"values": checks["enum"]}}})
        for option in OPTIONS:
            if option in checks:
                value = checks[option] if isinstance(checks[option], int) else f"'{checks[option]}'"
                broken = BREAKS[option].replace("{value}", str(value))
                found.append({"holds": {"arguments": {"broken": broken}, "name": f"{option}_{kind}_{len(found)}"}})
        return found

    columns = [{"name": name, "data_tests": tests(checks, name)} for name, _, _, checks in COLUMNS]
    table = {
        "name": "orders",
        "columns": columns,
        "data_tests": [{"holds": {"arguments": {"broken": "sent_at < ordered_on"}, "name": "sent"}}, "has_rows"],
    }
    if form == "parquet":
        table["config"] = {"meta": {"external_location": str(folder / "data.parquet")}}
    source = {"version": 2, "sources": [{"name": "given", "schema": "main", "tables": [table]}]}
    base = folder / "data.duckdb" if form == "table" else folder / "empty.duckdb"
    output = {"type": "duckdb", "path": str(base), "threads": 2}
    project = folder / f"dbt-{form}"
    files = {
        "dbt_project.yml": "name: peer\nversion: 1.0.0\nprofile: peer\nflags: {send_anonymous_usage_stats: false}\n",
        "profiles.yml": yaml.safe_dump({"peer": {"target": "here", "outputs": {"here": output}}}),
        "models/sources.yml": yaml.safe_dump(source, sort_keys=False),
        "macros/holds.sql": (
            "{% test holds(model, broken, column_name=none) %}\nselect * from {{ model }}\n"
            "where {{ broken | replace('{column}', column_name or '') }}\n{% endtest %}\n"
            "{% test has_rows(model) %}\n"
            "select 1 from (select count(*) as n from {{ model }}) where n = 0\n{% endtest %}\n"
        ),
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")


def _clocked(action: Callable[[], int]) -> None:
    """Print what an action cost, and how many checks it made."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    checks = action()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    say(json.dumps({"wall": round(wall, 3), "cpu": round(cpu, 3), "checks": checks}))


def _ours(folder: Path, form: str, one_by_one: bool) -> None:
    from building_block.contracts.contract import contract as of_source
    from building_block.contracts.rules import CountRule, DuplicateRule, QueryRule, rules
    from building_block.contracts.standard import read
    from building_block.contracts.verify import verify
    from building_block.sql import quoted

    agreed = rules(of_source(read(folder / f"{form}.odcs.yaml", "orders.odcs.yaml")))

    def together() -> int:
        findings = verify(connection, relation, agreed)
        broken = [finding.sentence for finding in findings if not finding.kept]
        if broken:
            raise RuntimeError(broken)
        return len(findings)

    def each() -> int:
        connection.execute(f"CREATE TEMP VIEW bb_contract_data AS FROM {relation}")
        for rule in agreed:
            match rule:
                case DuplicateRule():
                    query = f"SELECT count(*) - count(DISTINCT {quoted(*rule.columns)}) FROM bb_contract_data"
                case CountRule():
                    query = "SELECT count(*) FROM bb_contract_data"
                case QueryRule():
                    query = rule.query
                case _:
                    query = f"SELECT count(*) FILTER (WHERE {rule.breaks}) FROM bb_contract_data"
            connection.execute(query).fetchall()
        return len(agreed)

    with _opened(folder, form) as (connection, relation):
        _clocked(each if one_by_one else together)


def _floor(folder: Path, form: str) -> None:
    def bare() -> int:
        # Of a hash, since count, min and max are no scan: statistics answer them.
        read = ", ".join(f"bit_xor(hash({name}))" for name, *_ in COLUMNS)
        unique = [name for name, _, _, checks in COLUMNS if "unique" in checks]
        for query in (read, *(f"count(*) FROM (SELECT DISTINCT {name}" for name in unique)):
            connection.execute(f"SELECT {query} FROM {relation}{')' * (query is not read)}").fetchall()
        return 1 + len(unique)

    with _opened(folder, form) as (connection, relation):
        _clocked(bare)


@contextmanager
def _opened(folder: Path, form: str) -> Iterator[tuple[object, str]]:
    import duckdb

    base = str(folder / "data.duckdb") if form == "table" else ":memory:"
    with duckdb.connect(base, read_only=form == "table") as connection:
        yield connection, "orders" if form == "table" else f"read_parquet('{folder / 'data.parquet'}')"


def _dbt(folder: Path, form: str) -> None:
    from dbt.cli.main import dbtRunner

    project = str(folder / f"dbt-{form}")
    where = ["--project-dir", project, "--profiles-dir", project, "--quiet"]
    manifest = dbtRunner().invoke(["parse", *where]).result
    runner = dbtRunner(manifest=manifest)

    def test() -> int:
        done = runner.invoke(["test", *where])
        if not done.success:
            raise done.exception or RuntimeError([one.message for one in done.result if one.status != "pass"])
        return len(done.result)

    _clocked(test)


DATACONTRACT_TEST = """
import json, resource, sys, time
from datacontract.data_contract import DataContract
before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
run = DataContract(data_contract_file=sys.argv[1], inline_references=False).test()
wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
# It warns that it compares no types in parquet files.
bad = [(check.name, check.reason) for check in run.checks if check.result not in ("passed", "warning")]
if bad or run.result not in ("passed", "warning"):
    raise SystemExit(f"{run.result}: {bad} {run.logs[-3:]}")
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"wall": round(wall, 3), "cpu": round(cpu, 3), "checks": len(run.checks)}))
"""


def _sample(folder: Path, rows: int) -> None:
    from building_block.contracts.contract import contract as of_source
    from building_block.contracts.load import Agreed
    from building_block.contracts.rules import rules
    from building_block.contracts.sample import write
    from building_block.contracts.standard import read

    found = of_source(read(folder / "parquet.odcs.yaml", "orders.odcs.yaml"))
    port = Agreed(found, rules(found))

    def made() -> int:
        write(port, rows, 0, folder / "sample.parquet")
        return len(port.rules)

    _clocked(made)


def _case(folder: Path, command: Sequence[str | Path]) -> Callable[[], Usage]:
    def measure() -> Usage:
        whole = run(command, folder, PYTHONPATH=str(ROOT), DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="false")
        inside = json.loads(next(line for line in output_of(folder).splitlines()[::-1] if line.startswith('{"wall"')))
        say(f"{inside['checks']} checks")
        return Usage(inside["wall"], inside["cpu"], whole.peak)

    return measure


def main() -> None:
    """Measure every way over every size and form, and keep the result."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    folder = scratch("contract_checks")
    peer = folder / "peer"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    run(["uv", "venv", "--quiet", "--python", version, peer], folder)
    wanted = [f"datacontract-cli[duckdb,parquet]=={DATACONTRACT}", f"duckdb=={metadata.version('duckdb')}"]
    run(["uv", "pip", "install", "--quiet", "--python", peer, *wanted], folder)
    (folder / "peer.py").write_text(DATACONTRACT_TEST, encoding="utf-8")
    found: dict[str, list[Usage]] = {}
    for size in sizes:
        data = folder / str(size)
        data.mkdir()
        run([sys.executable, *WORKER, "make", data, str(size)], data, PYTHONPATH=str(ROOT))
        for form in FORMS:
            commands: dict[str, Sequence[str | Path]] = {
                way: [sys.executable, *WORKER, way, data, form] for way in ("ours", "floor", "one query a check", "dbt")
            }
            commands["datacontract-cli"] = [peer / "bin" / "python", folder / "peer.py", data / f"{form}.odcs.yaml"]
            cases = {f"{size} {form}, {way}": _case(data, command) for way, command in commands.items()}
            found |= interleaved(cases, RUNS)
    sample = [sys.executable, *WORKER, "sample", folder / str(sizes[0]), str(sizes[0])]
    found |= interleaved({f"sample {sizes[0]}": _case(folder / str(sizes[0]), sample)}, RUNS)
    save(
        "contract_checks", found, sizes=sizes, checks=count_of_checks(), columns=len(COLUMNS), datacontract=DATACONTRACT
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, rows]:
            write_data(Path(folder), int(rows))
            for form in FORMS:
                (Path(folder) / f"{form}.odcs.yaml").write_text(contract(Path(folder), form), encoding="utf-8")
                write_dbt(Path(folder), form)
        case ["ours" | "one query a check" as way, folder, form]:
            _ours(Path(folder), form, one_by_one=way != "ours")
        case ["floor", folder, form]:
            _floor(Path(folder), form)
        case ["dbt", folder, form]:
            _dbt(Path(folder), form)
        case ["sample", folder, rows]:
            _sample(Path(folder), int(rows))
        case _:
            main()
