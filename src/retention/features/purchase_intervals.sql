, ranked as (
  select
    customer_id,
    ordered_on,
    row_number() over (partition by customer_id order by ordered_on desc) as from_last
  from purchase_days
),
last_three as (
  select
    customer_id,
    max(case when from_last = 1 then ordered_on end) as last_on,
    max(case when from_last = 2 then ordered_on end) as before_on,
    max(case when from_last = 3 then ordered_on end) as earliest_on
  from ranked
  where from_last <= 3
  group by customer_id
)
select
  customer_id,
  datediff('day', earliest_on, before_on) as earlier,
  datediff('day', before_on, last_on) as later
from last_three
where earliest_on is not null
order by customer_id
