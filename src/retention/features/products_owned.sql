-- the products of each customer from {{ start }} on, and whether they were in the last purchase
with baskets as (
  select customer_id, product, max(ordered_on) as last_on
  from orders
  where amount > 0 and ordered_on >= {{ start | literal }} and product in {{ products | literal }}
  group by customer_id, product
),
latest as (
  select customer_id, max(last_on) as last_on from baskets group by customer_id
)
select
  b.customer_id, b.product,
  case when b.last_on = l.last_on then 1 else 0 end as in_last
from baskets b
join latest l on l.customer_id = b.customer_id
order by b.customer_id, b.product
