-- One row a quote or tender whose best rival price was learned. Where the table does not say who
-- was the incumbent, we were if a contract was running on the day, or an earlier quote was won.
with marked as (
    select
        q.customer_id,
        q.quoted_on,
        cast(q.our_price as double) as our_price,
        cast(q.best_rival_price as double) as best_rival_price,
        q.won,
        coalesce(
            q.incumbent,
            {% if "contracts" in names %}exists (
                select 1 from contracts as c
                where c.customer_id = q.customer_id and c.started_on < q.quoted_on
                    and (c.ended_on is null or c.ended_on > q.quoted_on)
            ) or {% endif %}coalesce(max(case when q.won then 1 else 0 end) over (
                partition by q.customer_id order by q.quoted_on
                range between unbounded preceding and 1 preceding
            ), 0) = 1
        ) as incumbent
    from quotes as q
)
select
    customer_id,
    quoted_on,
    our_price,
    best_rival_price,
    cast(our_price as double) / nullif(best_rival_price, 0) - 1 as gap,
    incumbent,
    won
from marked
where our_price > 0 and best_rival_price > 0 and won is not null
order by customer_id, quoted_on, our_price
