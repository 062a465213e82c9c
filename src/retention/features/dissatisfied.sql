-- answers at or below a score, and whether a case was opened by the same customer near the answer
with answers as (
    select
        customer_id,
        response_id,
        min(answered_on) as answered_on,
        min(wave) as wave,
        avg(cast(score as double)) as score
    from surveys
    where item = {{ item.name | literal }}
        and score between {{ item.low | literal }} and {{ item.high | literal }}
    group by customer_id, response_id
)
select
    a.customer_id,
    a.response_id,
    a.answered_on,
    a.wave,
    a.score,
    count(k.complaint_id) as complaints
from answers as a
left join complaints as k
    on k.customer_id = a.customer_id
    and datediff('day', a.answered_on, k.opened_on) <= {{ days | literal }}
    and datediff('day', k.opened_on, a.answered_on) <= {{ days | literal }}
where datediff('day', a.answered_on, {{ window.cutoff | literal }}) > {{ days | literal }}
group by a.customer_id, a.response_id, a.answered_on, a.wave, a.score
order by a.customer_id, a.answered_on, a.response_id
