select
    customer_id,
    spell,
    started_on,
    case when event = 1 then ended_on end as ended_on,
    entry,
    duration,
    event
    {%- if with_reason %},
    case when event = 1 then reason end as reason
    {%- endif +%}
    {%- for name in pattern %},
    {{ name | ident }}
    {%- endfor +%}
from spells
order by customer_id, spell
