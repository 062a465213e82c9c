-- One row a place and period: how many answers about satisfaction were given, and their sum.
select
  k.{{ by | ident }} as unit,
  p.period,
  a.adopted_on,
  count(*) as answers,
  sum(s.score) as total
from surveys s
inner join customers k on k.customer_id = s.customer_id
inner join periods p on s.answered_on >= p.first_day and s.answered_on < p.next_day
left join adopted a on a.place = k.{{ by | ident }}
where s.item in {{ csat_items | literal }} and k.{{ by | ident }} is not null
{% for name, values in eligible %}
  and k.{{ name | ident }} in {{ values | literal }}
{% endfor %}
group by k.{{ by | ident }}, p.period, a.adopted_on
order by k.{{ by | ident }}, p.period
