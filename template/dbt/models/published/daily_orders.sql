select
    order_date,
    orders,
    cancellations,
    units_sold,
    gross_revenue,
    cancelled_revenue,
    net_revenue
from {{ ref('daily_order_summary') }}
