{% set share = "cast(" ~ (margin_share | literal) ~ " as decimal(7, 6))" %}
-- sums and squares of profit in stretches of {{ days }} days, counted back from {{ window.cutoff }}
with entries as (
{% if columns('orders') %}
  select customer_id, ordered_on as day, amount as revenue,
    coalesce(service_cost, 0) as cost,
    case when margin is null then cast(amount * {{ share }} as decimal(18, 2))
      else margin end as margin
  from orders
  where ordered_on >= {{ start | literal }}
{% endif %}
{% if columns('orders') and columns('contacts') %}
  union all
{% endif %}
{% if columns('contacts') %}
  select customer_id, "at" as day, cast(0 as decimal(18, 2)) as revenue,
    coalesce(cost, 0) as cost, cast(0 as decimal(18, 2)) as margin
  from contacts
  where "at" >= {{ start | literal }}
{% endif %}
{% if columns('complaints') and (columns('orders') or columns('contacts')) %}
  union all
{% endif %}
{% if columns('complaints') %}
  select customer_id, opened_on as day, cast(0 as decimal(18, 2)) as revenue,
    cast({{ complaint_cost | literal }} as decimal(18, 2)) as cost,
    cast(0 as decimal(18, 2)) as margin
  from complaints
  where opened_on >= {{ start | literal }}
{% endif %}
),
blocks as (
  select
    customer_id,
    cast(floor((datediff('day', day, {{ window.last_day | literal }})) / {{ days }}) as integer)
      as block,
    cast(sum(margin - cost) as decimal(18, 2)) as profit,
    sum(revenue) as revenue,
    sum(cost) as cost
  from entries
  group by customer_id, block
)
-- sums of decimals are the same in whatever order the rows come
select
  customer_id,
  sum(profit) as profit_sum,
  sum(profit * profit) as profit_squares,
  sum(revenue) as revenue_sum,
  sum(cost) as cost_sum
from blocks
where block < {{ blocks }}
group by customer_id
order by customer_id
