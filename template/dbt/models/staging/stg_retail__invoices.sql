select
    invoiceno as invoice_number,
    stockcode as stock_code,
    description,
    quantity,
    invoicedate as invoiced_at,
    unitprice as unit_price,
    cast(cast(customerid as decimal(18, 1)) as bigint) as customer_id,
    country,
    _source_file as source_file,
    _partition_key as partition_key
from {{ source('raw', 'invoices') }}
