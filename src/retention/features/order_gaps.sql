-- Gaps between days of buying; each customer's last one is open on {{ window.last_day }}.
with days as (
    select customer_id, ordered_on as day from orders where amount > 0
    group by customer_id, ordered_on
),
steps as (
    select
        day,
        lead(day) over (partition by customer_id order by day) as back
    from days
),
spells as (
    select
        0 as entry,
        datediff('day', day, coalesce(back, {{ window.last_day | literal }})) as duration,
        case when back is null then 0 else 1 end as event
    from steps
)
