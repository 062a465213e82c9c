-- One row a customer and period: whether the contract still ran at its end, and the money earned
-- in it. The customers are those whose contract ran on {{ start }}, followed whether they stay or go.
, cohort as (
  select
    c.customer_id,
    max(coalesce(c.ended_on, {{ window.cutoff | literal }})) as until
  from contracts c
  where c.started_on <= {{ start | literal }}
    and coalesce(c.ended_on, {{ window.cutoff | literal }}) > {{ start | literal }}
  group by c.customer_id
)
{% if columns('orders') %}
, trade as (
  select h.customer_id, p.period, sum(coalesce({{ money }}, 0)) as money
  from cohort h
  inner join orders o on o.customer_id = h.customer_id
  inner join periods p on o.ordered_on >= p.first_day and o.ordered_on < p.next_day
  group by h.customer_id, p.period
)
{% endif %}
select
  h.customer_id as unit,
  p.period,
  k.{{ by | ident }} as place,
  a.adopted_on,
  case when h.until >= p.next_day then 1 else 0 end as retained
{% if columns('orders') %}
  , coalesce(t.money, 0) as money
{% endif %}
from cohort h
inner join customers k on k.customer_id = h.customer_id
cross join periods p
left join adopted a on a.place = k.{{ by | ident }}
{% if columns('orders') %}
left join trade t on t.customer_id = h.customer_id and t.period = p.period
{% endif %}
where k.{{ by | ident }} is not null
{% for name, values in eligible %}
  and k.{{ name | ident }} in {{ values | literal }}
{% endfor %}
order by h.customer_id, p.period
