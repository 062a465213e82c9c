-- one row a filled-in questionnaire, one column an item; reversed items are turned, answers off
-- the scale are left empty
with questionnaires as (
    select
        response_id,
        min(customer_id) as customer_id,
        min(answered_on) as answered_on,
        min(instrument) as instrument,
        min(wave) as wave,
        min(branch) as branch,
        min(employee_id) as employee_id
        {%- for item in items %},
        max(
            case
                when item = {{ item.name | literal }}
                    and score between {{ item.low | literal }} and {{ item.high | literal }}
                then {% if item.reverse %}{{ (item.low + item.high) | literal }} - {% endif %}score
            end
        ) as {{ item.name | ident }}
        {%- endfor +%}
    from surveys
    where item in {{ names | literal }}
        {% if instrument %}and instrument = {{ instrument | literal }}{% endif +%}
    group by response_id
)
select
    q.*
    {%- for name in attributes %},
    c.{{ name | ident }} as {{ name | ident }}
    {%- endfor +%}
from questionnaires as q
{% if attributes %}left join customers as c on c.customer_id = q.customer_id{% endif +%}
order by q.answered_on, q.response_id
