select
    tenure - 1 as start, tenure as stop
    {%- for name in columns_out %}, {{ name | ident }}{% endfor +%},
    count(*) as n, sum(event) as events
from known
group by tenure{% for name in columns_out %}, {{ name | ident }}{% endfor +%}
order by tenure{% for name in columns_out %}, {{ name | ident }}{% endfor +%}
