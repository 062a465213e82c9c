-- how each customer paid what was ordered from {{ start }} on, as known at {{ window.cutoff }}
select
  customer_id,
  sum(case when paid_on is not null then 1 else 0 end) as payments,
  sum(case when paid_on is not null
      then cast(datediff('day', ordered_on, paid_on) as double) end) as days_sum,
  sum(case when due_on < {{ window.cutoff | literal }} then 1 else 0 end) as dues,
  sum(case when due_on < {{ window.cutoff | literal }}
      and (paid_on is null or paid_on > due_on) then 1 else 0 end) as late_payments,
  sum(case when paid_on is null and due_on < {{ window.cutoff | literal }}
      then amount else 0 end) as overdue
from orders
where amount > 0 and ordered_on >= {{ start | literal }}
group by customer_id
order by customer_id
