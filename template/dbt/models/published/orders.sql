select
    invoice_number,
    min(order_date) as order_date,
    cast(min(customer_id) as varchar) as customer_id,
    min(country) as country,
    bool_and(is_cancelled) as is_cancellation,
    cast(count(*) as bigint) as order_lines,
    cast(sum(quantity) as bigint) as units,
    cast(sum(amount) as decimal(18, 4)) as amount
from {{ ref('orders_cleaned') }}
group by invoice_number
