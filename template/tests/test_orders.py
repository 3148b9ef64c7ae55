"""What must hold for the orders, whatever landed."""


def test_every_distinct_line_is_cleaned_or_rejected(warehouse):
    lines = "select distinct * exclude (source_file, partition_key) from staging.stg_retail__invoices"
    (staged,) = warehouse.sql(f"select count(*) from ({lines})").fetchone()  # noqa: S608
    (cleaned,) = warehouse.sql("select count(*) from marts.orders_cleaned").fetchone()
    (rejected,) = warehouse.sql("select count(*) from marts.orders_rejected").fetchone()
    assert cleaned + rejected == staged > 0


def test_published_revenue_is_that_of_the_cleaned_orders(warehouse):
    (published,) = warehouse.sql("select sum(net_revenue) from published.daily_orders").fetchone()
    (cleaned,) = warehouse.sql("select sum(quantity * unit_price) from marts.orders_cleaned").fetchone()
    assert published == cleaned
