-- One row a problem whose customer was with us: a case, or a poor answer without a case near it.
-- How the case stood on the landmark, what was known on the day of the problem, and what came after.
, problems as (
  select
    customer_id, complaint_id as problem, opened_on as problem_on, closed_on, outcome,
    severity, cast(loss as double) as loss,
    coalesce(category, 'unknown') as category, 0 as silent
  from complaints
{% if item %}
  union all
  select
    a.customer_id, a.response_id as problem, a.answered_on as problem_on,
    cast(null as date) as closed_on, cast(null as varchar) as outcome,
    cast(null as integer) as severity, cast(null as double) as loss, 'unknown' as category,
    case when a.score <= {{ limit }} then 1 else 2 end as silent
  from (
    select customer_id, response_id, min(answered_on) as answered_on, min(score) as score
    from surveys
    where item = {{ item | literal }} and score {% if contented %}is not null{% else %}<= {{ limit }}{% endif +%}
    group by customer_id, response_id
  ) a
  left join complaints k
    on k.customer_id = a.customer_id
    and k.opened_on >= a.answered_on - {{ silence_days }}
    and k.opened_on <= a.answered_on + {{ landmark_days }}
  where k.complaint_id is null
{% endif %}
)
, marked as (
  select
    p.*,
    s.spell,
    s.started_on,
    s.ended_on,
    p.problem_on + {{ landmark_days }} as landmark_on,
    {% if immortal %}{{ window.last_day | literal }}{% else %}p.problem_on + {{ landmark_days }}{% endif %}
      as state_on
  from problems p
  inner join counted s
    on s.customer_id = p.customer_id
    and s.started_on <= p.problem_on and (s.ended_on is null or s.ended_on > p.problem_on)
  where p.problem_on + {{ landmark_days }} <= {{ window.last_day | literal }}
)
, earlier as (
  select m.problem, m.silent, count(k.complaint_id) as complaints_before
  from marked m
  left join complaints k
    on k.customer_id = m.customer_id
    and k.opened_on < m.problem_on and k.opened_on >= m.problem_on - 365
  group by m.problem, m.silent
)
{% if columns('orders') %}
, trade as (
  select m.problem, m.silent, coalesce(sum(o.amount), 0) as spend_before
  from marked m
  left join orders o
    on o.customer_id = m.customer_id
    and o.ordered_on < m.problem_on and o.ordered_on >= m.problem_on - 365
  group by m.problem, m.silent
)
{% endif %}
select
  m.customer_id,
  m.problem,
  m.problem_on,
  m.landmark_on,
  case
    when m.silent = 1 then 'did not complain'
    when m.silent = 2 then 'no problem'
    when m.closed_on is null or m.closed_on > m.state_on then 'open'
    when m.outcome = 'resolved' and datediff('day', m.problem_on, m.closed_on) <= {{ quick_days }}
      then 'resolved quickly'
    when m.outcome = 'resolved' then 'resolved slowly'
    when m.outcome = 'unresolved' then 'unresolved'
    else 'outcome unknown'
  end as state,
  case when m.ended_on is null or m.ended_on > m.landmark_on then 1 else 0 end as reached,
  {{ window.whole_units_sql("m.landmark_on", window.last_day | literal) }} as follow_up,
  case when m.ended_on > m.landmark_on
    then {{ window.started_units_sql("m.landmark_on", "m.ended_on") }} end as left_at,
  {{ window.whole_units_sql("m.started_on", "m.problem_on") }} as tenure,
  m.severity,
  m.loss,
  m.category,
  e.complaints_before
{% for name in attributes %}
  , c.{{ name | ident }}
{% endfor %}
{% if columns('orders') %}
  , cast(t.spend_before as double) as spend_before
{% endif %}
from marked m
inner join earlier e on e.problem = m.problem and e.silent = m.silent
{% if columns('orders') %}
inner join trade t on t.problem = m.problem and t.silent = m.silent
{% endif %}
left join customers c on c.customer_id = m.customer_id
order by m.customer_id, m.problem_on, m.problem, m.spell
