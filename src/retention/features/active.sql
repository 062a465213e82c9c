, periods as (
    select
        customer_id, spell, started_on, follow_up as tenure, {{ as_of }} as begins
        {%- for name in pattern %}, {{ name | ident }}{% endfor +%}
    from counted
    where ended_on is null
)
