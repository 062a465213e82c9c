-- the products each customer bought most often, from {{ start }} on
with counts as (
  select customer_id, product, count(*) as times
  from orders
  where amount > 0 and product is not null and ordered_on >= {{ start | literal }}
  group by customer_id, product
),
ranked as (
  select
    customer_id, product, times,
    row_number() over (partition by customer_id order by times desc, product) as place
  from counts
)
select customer_id, place, product, times
from ranked
where place <= {{ top }}
order by customer_id, place
