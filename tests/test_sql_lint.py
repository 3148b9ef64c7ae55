"""Ordinary dbt passes the lint of SQL, and is read: a fault in the same models is refused."""

import re
import shutil

import pytest

from tests.conftest import StampedProject

FROM_DAYS = "from {{ ref('daily_order_summary') }}\n"
DAYS = f"select order_date\n{FROM_DAYS}"
LINES = "from {{ ref('orders_cleaned') }}\n"

MODELS = {
    "env_var": DAYS + 'where\n    order_date >= \'{{ env_var("FIRST_DAY", "2010-12-01") }}\'\n'
    "    and orders > {{ env_var('ORDERS', '100') | int }}\n",
    "env_var_in_an_if": DAYS + "{% if env_var('SAMPLE', 'no') == 'yes' %}\n    where orders > 1\n{% endif %}\n",
    "macros_of_dbt": "select\n    {{ dbt.dateadd('day', 1, 'order_date') }} as next_day,\n"
    "    {{ dbt.date_trunc('month', 'order_date') }} as month,\n"
    "    cast(orders as {{ dbt.type_string() }}) as orders\n" + FROM_DAYS,
    "macros_of_dbt_beside_a_join": "select\n    days.order_date,\n"
    "    {{ dbt.datediff('days.order_date', 'current_date', 'day') }} as age\n"
    "from {{ ref('daily_order_summary') }} as days\n"
    "inner join {{ ref('orders_cleaned') }} as lines on days.order_date = lines.order_date\n",
    "run_query": "{% set found = run_query('select distinct country from ' ~ ref('orders_cleaned')) %}\n"
    "{% if execute %}\n    {% set countries = found.columns[0].values() %}\n"
    "{% else %}\n    {% set countries = [] %}\n{% endif %}\n"
    "select\n    order_date,\n    {% for country in countries %}\n"
    "        sum(case when country = '{{ country }}' then amount end) as amount_{{ loop.index }},\n"
    f"    {{% endfor %}}\n    sum(amount) as amount\n{LINES}group by order_date\n",
    "run_query_in_pairs": "{%- set query -%}\n    select\n        country,\n        count(*) as n\n"
    "    from {{ ref('orders_cleaned') }}\n    group by country\n{%- endset -%}\n"
    "{%- set rows = run_query(query).rows if execute else [] -%}\n\n"
    "select\n    order_date\n    {%- for country, n in rows %}\n"
    "        , sum(case when country = '{{ country }}' then {{ n }} end) as n_{{ loop.index }}\n"
    f"    {{%- endfor %}}\n{LINES}group by order_date\n",
    "statement": "{% call statement('newest', fetch_result=true) %}\n    select max(order_date) as newest\n"
    "    from {{ ref('daily_order_summary') }}\n{% endcall %}\n"
    "{% set newest = load_result('newest')['data'][0][0] if execute else none %}\n"
    + DAYS
    + "where order_date = '{{ newest }}'\n",
    "adapter": "{% set columns = adapter.get_columns_in_relation(ref('daily_order_summary')) %}\nselect\n"
    "    {% for column in columns %}\n        {{ adapter.quote(column.name) }} as {{ column.name | lower }}\n"
    f"        {{%- if not loop.last %}},{{% endif %}}\n    {{% endfor %}}\n{FROM_DAYS}",
    "adapter_relation": "{% set old = adapter.get_relation(database=this.database, schema=this.schema, "
    "identifier='days') %}\n"
    + DAYS
    + "{% if old is not none %}\n    union all\n    select order_date\n    from {{ old }}\n{% endif %}\n",
    "var": DAYS + 'where\n    order_date >= \'{{ var("first_day", "2010-12-01") }}\'\n'
    "    and orders > {{ var('least', 3) }}\n"
    "    {% if var('few', false) %}\n        and orders < 30\n    {% endif %}\n",
    "var_in_a_loop": "select\n    {% for back in range(var('days', 3)) %}\n"
    "        lag(orders, {{ back + 1 }}) over (order by order_date) as orders_{{ back }},\n"
    f"    {{% endfor %}}\n    orders\n{FROM_DAYS}",
    "config": "{{ config({'materialized': 'table'}) }}\n\n"
    + DAYS
    + "{% if config.get('materialized') == 'view' %}\n    where orders > 1\n{% endif %}\n",
    "incremental": "{{ config(materialized='incremental', unique_key='order_date') }}\n\n"
    + DAYS
    + "{% if is_incremental() %}\n"
    "    where order_date > (select coalesce(max(order_date), '1900-01-01') from {{ this }})\n{% endif %}\n",
    "this": DAYS + "where '{{ this.schema }}' = '{{ target.schema }}' and '{{ this.name }}' != '{{ model.name }}'\n",
    "ref_of_a_version": "select order_date\nfrom {{ ref('days', v=1) }}\nunion all\n"
    "select order_date\nfrom {{ ref('sales', 'days', version=1) }}\n",
    "source": "select\n    invoices.invoiceno as invoice_number,\n    lines.amount\n"
    "from {{ source('raw', 'invoices') }}\n"
    "inner join {{ ref('orders_cleaned') }} as lines on invoices.invoiceno = lines.invoice_number\n",
    "target": DAYS + "{% if target.name == 'duckdb' %}\n    where orders > 1\n"
    "{% elif target.name in ['ci', 'dev'] %}\n    where orders > 2\n{% endif %}\n",
    "target_type": "select\n    {% if target.type == 'postgres' %}\n"
    "        to_char(order_date, 'YYYY') as year\n    {% else %}\n"
    f"        strftime(order_date, '%Y') as year\n    {{% endif %}}\n{FROM_DAYS}",
    "set_a_dictionary": "{% set names = {\n    'United Kingdom': 'uk',\n    'France': 'fr',\n} %}\n"
    "select\n    order_date,\n    {% for country, name in names.items() %}\n"
    "        sum(case when country = '{{ country }}' then amount else 0 end) as amount_{{ name }}\n"
    f"        {{%- if not loop.last %}},{{% endif %}}\n    {{% endfor %}}\n{LINES}group by order_date\n",
    "execute": "{% if execute %}\n    {% do log('building ' ~ this, info=true) %}\n{% endif %}\n" + DAYS,
    "log": "{{ log('building ' ~ this.identifier, info=true) }}\n" + DAYS,
    "modules": "{% set before = modules.datetime.date.today() - modules.datetime.timedelta(days=7) %}\n"
    + DAYS
    + "where order_date < '{{ before.isoformat() }}' and order_date > '{{ run_started_at.strftime(\"%Y-%m-%d\") }}'\n",
    "a_macro_of_the_unit": "select {{ cents('amount') }} as amount\n" + LINES,
}
OF_PACKAGES = {
    "key_and_star": "select\n    {{ dbt_utils.generate_surrogate_key(['order_date', 'orders']) }} as day_key,\n"
    "    {{ dbt_utils.star(from=ref('daily_order_summary'), except=['orders']) }}\n" + FROM_DAYS,
    "column_values": "{%- set countries = dbt_utils.get_column_values(table=ref('orders_cleaned'), column='country') %}"
    "\n\nselect\n    order_date,\n    {%- for country in countries %}\n"
    "        sum(case when country = '{{ country }}' then amount end) as n_{{ dbt_utils.slugify(country) }}\n"
    f"        {{%- if not loop.last %}},{{% endif %}}\n    {{%- endfor %}}\n{LINES}"
    "where order_date is not null\n{{ dbt_utils.group_by(n=1) }}\n",
    "date_spine": 'with days as (\n    {{ dbt_utils.date_spine(\n        datepart="day",\n'
    "        start_date=\"cast('2010-12-01' as date)\",\n        end_date=\"cast('2011-12-10' as date)\"\n"
    "    ) }}\n)\n\nselect cast(date_day as date) as order_date\nfrom days\n",
    "union_relations": "{{ dbt_utils.union_relations(relations=[ref('orders_cleaned'), ref('orders_rejected')]) }}\n",
    "another_package": "select {{ our_package.cents_to_euros('amount') }} as euros\n" + LINES,
    "a_query_of_another_package": "with days as (\n    {{ our_package.days() }} -- noqa: PRS\n)\n\n"
    "select order_date\nfrom days\n",
}
MACRO = """\
{% macro cents(column) %}
    {{ return(adapter.dispatch('cents')(column)) }}
{% endmacro %}

{% macro default__cents(column) %}
    round({{ column }} / 100, 2)
{% endmacro %}
"""
FOLDER = "dbt/models/marts"


@pytest.fixture(scope="module")
def sales(rendered, tmp_path_factory) -> StampedProject:
    made = StampedProject(shutil.copytree(rendered("minimal").root, tmp_path_factory.mktemp("ordinary") / "sales"))
    made.write("dbt/macros/cents.sql", MACRO)
    made.write(f"{FOLDER}/days_v1.sql", DAYS)
    made.write(f"{FOLDER}/days.yml", "models: [{name: days, versions: [{v: 1}]}]\n")
    return made


def test_the_models_of_these_tests_are_ones_that_dbt_reads(sales):
    for name, sql in MODELS.items():
        sales.write(f"{FOLDER}/{name}.sql", sql)
    parsed = sales.run("dbt", "parse", "--project-dir", "dbt", "--profiles-dir", "dbt")
    assert parsed.returncode == 0, parsed.stdout


def test_ordinary_dbt_is_well_written_sql(sales):
    for name, sql in (MODELS | OF_PACKAGES).items():
        sales.write(f"{FOLDER}/{name}.sql", sql)
    result = sales.run("sqlfluff", "lint", "--nocolor", "dbt/models")
    assert result.returncode == 0, result.stdout


def test_a_fault_behind_ordinary_dbt_is_refused(sales):
    # Were a template not rendered, its SQL would pass unread.
    faulty = {name: f"{sql}UNION ALL\nselect 1\n" for name, sql in (MODELS | OF_PACKAGES).items()}
    for name, sql in faulty.items():
        sales.write(f"{FOLDER}/{name}.sql", sql)
    result = sales.run("sqlfluff", "lint", "--nocolor", "--rules", "CP01", "dbt/models")
    refused = set(re.findall(rf"\[{FOLDER}/(\w+)\.sql\] FAIL\nL:[^\n]*CP01", result.stdout))
    assert refused == set(faulty)
