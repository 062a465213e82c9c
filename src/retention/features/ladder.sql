-- Each customer's latest answers to items of a construct; unanswered items are left out.
with answered as (
    select
        customer_id,
        item,
        score,
        row_number() over (
            partition by customer_id, item order by answered_on desc, response_id desc
        ) as newest
    from surveys
    where item in {{ items | literal }} and score is not null
)
select customer_id, item, cast(score as double) as score
from answered
where newest = 1
order by customer_id, item
