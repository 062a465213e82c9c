select
    count(*) as n,
    coalesce(sum(event), 0) as n_events,
    coalesce(sum(case when entry > 0 then 1 else 0 end), 0) as n_truncated,
    count(distinct customer_id) as n_customers,
    min(started_on) as first_start,
    min(case when event = 1 then ended_on end) as first_event,
    max(case when event = 1 then ended_on end) as last_event
from spells
