-- how often a product was in the purchase that followed one with another, from {{ start }} on
with baskets as (
  select customer_id, ordered_on, product
  from orders
  where amount > 0 and ordered_on >= {{ start | literal }} and product in {{ products | literal }}
  group by customer_id, ordered_on, product
),
days as (
  select customer_id, ordered_on from baskets group by customer_id, ordered_on
),
steps as (
  select
    customer_id,
    ordered_on,
    lead(ordered_on) over (partition by customer_id order by ordered_on) as next_on
  from days
)
select a.product, b.product as next_product, count(*) as times
from steps s
join baskets a on a.customer_id = s.customer_id and a.ordered_on = s.ordered_on
join baskets b on b.customer_id = s.customer_id and b.ordered_on = s.next_on
where b.product <> a.product
group by a.product, b.product
order by a.product, b.product
