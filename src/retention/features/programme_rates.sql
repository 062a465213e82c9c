-- One row a wave of a roll-out, place and period: the customers here at the period's start, and how
-- many of them stayed to its end. Who came after the turn of the wave is not among them.
with periods as (
{% for wave, turn, number, first_day, next_day in periods %}
  select {{ wave }} as wave, {{ turn | literal }} as turn, {{ number }} as period,
    {{ first_day | literal }} as first_day, {{ next_day | literal }} as next_day
    {{ "union all" if not loop.last }}
{% endfor %}
)
, here as (
  select
    p.wave, p.period, p.next_day, c.customer_id,
    max(coalesce(c.ended_on, {{ window.cutoff | literal }})) as until
  from contracts c
  inner join periods p
    on c.started_on <= p.first_day
    and c.started_on <= p.turn
    and coalesce(c.ended_on, {{ window.cutoff | literal }}) >= p.first_day
  group by p.wave, p.period, p.next_day, c.customer_id
)
select
  h.wave,
  k.{{ by | ident }} as place,
  h.period,
  count(*) as here,
  sum(case when h.until >= h.next_day then 1 else 0 end) as stayed
from here h
inner join customers k on k.customer_id = h.customer_id
where k.{{ by | ident }} is not null
{% for name, values in eligible %}
  and k.{{ name | ident }} in {{ values | literal }}
{% endfor %}
group by h.wave, k.{{ by | ident }}, h.period
order by h.wave, k.{{ by | ident }}, h.period
