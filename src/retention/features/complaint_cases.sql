-- One row a case: how it ended, how long it was or has been open, the next case, and until when its
-- customer was here (empty while here).
with stays as (
  select
    k.complaint_id,
{% if columns('contracts') %}
    case when max(case when c.ended_on is null then 1 else 0 end) = 0 then max(c.ended_on) end as left_on
  from complaints k
  inner join contracts c
    on c.customer_id = k.customer_id
    and c.started_on <= k.opened_on and (c.ended_on is null or c.ended_on >= k.opened_on)
{% else %}
    cast(null as date) as left_on
  from complaints k
{% endif %}
  group by k.complaint_id
)
, ordered as (
  select
    k.*,
    lead(k.opened_on) over (partition by k.customer_id order by k.opened_on, k.complaint_id)
      as next_on
  from complaints k
)
select
  o.customer_id,
  o.complaint_id,
  o.opened_on,
  o.closed_on,
  coalesce(o.category, 'unknown') as category,
  coalesce(o.department, 'unknown') as department,
  o.severity,
  case
    when o.closed_on is null then 'open'
    when o.outcome = 'resolved' and datediff('day', o.opened_on, o.closed_on) <= {{ quick_days }}
      then 'resolved quickly'
    when o.outcome = 'resolved' then 'resolved slowly'
    when o.outcome = 'unresolved' then 'unresolved'
    else 'outcome unknown'
  end as ending,
  datediff('day', o.opened_on, coalesce(o.closed_on, {{ window.last_day | literal }})) as days,
  o.follow_up_score,
  o.next_on,
  s.left_on
{% if written %}
  , o.{{ written | ident }} as words
{% endif %}
from ordered o
left join stays s on s.complaint_id = o.complaint_id
order by o.customer_id, o.opened_on, o.complaint_id
