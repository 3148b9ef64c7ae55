select
    invoice_number,
    stock_code,
    description,
    quantity,
    invoiced_at,
    order_date,
    unit_price,
    customer_id,
    country,
    is_cancelled,
    rejection_reason
from {{ ref('int_orders__judged') }}
where rejection_reason is not null
