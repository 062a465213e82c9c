-- One row a customer and trial day on which the contract ran and the programme had not reached it
-- before the offer, of those for whom it was open: what was known then, who was treated, and what
-- came of it.
with trial_days as (
{% for offered_from, offered_until, trial_on in trials %}
  select {{ offered_from | literal }} as offered_from, {{ offered_until | literal }} as offered_until,
    {{ trial_on | literal }} as trial_on, {{ offered_from | literal }} as known_on,
    {{ follow_ups[loop.index0] | literal }} as followed_until
  {{ "union all" if not loop.last }}
{% endfor %}
)
, enrolled as (
  select customer_id, min(enrolled_on) as enrolled_on
  from enrolments
  where programme = {{ programme | literal }}
  group by customer_id
)
, running as (
  select
    d.trial_on,
    d.known_on,
    d.offered_from,
    d.offered_until,
    d.followed_until,
    c.customer_id,
    min(c.started_on) as started_on,
    max(coalesce(c.ended_on, {{ window.cutoff | literal }})) as until,
    max(case when c.ended_on is null then 1 else 0 end) as is_open
  from trial_days d
  inner join contracts c
    on c.started_on <= d.known_on
    and coalesce(c.ended_on, {{ window.cutoff | literal }}) > d.trial_on
  group by
    d.trial_on, d.known_on, d.offered_from, d.offered_until, d.followed_until, c.customer_id
)
, eligible as (
  select r.*, e.enrolled_on
  from running r
  left join enrolled e on e.customer_id = r.customer_id
  where e.enrolled_on is null or e.enrolled_on >= r.offered_from
)
{% if columns('orders') %}
, trade as (
  select
    e.customer_id,
    e.trial_on,
    sum(case when o.ordered_on < e.known_on then coalesce({{ money }}, 0) end) as money_before,
    sum(case when o.ordered_on < e.known_on and o.amount > 0 then 1 else 0 end) as orders_before,
    sum(case when o.ordered_on >= e.trial_on then coalesce({{ money }}, 0) end) as money_after
  from eligible e
  inner join orders o
    on o.customer_id = e.customer_id
    and ((o.ordered_on >= e.known_on - {{ days_before }} and o.ordered_on < e.known_on)
      or (o.ordered_on >= e.trial_on and o.ordered_on < e.followed_until))
  group by e.customer_id, e.trial_on
)
{% endif %}
{% if columns('complaints') %}
, grief as (
  select e.customer_id, e.trial_on, count(*) as complaints_before
  from eligible e
  inner join complaints m
    on m.customer_id = e.customer_id
    and m.opened_on >= e.known_on - {{ days_before }} and m.opened_on < e.known_on
  group by e.customer_id, e.trial_on
)
{% endif %}
{% if columns('contacts') %}
, talk as (
  select e.customer_id, e.trial_on, count(*) as contacts_before
  from eligible e
  inner join contacts t
    on t.customer_id = e.customer_id
    and t."at" >= e.known_on - {{ days_before }} and t."at" < e.known_on
  group by e.customer_id, e.trial_on
)
{% endif %}
{% if csat_items %}
, mood as (
  select
    e.customer_id,
    e.trial_on,
    sum(case when s.answered_on < e.known_on then s.score end) as score_before,
    sum(case when s.answered_on < e.known_on then 1 else 0 end) as answers_before,
    sum(case when s.answered_on >= e.trial_on then s.score end) as score_after,
    sum(case when s.answered_on >= e.trial_on then 1 else 0 end) as answers_after
  from eligible e
  inner join surveys s
    on s.customer_id = e.customer_id
    and s.item in {{ csat_items | literal }}
    and ((s.answered_on >= e.known_on - 2 * {{ days_before }} and s.answered_on < e.known_on)
      or (s.answered_on >= e.trial_on and s.answered_on < e.followed_until))
  group by e.customer_id, e.trial_on
)
{% endif %}
select
  e.customer_id,
  e.trial_on,
  case when e.enrolled_on >= e.offered_from and e.enrolled_on < e.offered_until
    then 1 else 0 end as treated,
  case when e.enrolled_on >= e.offered_until then e.enrolled_on end as treated_later_on,
  {{ window.whole_units_sql("e.started_on", "e.known_on") }} as tenure,
  {{ window.whole_units_sql("e.trial_on", window.cutoff | literal) }} as follow_up,
  case when e.is_open = 0
    then {{ window.started_units_sql("e.trial_on", "e.until") }} end as left_at
{% for name in attributes %}
  , k.{{ name | ident }}
{% endfor %}
{% if columns('orders') %}
  , coalesce(t.money_before, 0) as money_before
  , coalesce(t.orders_before, 0) as orders_before
  , coalesce(t.money_after, 0) as money_after
{% endif %}
{% if columns('complaints') %}
  , coalesce(g.complaints_before, 0) as complaints_before
{% endif %}
{% if columns('contacts') %}
  , coalesce(w.contacts_before, 0) as contacts_before
{% endif %}
{% if csat_items %}
  , case when s.answers_before > 0
      then cast(s.score_before as double) / s.answers_before end as csat_before
  , case when s.answers_after > 0
      then cast(s.score_after as double) / s.answers_after end as csat_after
{% endif %}
from eligible e
left join customers k on k.customer_id = e.customer_id
{% if columns('orders') %}
left join trade t on t.customer_id = e.customer_id and t.trial_on = e.trial_on
{% endif %}
{% if columns('complaints') %}
left join grief g on g.customer_id = e.customer_id and g.trial_on = e.trial_on
{% endif %}
{% if columns('contacts') %}
left join talk w on w.customer_id = e.customer_id and w.trial_on = e.trial_on
{% endif %}
{% if csat_items %}
left join mood s on s.customer_id = e.customer_id and s.trial_on = e.trial_on
{% endif %}
where 1 = 1
{% for name, values in eligible %}
  and k.{{ name | ident }} in {{ values | literal }}
{% endfor %}
order by e.customer_id, e.trial_on
