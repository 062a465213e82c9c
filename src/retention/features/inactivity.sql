-- spells of buying of each customer: a gap of more than {{ gap_days }} days ends one
with days as (
  select customer_id, ordered_on from orders where amount > 0 group by customer_id, ordered_on
),
gaps as (
  select
    customer_id,
    ordered_on,
    datediff('day',
      lag(ordered_on) over (partition by customer_id order by ordered_on), ordered_on) as gap
  from days
)
select
  customer_id,
  count(*) as purchase_days,
  sum(case when gap is null or gap > {{ gap_days }} then 1 else 0 end) as active_spells,
  max(gap) as longest_gap,
  count(gap) as gaps,
  sum(case when gap > 0 then ln(gap) end) as sum_log_gap,
  sum(case when gap > 0 then ln(gap) * ln(gap) end) as sum_log_gap_squared,
  min(ordered_on) as first_order_on,
  max(ordered_on) as last_order_on,
  datediff('day', max(ordered_on), {{ window.last_day | literal }}) as days_since_order
from gaps
group by customer_id
order by customer_id
