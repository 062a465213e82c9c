-- spells that are alike are counted first: all that follows is small, however many spells there are
, alike as (
    select
        {%- for name in pattern %} {{ name | ident }}, {% endfor +%}
        entry, duration, event{% if causes %}, reason{% endif %}, count(*) as n
    from spells
    group by {% for name in pattern %}{{ name | ident }}, {% endfor %}entry, duration, event
        {%- if causes %}, reason{% endif +%}
),
moves as (
    select
        {%- for name in pattern %} {{ name | ident }}, {% endfor +%}
        entry as tenure, n as entered, 0 as censored, 0 as events
        {%- for cause in causes %}, 0 as {{ ("events_" ~ cause) | ident }}{% endfor +%}
    from alike
    union all
    select
        {%- for name in pattern %} {{ name | ident }}, {% endfor +%}
        duration as tenure, 0 as entered, n * (1 - event) as censored, n * event as events
        {%- for cause in causes %},
        case when event = 1 and reason = {{ cause | literal }} then n else 0 end
            as {{ ("events_" ~ cause) | ident }}
        {%- endfor +%}
    from alike
),
sums as (
    select
        {%- for name in pattern %} {{ name | ident }}, {% endfor +%}
        tenure,
        sum(entered) as entered,
        sum(censored) as censored,
        sum(events) as events
        {%- for cause in causes %},
        sum({{ ("events_" ~ cause) | ident }}) as {{ ("events_" ~ cause) | ident }}
        {%- endfor +%}
    from moves
    group by {% for name in pattern %}{{ name | ident }}, {% endfor %}tenure
)
select
    {%- for name in pattern %} {{ name | ident }}, {% endfor +%}
    tenure,
    case when tenure = 0 then 0 else
        sum(entered - events - censored) over (
            {%- if pattern +%}
            partition by {% for name in pattern %}{{ name | ident }}{{ ", " if not loop.last }}{% endfor +%}
            {%- endif +%}
            order by tenure rows between unbounded preceding and current row
        ) - entered + events + censored
    end as at_risk,
    entered,
    censored,
    events
    {%- for cause in causes %},
    {{ ("events_" ~ cause) | ident }}
    {%- endfor +%}
from sums
order by {% for name in pattern %}{{ name | ident }}, {% endfor %}tenure
