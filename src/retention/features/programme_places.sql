-- The periods of a panel, and the day on which the programme first came to each place.
with periods as (
{% for number, first_day, next_day in periods %}
  select {{ number }} as period, {{ first_day | literal }} as first_day,
    {{ next_day | literal }} as next_day {{ "union all" if not loop.last }}
{% endfor %}
)
, adopted as (
  select k.{{ by | ident }} as place, min(e.enrolled_on) as adopted_on
  from enrolments e
  inner join customers k on k.customer_id = e.customer_id
  where e.programme = {{ programme | literal }}
  group by k.{{ by | ident }}
)
