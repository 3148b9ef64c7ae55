select
    InvoiceNo as invoice_number,
    StockCode as stock_code,
    Description as description,
    Quantity as quantity,
    InvoiceDate as invoiced_at,
    UnitPrice as unit_price,
    cast(cast(CustomerID as decimal(18, 1)) as bigint) as customer_id,
    Country as country,
    _source_file as source_file,
    _partition_key as partition_key
from {{ source('raw', 'invoices') }}
