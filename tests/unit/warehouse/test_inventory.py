"""What the warehouse is found to hold."""

from building_block.warehouse.client import Warehouse, row_counts, tables


def test_an_empty_project_has_no_tables(warehouse: Warehouse) -> None:
    assert tables(warehouse) == set()
    assert row_counts(warehouse, ["raw.t"]) == {}


def test_rows_of_tables_are_counted_and_no_view_is_run_for_it(warehouse: Warehouse) -> None:
    with warehouse.writing() as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.t AS FROM range(3)")
        connection.execute("""CREATE TABLE raw."it's ""odd"" . one" AS FROM range(2)""")
        connection.execute("CREATE VIEW raw.v AS SELECT CASE WHEN range < 9 THEN error('was run') END FROM range(9)")
    names = ["raw.t", 'raw.it\'s "odd" . one', "raw.v", "raw.gone"]
    assert tables(warehouse) == {*names} - {"raw.gone"}
    assert row_counts(warehouse, names) == {"raw.t": 3, 'raw.it\'s "odd" . one': 2}
