-- the last answers of each customer to the items of a construct, on a scale from 0 to 100
with answers as (
  select
    s.customer_id,
    s.answered_on,
    case s.item
{% for item, low, high, reverse in items %}
      when {{ item | literal }} then
        {% if reverse %}100 - {% endif %}(s.score - {{ low | literal }}) * 100 / {{ (high - low) | literal }}
{% endfor %}
    end as points
  from surveys s
  where s.score is not null and s.item in {{ names | literal }}
),
latest as (
  select customer_id, max(answered_on) as answered_on from answers group by customer_id
)
select a.customer_id, max(a.answered_on) as answered_on, sum(a.points) / count(*) as points
from answers a
join latest l on l.customer_id = a.customer_id and l.answered_on = a.answered_on
group by a.customer_id
order by a.customer_id
