-- one row an invitation: whether it was answered before the next one, and what was known of the
-- customer on that day
with invited as (
    select
        customer_id,
        instrument,
        invited_on,
        lead(invited_on) over (
            partition by customer_id, instrument order by invited_on
        ) as next_on
    from invitations
    {% if instrument %}where instrument = {{ instrument | literal }}{% endif +%}
),
questionnaires as (
    select
        response_id,
        min(customer_id) as customer_id,
        min(instrument) as instrument,
        min(answered_on) as answered_on
    from surveys
    group by response_id
),
matched as (
    select
        i.customer_id,
        i.instrument,
        i.invited_on,
        q.response_id,
        q.answered_on,
        row_number() over (
            partition by i.customer_id, i.instrument, i.invited_on
            order by q.answered_on, q.response_id
        ) as turn
    from invited as i
    left join questionnaires as q
        on q.customer_id = i.customer_id
        and q.instrument = i.instrument
        and q.answered_on >= i.invited_on
        and (i.next_on is null or q.answered_on < i.next_on)
)
{%- if earlier %},
scores as (
    select customer_id, answered_on, avg(cast(score as double)) as score
    from surveys
    where item in {{ earlier | literal }}
    group by customer_id, answered_on
),
before_that as (
    select
        m.customer_id,
        m.instrument,
        m.invited_on,
        s.score,
        row_number() over (
            partition by m.customer_id, m.instrument, m.invited_on
            order by s.answered_on desc
        ) as turn
    from matched as m
    inner join scores as s
        on s.customer_id = m.customer_id and s.answered_on < m.invited_on
    where m.turn = 1
)
{%- endif %}
{%- if complaints %},
complained as (
    select m.customer_id, m.instrument, m.invited_on, count(*) as complaints
    from matched as m
    inner join complaints as x
        on x.customer_id = m.customer_id
        and x.opened_on < m.invited_on
        and datediff('day', x.opened_on, m.invited_on) <= 180
    where m.turn = 1
    group by m.customer_id, m.instrument, m.invited_on
)
{%- endif +%}
select
    m.customer_id,
    m.instrument,
    m.invited_on,
    m.response_id,
    m.answered_on
    {%- if earlier %},
    e.score as earlier_score
    {%- endif %}
    {%- if complaints %},
    coalesce(k.complaints, 0) as complaints
    {%- endif %}
    {%- for name in attributes %},
    c.{{ name | ident }} as {{ name | ident }}
    {%- endfor +%}
from matched as m
{% if earlier %}
left join before_that as e
    on e.customer_id = m.customer_id and e.instrument = m.instrument
    and e.invited_on = m.invited_on and e.turn = 1
{% endif +%}
{% if complaints %}
left join complained as k
    on k.customer_id = m.customer_id and k.instrument = m.instrument
    and k.invited_on = m.invited_on
{% endif +%}
{% if attributes %}left join customers as c on c.customer_id = m.customer_id{% endif +%}
where m.turn = 1
order by m.invited_on, m.instrument, m.customer_id
