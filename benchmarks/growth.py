"""Writes what a large domain has: any number of ingest files and of dbt models, the same for us and for a peer."""

from pathlib import Path

COLUMNS = ("id", "happened_at", "amount", "note")


def write_ingest(folder: Path, count: int) -> None:
    """Write ``count`` ingest files as a person would: daily, described, four columns."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        text = f"""\
description: One row per event of the machine number {number}.
classification: internal
source:
  kind: file
  format: csv
  folder: sample
  pattern: "event_{number}/{{partition_key}}.csv"
  when_missing: skip
partitions:
  cadence: daily
  start: 2024-01-01
schedule: "0 6 * * *"
columns:
  - {{name: id, type: bigint, description: Number of the event.}}
  - {{name: happened_at, type: timestamp, description: When it happened.}}
  - {{name: amount, type: "decimal(18,2)", description: How much.}}
  - {{name: note, type: string, description: What the machine said.}}
undeclared_columns: fail
missing_columns: fail
"""
        (folder / f"event_{number}.yaml").write_text(text, encoding="utf-8")


def write_models(models: Path, count: int, sources: int = 0) -> None:
    """Write ``count`` models below the folder ``models``, each with its YAML: two tests, four described columns.

    Half are staging models, of ``sources`` sources when there are any; each of the others is a mart over two of them.
    """
    staging = (count + 1) // 2
    for number in range(staging):
        origin = f"{{{{ source('raw', 'event_{number % sources}') }}}}" if sources else "(select 1)"
        sql = f"select\n    1 as id,\n    2 as happened_at,\n    3 as amount,\n    4 as note\nfrom {origin}\n"
        _model(models / "staging", f"stg_event_{number}", sql)
    for number in range(count - staging):
        left, right = number % staging, (number * 7 + 1) % staging
        sql = (
            "select\n    a.id,\n    a.happened_at,\n    b.amount,\n    b.note\n"
            f"from {{{{ ref('stg_event_{left}') }}}} as a\n"
            f"inner join {{{{ ref('stg_event_{right}') }}}} as b on a.id = b.id\n"
        )
        _model(models / "marts", f"mart_{number}", sql)


def _model(folder: Path, name: str, sql: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    columns = "".join(f"      - name: {column}\n        description: The {column} of it.\n" for column in COLUMNS[1:])
    text = f"""\
version: 2
models:
  - name: {name}
    description: One row per event.
    columns:
      - name: id
        description: Number of the event.
        data_tests: [unique, not_null]
{columns}"""
    (folder / f"{name}.sql").write_text(sql, encoding="utf-8")
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")
