-- What was known of each customer before a day: {{ rows }} has customer_id, spell, tenure, begins.
{% for d in drivers %}
, {{ ("known_" ~ d.name) | ident }} as (
{% if d.kind == "last" %}
    select p.customer_id, p.spell, p.tenure, arg_max(x.value, x.day) as value
    from {{ rows }} as p
    inner join (
        select customer_id, {{ d.day | ident }} as day,
            cast(sum({{ d.value_sql }}) as double) / count(*) as value
        from {{ d.table | ident }}
        where ({{ d.value_sql }}) is not null{% if d.where %} and ({{ d.where }}){% endif +%}
        group by customer_id, {{ d.day | ident }}
    ) as x
        on x.customer_id = p.customer_id
        and x.day < p.begins - {{ d.lag_days }}
        and x.day >= p.begins - {{ d.lag_days + d.days }}
{% else %}
    select p.customer_id, p.spell, p.tenure, count(*) as value
    from {{ rows }} as p
    inner join {{ d.table | ident }} as x
        on x.customer_id = p.customer_id
        and x.{{ d.day | ident }} < p.begins - {{ d.lag_days }}
{% if d.kind == "count" %}
        and x.{{ d.day | ident }} >= p.begins - {{ d.lag_days + d.days }}
{% elif d.until %}
        and (x.{{ d.until | ident }} is null or x.{{ d.until | ident }} >= p.begins - {{ d.lag_days }})
{% endif %}
{% if d.where %}
    where {{ d.where }}
{% endif %}
{% endif %}
    group by p.customer_id, p.spell, p.tenure
)
{% endfor %}
{% if terms %}
-- the contract that was running: its price against the mean of its product, and its renewal
, prices as (
    select product, cast(sum(price) as double) / count(*) as price
    from contracts where price > 0 group by product
)
, running as (
    select
        p.customer_id, p.spell, p.tenure,
        sum(x.price) as price,
        max({{ window.whole_units_sql("x.started_on", "p.begins") }}) as contract_age,
        max(x.renewal_term) as renewal_term,
        max(case when x.price > 0 and m.price > 0
            then round(ln(cast(x.price as double) / m.price) * 10) end) as price_gap,
        max(case when x.renewal_term > 0
            and ({{ window.whole_units_sql("x.started_on", "p.begins") }} + 1) % x.renewal_term = 0
            then 1 else 0 end) as renewal_due
    from {{ rows }} as p
    inner join contracts as x
        on x.customer_id = p.customer_id
        and x.started_on <= p.begins
        and (x.ended_on is null or x.ended_on > p.begins)
    left join prices as m on m.product = x.product
    group by p.customer_id, p.spell, p.tenure
)
{% endif %}
, known as (
    select
        p.*
{% for d in drivers %}
{% if d.kind == "last" %}
        , case when {{ ("known_" ~ d.name) | ident }}.value is null then 'unknown'
{% for limit, label in d.bands %}
            when {{ ("known_" ~ d.name) | ident }}.value < {{ limit }} then {{ label | literal }}
{% endfor %}
            else {{ d.top_band | literal }} end as {{ d.name | ident }}
{% else %}
        , least(coalesce({{ ("known_" ~ d.name) | ident }}.value, 0), {{ d.most }}) as {{ d.name | ident }}
{% endif %}
{% endfor %}
{% if terms %}
        , running.price as monthly_price
        , running.contract_age
        , running.renewal_term
        , coalesce(running.price_gap, 0) as price_gap
        , coalesce(running.renewal_due, 0) as renewal_due
{% endif %}
    from {{ rows }} as p
{% for d in drivers %}
    left join {{ ("known_" ~ d.name) | ident }}
        on {{ ("known_" ~ d.name) | ident }}.customer_id = p.customer_id
        and {{ ("known_" ~ d.name) | ident }}.spell = p.spell
        and {{ ("known_" ~ d.name) | ident }}.tenure = p.tenure
{% endfor %}
{% if terms %}
    left join running
        on running.customer_id = p.customer_id
        and running.spell = p.spell
        and running.tenure = p.tenure
{% endif %}
)
