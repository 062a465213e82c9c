-- order value of each customer by calendar month, counted back from the month of {{ window.last_day }}
select
  customer_id,
  {{ last_month }} - (year(ordered_on) * 12 + month(ordered_on)) as months_ago,
  sum(amount) as revenue
from orders
where year(ordered_on) * 12 + month(ordered_on) > {{ last_month }} - {{ months }}
group by customer_id, months_ago
order by customer_id, months_ago
