select
    order_date,
    cast(count(distinct case when not is_cancelled then invoice_number end) as bigint) as orders,
    cast(count(distinct case when is_cancelled then invoice_number end) as bigint) as cancellations,
    cast(count(*) as bigint) as order_lines,
    cast(count(distinct customer_id) as bigint) as customers,
    cast(sum(case when not is_cancelled then quantity else 0 end) as bigint) as units_sold,
    cast(sum(case when not is_cancelled then amount else 0 end) as decimal(18, 4)) as gross_revenue,
    cast(sum(case when is_cancelled then -amount else 0 end) as decimal(18, 4)) as cancelled_revenue,
    cast(sum(amount) as decimal(18, 4)) as net_revenue
from {{ ref('orders_cleaned') }}
group by order_date
