-- contracts of each customer at {{ window.cutoff }}
with running as (
  select *, case when ended_on is null or ended_on >= {{ window.cutoff | literal }}
    then 1 else 0 end as is_running
  from contracts
)
select
  customer_id,
  count(*) as contracts_ever,
  sum(is_running) as contracts_running,
  sum(case when is_running = 1 then price else 0 end) as monthly_price,
  max(case when is_running = 1 then product end) as contract_product,
  max(ended_on) as last_ended_on
from running
group by customer_id
order by customer_id
