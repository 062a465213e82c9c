, dated as (
  select o.customer_id, o.ordered_on, o.amount, h.first_on
  from orders o
  left join histories h on h.customer_id = o.customer_id
)
select
  count(*) as all_rows,
  coalesce(sum(amount), 0) as all_money,
  sum(case when amount >= 0 and first_on is not null then 1 else 0 end) as purchase_rows,
  coalesce(sum(case when amount >= 0 and first_on is not null then amount end), 0) as purchase_money,
  sum(case when amount = 0 and first_on is not null then 1 else 0 end) as zero_rows,
  sum(case when amount < 0 and ordered_on >= first_on then 1 else 0 end) as return_rows,
  coalesce(sum(case when amount < 0 and ordered_on >= first_on then amount end), 0) as return_money,
  sum(case when amount < 0 and ordered_on < first_on then 1 else 0 end) as early_rows,
  coalesce(sum(case when amount < 0 and ordered_on < first_on then amount end), 0) as early_money,
  sum(case when first_on is null then 1 else 0 end) as outside_rows,
  coalesce(sum(case when first_on is null then amount end), 0) as outside_money,
  count(distinct case when first_on is not null then customer_id end) as customers
from dated
