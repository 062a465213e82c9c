{% if one_contract_each %}
-- No customer has two contracts: each is a spell.
with islands as (
    select
        customer_id,
        1 as spell,
        started_on,
        ended_on
        {%- for name in from_contracts %},
        {{ name | ident }}
        {%- endfor +%}
    from contracts
)
{% else %}
-- Contracts that overlap, or follow each other within the grace, are one spell.
with contract_rows as (
    select
        customer_id,
        started_on,
        coalesce(ended_on, {{ unknown_from }}) as ended_on,
        case when ended_on is null then 1 else 0 end as is_open
        {%- for name in from_contracts %},
        {{ name | ident }}
        {%- endfor +%}
    from contracts
),
covered as (
    select
        *,
        max(ended_on) over (
            partition by customer_id order by started_on, ended_on
            {%- for name in from_contracts %}, {{ name | ident }}{% endfor +%}
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from contract_rows
),
opening as (
    select
        *,
        case when covered_until is null or started_on > covered_until + {{ grace_days }}
            then 1 else 0 end as opens
    from covered
),
numbered as (
    select
        *,
        sum(opens) over (
            partition by customer_id order by started_on, ended_on
            {%- for name in from_contracts %}, {{ name | ident }}{% endfor +%}
            rows between unbounded preceding and current row
        ) as spell
    from opening
),
islands as (
    select
        customer_id,
        cast(spell as integer) as spell,
        min(started_on) as started_on,
        case when max(is_open) = 1 then null else max(ended_on) end as ended_on
        {%- for name in from_contracts %},
        max(case when opens = 1 then {{ name | ident }} end) as {{ name | ident }}
        {%- endfor +%}
    from numbered
    group by customer_id, spell
)
{% endif %}
