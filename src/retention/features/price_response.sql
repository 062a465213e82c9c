-- sums from which the slope of log order value on the discount rate follows, one row a customer
with priced as (
  select
    customer_id,
    cast(discount as double) / nullif(cast(amount + discount as double), 0) as x,
    case when amount + discount > 0 then ln(cast(amount + discount as double)) end as y
  from orders
  where amount > 0 and discount is not null
),
sums as (
  select
    customer_id,
    count(*) as n,
    sum(x) as sx, sum(y) as sy, sum(x * x) as sxx, sum(x * y) as sxy, sum(y * y) as syy
  from priced
  group by customer_id
)
select * from sums where n >= 3 order by customer_id
