-- one row a programme: what it is, when it ran, what it cost
select
  programme,
  max(bond) as bond,
  max(assignment) as assignment,
  count(distinct bond) as bonds,
  count(distinct assignment) as assignments,
  count(*) as enrolments,
  count(distinct customer_id) as customers,
  count(distinct enrolled_on) as enrolment_days,
  min(enrolled_on) as first_enrolled_on,
  max(enrolled_on) as last_enrolled_on,
  count(cost) as with_cost,
  sum(cost) as cost
from enrolments
group by programme
order by programme
