-- the last {{ top }} things that happened with each customer before {{ window.cutoff }}
with events as (
{% for select in selects %}
  {{ select }}
{% if not loop.last %}
  union all
{% endif %}
{% endfor %}
),
ranked as (
  select
    customer_id, day, kind, words, amount,
    row_number() over (partition by customer_id order by day desc, kind, words, amount) as place
  from events
)
select customer_id, day, kind, words, amount
from ranked
where place <= {{ top }}
order by customer_id, place
