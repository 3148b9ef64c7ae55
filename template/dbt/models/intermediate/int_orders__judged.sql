-- Exact duplicates leave here, once for all; what stays goes to exactly one of orders_cleaned and orders_rejected.
with lines as (
    select distinct
        invoice_number,
        stock_code,
        description,
        quantity,
        invoiced_at,
        unit_price,
        customer_id,
        country
    from {{ ref('stg_retail__invoices') }}
)

select
    invoice_number,
    stock_code,
    description,
    quantity,
    invoiced_at,
    cast(invoiced_at as date) as order_date,
    unit_price,
    customer_id,
    country,
    invoice_number like 'C%' as is_cancelled,
    case
        when unit_price <= 0 then 'price is not positive'
        when quantity = 0 then 'quantity is zero'
        when quantity < 0 and invoice_number not like 'C%' then 'negative quantity without a cancellation'
        when quantity > 0 and invoice_number like 'C%' then 'cancellation with a positive quantity'
    end as rejection_reason
from lines
