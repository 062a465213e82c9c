select
    customer_id, spell, tenure - 1 as start, tenure as stop, begins, event
    {%- for name in columns_out %}, {{ name | ident }}{% endfor +%}
from known
order by customer_id, spell, stop
