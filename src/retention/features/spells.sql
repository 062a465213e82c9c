-- One row a spell. Tenure counts from its first day; it is at risk at tenure t if
-- entry < t <= duration. What left in the last, unfinished unit is still counted as here.
{%- if with_reason +%}
-- the last exit told during the spell, or up to {{ reason_days }} days after its end
, told as (
    select
        i.customer_id,
        i.spell,
        coalesce(max(e.reason), 'unknown') as reason
    from islands as i
    inner join (
        select
            j.customer_id,
            j.spell,
            max(x.exited_on) as exited_on
        from islands as j
        inner join exits as x
            on x.customer_id = j.customer_id
            and x.exited_on > j.started_on
            and x.exited_on <= j.ended_on + {{ reason_days }}
        group by j.customer_id, j.spell
    ) as last_exit on last_exit.customer_id = i.customer_id and last_exit.spell = i.spell
    inner join exits as e
        on e.customer_id = i.customer_id and e.exited_on = last_exit.exited_on
    group by i.customer_id, i.spell
)
{%- endif +%}
, counted as (
    select
        i.customer_id,
        i.spell,
        i.started_on,
        i.ended_on,
        {{ window.whole_units_sql("i.started_on", last_day) }} as follow_up,
        case when i.ended_on <= {{ last_day }}
            then {{ window.started_units_sql("i.started_on", "i.ended_on") }} end as left_at,
        case when i.started_on < {{ observed_from }}
            then {{ window.started_units_sql("i.started_on", observed_from) }} else 0 end as entry
        {%- for name in from_contracts %},
        i.{{ name | ident }}
        {%- endfor +%}
        {%- for name in from_customers %},
        c.{{ name | ident }}
        {%- endfor +%}
        {%- if with_reason %},
        coalesce(t.reason, 'unknown') as reason
        {%- endif +%}
        {%- if cohort_months %},
        cast(floor((year(i.started_on) * 12 + month(i.started_on) - 1) / {{ cohort_months }})
            as integer) as cohort
        {%- endif +%}
    from islands as i
    {%- if from_customers +%}
    left join customers as c on c.customer_id = i.customer_id
    {%- endif +%}
    {%- if with_reason +%}
    left join told as t on t.customer_id = i.customer_id and t.spell = i.spell
    {%- endif +%}
    where i.started_on <= {{ last_day }}
),
ended as (
    select
        *,
        case when left_at <= follow_up then left_at else follow_up end as duration,
        case when left_at <= follow_up then 1 else 0 end as event
    from counted
),
spells as (
    select *
    from ended
    where duration > entry or (duration = 0 and entry = 0)
)
