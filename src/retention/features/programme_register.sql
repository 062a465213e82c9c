-- one row a programme: what it is, when it ran, what it cost
select
  e.programme,
  max(e.bond) as bond,
  max(e.assignment) as assignment,
  count(distinct e.bond) as bonds,
  count(distinct e.assignment) as assignments,
  count(*) as enrolments,
  count(distinct e.customer_id) as customers,
  count(distinct e.enrolled_on) as enrolment_days,
  min(e.enrolled_on) as first_enrolled_on,
  max(e.enrolled_on) as last_enrolled_on,
  count(e.cost) as with_cost,
  sum(e.cost) as cost,
  sum(case when e.enrolled_on < k.acquired_on then 1 else 0 end) as too_early
from enrolments e
left join customers k on k.customer_id = e.customer_id
group by e.programme
order by e.programme
