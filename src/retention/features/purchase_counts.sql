select
  days - 1 as frequency,
  datediff('day', first_on, last_on) as recency_days,
  datediff('day', first_on, {{ window.last_day | literal }}) as t_days,
  count(*) as customers
from histories
group by
  days - 1,
  datediff('day', first_on, last_on),
  datediff('day', first_on, {{ window.last_day | literal }})
order by frequency, recency_days, t_days
