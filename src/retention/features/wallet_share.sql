-- the last period of each customer's wallet that had ended at {{ window.cutoff }}
with ranked as (
  select
    *,
    row_number() over (partition by customer_id order by period desc) as place
  from wallet
)
select
  customer_id, period as wallet_period, own_spend, category_spend, suppliers,
  rank as wallet_rank, main_rival,
  case when category_spend > 0
    then least(cast(own_spend as double) / cast(category_spend as double), cast(1 as double)) end
    as share_of_wallet
from ranked
where place = 1
order by customer_id
