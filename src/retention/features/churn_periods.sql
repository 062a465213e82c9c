, marks as (
    select cast(day as date) as day, cast(next_day as date) as next_day
    from (values {{ marks }}) as m(day, next_day)
)
, here as (
    select
        m.day,
        least(
            cast(floor({{ window.whole_units_sql("i.started_on", "m.day") }} / {{ band }}) as integer),
            {{ bands - 1 }}
        ) as tenure_band,
        case when i.ended_on < m.next_day then 1 else 0 end as event
        {%- for name in from_contracts %}, i.{{ name | ident }}{% endfor +%}
        {%- for name in from_customers %}, c.{{ name | ident }}{% endfor +%}
    from marks as m
    inner join islands as i
        on i.started_on < m.day and (i.ended_on is null or i.ended_on >= m.day)
{% if from_customers %}
    left join customers as c on c.customer_id = i.customer_id
{% endif %}
)
select
    day, tenure_band{% for name in pattern %}, {{ name | ident }}{% endfor +%},
    count(*) as n, sum(event) as events
from here
group by day, tenure_band{% for name in pattern %}, {{ name | ident }}{% endfor +%}
order by day, tenure_band{% for name in pattern %}, {{ name | ident }}{% endfor +%}
