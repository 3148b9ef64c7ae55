select
    invoice_number,
    stock_code,
    description,
    quantity,
    invoiced_at,
    order_date,
    unit_price,
    cast(quantity * unit_price as decimal(18, 4)) as amount,
    customer_id,
    country,
    is_cancelled
from {{ ref('int_orders__judged') }}
where rejection_reason is null
