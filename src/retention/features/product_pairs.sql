-- how many customers bought both of two products, from {{ start }} on
with owned as (
  select customer_id, product
  from orders
  where amount > 0 and ordered_on >= {{ start | literal }} and product in {{ products | literal }}
  group by customer_id, product
)
select a.product, b.product as other, count(*) as customers
from owned a
join owned b on b.customer_id = a.customer_id and b.product <> a.product
group by a.product, b.product
order by a.product, b.product
