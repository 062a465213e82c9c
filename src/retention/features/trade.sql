-- purchases of each customer as known at {{ window.cutoff }}; the last stretch begins {{ start }}
with purchases as (
  select customer_id, ordered_on, amount, discount, service_cost, promised_on, delivered_on
  from orders
  where amount > 0
),
purchase_days as (
  select customer_id, ordered_on from purchases group by customer_id, ordered_on
),
gaps as (
  select
    customer_id,
    datediff('day',
      lag(ordered_on) over (partition by customer_id order by ordered_on), ordered_on) as gap
  from purchase_days
),
rhythm as (
  select
    customer_id,
    count(*) as purchase_days,
    sum(cast(gap as double)) as gap_sum,
    sum(cast(gap as double) * gap) as gap_squares
  from gaps
  group by customer_id
),
trade as (
  select
    customer_id,
    min(ordered_on) as first_order_on,
    max(ordered_on) as last_order_on,
    sum(case when ordered_on >= {{ start | literal }} then 1 else 0 end) as orders,
    sum(case when ordered_on >= {{ before | literal }} and ordered_on < {{ start | literal }}
        then 1 else 0 end) as orders_before,
    sum(case when ordered_on >= {{ recent | literal }} then 1 else 0 end) as orders_recent,
    sum(case when ordered_on >= {{ start | literal }} then amount else 0 end) as spent,
    sum(case when ordered_on >= {{ start | literal }} then coalesce(discount, 0) else 0 end)
      as discount,
    sum(case when ordered_on >= {{ start | literal }} then service_cost end) as service_cost,
    sum(case when ordered_on >= {{ start | literal }} and service_cost is not null
        then 1 else 0 end) as orders_with_cost,
    sum(case when ordered_on >= {{ start | literal }} and delivered_on is not null
        and promised_on is not null then 1 else 0 end) as deliveries,
    sum(case when ordered_on >= {{ start | literal }} and delivered_on > promised_on
        then 1 else 0 end) as late_deliveries
  from purchases
  group by customer_id
)
select
  t.*,
  r.purchase_days,
  r.gap_sum,
  r.gap_squares,
  datediff('day', t.last_order_on, {{ window.last_day | literal }}) as days_since_order
from trade t
join rhythm r on r.customer_id = t.customer_id
order by t.customer_id
