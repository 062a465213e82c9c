-- complaints of each customer as known at {{ window.cutoff }}; recent: from {{ start }} on
with cases as (
  select *, case when closed_on is null then 1 else 0 end as is_open from complaints
),
last_score as (
  select customer_id, follow_up_score,
    row_number() over (partition by customer_id order by follow_up_on desc, complaint_id) as place
  from complaints
  where follow_up_score is not null
)
select
  c.customer_id,
  count(*) as complaints_ever,
  sum(case when opened_on >= {{ start | literal }} then 1 else 0 end) as complaints,
  sum(is_open) as complaints_open,
  sum(case when opened_on >= {{ start | literal }} and outcome = 'unresolved' then 1 else 0 end)
    as complaints_unresolved,
  max(opened_on) as last_complaint_on,
  sum(case when is_open = 0 then cast(datediff('day', opened_on, closed_on) as double) end)
    as days_to_close_sum,
  sum(1 - is_open) as complaints_closed,
  max(s.follow_up_score) as follow_up_score
from cases c
left join last_score s on s.customer_id = c.customer_id and s.place = 1
group by c.customer_id
order by c.customer_id
