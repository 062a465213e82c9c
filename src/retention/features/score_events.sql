-- every answer to some items with what the customer bought in the days after it
with answers as (
    select
        customer_id,
        response_id,
        min(answered_on) as answered_on,
        min(wave) as wave,
        avg(cast(
            case
                {%- for item in items %}
                when item = {{ item.name | literal }}
                    and score between {{ item.low | literal }} and {{ item.high | literal }}
                then {% if item.reverse %}{{ (item.low + item.high) | literal }} - {% endif %}score
                {%- endfor %}
            end as double)
        ) as score
    from surveys
    where item in {{ names | literal }}
    group by customer_id, response_id
)
select
    a.customer_id,
    a.response_id,
    a.answered_on,
    a.wave,
    a.score,
    sum(case when o.amount is null then 0 else o.amount end) as revenue
from answers as a
left join orders as o
    on o.customer_id = a.customer_id
    and o.ordered_on > a.answered_on
    and datediff('day', a.answered_on, o.ordered_on) <= {{ days | literal }}
where a.score is not null
    and datediff('day', a.answered_on, {{ window.cutoff | literal }}) > {{ days | literal }}
group by a.customer_id, a.response_id, a.answered_on, a.wave, a.score
order by a.customer_id, a.answered_on, a.response_id
