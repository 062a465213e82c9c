-- customers by the {{ unit }} in which they were won, and how many ordered in each {{ unit }} since
with cohort as (
  select
    customer_id,
    cast(floor((year(acquired_on) * 12 + month(acquired_on) - 1) / {{ months }}) as integer)
      as cohort
  from customers
),
size as (
  select cohort, count(*) as customers from cohort group by cohort
),
bought as (
  select
    customer_id,
    cast(floor((year(ordered_on) * 12 + month(ordered_on) - 1) / {{ months }}) as integer)
      as period,
    sum(case when amount > 0 then 1 else 0 end) as orders,
    sum(amount) as amount
  from orders
  group by 1, 2
),
active as (
  select
    c.cohort,
    b.period,
    sum(case when b.orders > 0 then 1 else 0 end) as active,
    sum(b.orders) as orders,
    sum(b.amount) as amount
  from cohort c
  join bought b on b.customer_id = c.customer_id
  where b.period >= c.cohort
  group by c.cohort, b.period
)
select
  s.cohort,
  s.customers,
  a.period,
  coalesce(a.active, 0) as active,
  coalesce(a.orders, 0) as orders,
  coalesce(a.amount, cast(0 as decimal(18, 2))) as amount
from size s
left join active a on a.cohort = s.cohort
order by s.cohort, a.period
