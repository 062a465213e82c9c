-- Days of buying that follow each other within {{ days }} days are one stay.
with days as (
    select customer_id, ordered_on as day from orders where amount > 0
    group by customer_id, ordered_on
),
steps as (
    select
        customer_id,
        day,
        lag(day) over (partition by customer_id order by day) as before
    from days
),
numbered as (
    select
        customer_id,
        day,
        sum(case when before is null or day > before + {{ days }} then 1 else 0 end) over (
            partition by customer_id order by day
            rows between unbounded preceding and current row
        ) as stay
    from steps
),
stays as (
    select customer_id, stay, min(day) as first_day, max(day) as last_day
    from numbered
    group by customer_id, stay
)
select
    s.customer_id,
    -- who was won before the orders begin, and bought as soon as they do, may have bought all along
    case when s.stay = 1 and c.acquired_on < {{ orders_begin | literal }}
            and s.first_day <= {{ orders_begin | literal }} + {{ days }}
        then c.acquired_on else s.first_day end as started_on,
    case when s.last_day + {{ ends_after }} < {{ window.cutoff | literal }}
        then s.last_day + {{ ends_after }} end as ended_on
from stays as s
left join customers as c on c.customer_id = s.customer_id
where s.first_day < {{ window.cutoff | literal }}
