-- shares of products in the purchases of each customer, from {{ start }} on and in the stretch before
with counts as (
  select
    customer_id,
    product,
    sum(case when ordered_on >= {{ start | literal }} then 1 else 0 end) as now,
    sum(case when ordered_on < {{ start | literal }} then 1 else 0 end) as before
  from orders
  where amount > 0 and product is not null and ordered_on >= {{ before | literal }}
  group by customer_id, product
),
totals as (
  select customer_id, sum(now) as now_total, sum(before) as before_total
  from counts
  group by customer_id
)
select
  c.customer_id,
  max(t.now_total) as product_orders,
  max(t.before_total) as product_orders_before,
  sum(case when c.now > 0 then 1 else 0 end) as products,
  sum(case when c.now > 0
      then -cast(c.now as double) / t.now_total * ln(cast(c.now as double) / t.now_total)
      else cast(0 as double) end) as basket_entropy,
  case when max(t.now_total) > 0 and max(t.before_total) > 0 then
    sum(case when t.now_total > 0 and t.before_total > 0 then
      least(cast(c.now as double) / t.now_total, cast(c.before as double) / t.before_total)
    end) end as preference_overlap
from counts c
join totals t on t.customer_id = c.customer_id
group by c.customer_id
order by c.customer_id
