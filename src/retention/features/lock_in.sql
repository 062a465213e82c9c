-- Counted by tenure, price gap, bonds and groups.
select
    {%- for name in keys %}
    {{ name | ident }},
    {%- endfor %}
    count(*) as n,
    sum(event) as events
from states
group by {% for name in keys %}{{ name | ident }}{{ ", " if not loop.last }}{% endfor %}

order by {% for name in keys %}{{ name | ident }}{{ ", " if not loop.last }}{% endfor %}

