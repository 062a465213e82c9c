-- What had been built for the customer, and what it had taught us, on the first day of each unit
-- of tenure; counted with stays and leavings.
{% if built %}
, built as (
    select p.customer_id, p.spell, p.tenure, count(*) as n
    from periods as p
    inner join bonds as b on b.customer_id = p.customer_id and b.since <= p.begins
    {% if kinds %}where b.kind in {{ kinds | literal }}{% endif %}

    group by p.customer_id, p.spell, p.tenure
)
{% endif %}
{% if contacts %}
, talked as (
    select p.customer_id, p.spell, p.tenure, count(*) as n
    from periods as p
    inner join contacts as c
        on c.customer_id = p.customer_id and c.at < p.begins and c.at >= p.begins - 365
    {% if depth %}where c.depth = 'personal'{% endif %}

    group by p.customer_id, p.spell, p.tenure
)
{% endif %}
{% if surveys %}
, answered as (
    select p.customer_id, p.spell, p.tenure, count(distinct s.answered_on) as n
    from periods as p
    inner join surveys as s
        on s.customer_id = p.customer_id and s.answered_on < p.begins
        and s.answered_on >= p.begins - 365
    group by p.customer_id, p.spell, p.tenure
)
{% endif %}
, states as (
    select
        p.tenure,
        p.event
        {%- for name in groups %},
        p.{{ name | ident }}
        {%- endfor %}
        {%- for name, source in parts %},
        least(coalesce({{ source }}.n, 0), 5) as {{ name | ident }}
        {%- endfor %}

    from periods as p
    {% for name, source in parts %}
    left join {{ source }} on {{ source }}.customer_id = p.customer_id
        and {{ source }}.spell = p.spell and {{ source }}.tenure = p.tenure
    {% endfor %}
)
select
    {%- for name in keys %}
    {{ name | ident }},
    {%- endfor %}
    count(*) as n,
    sum(event) as events
from states
group by {% for name in keys %}{{ name | ident }}{{ ", " if not loop.last }}{% endfor %}

order by {% for name in keys %}{{ name | ident }}{{ ", " if not loop.last }}{% endfor %}

