-- days on which each customer bought from {{ start }} up to, not including, {{ end }}
select customer_id, count(distinct ordered_on) as purchases
from orders
where amount >= 0
  and ordered_on >= {{ start | literal }}
  and ordered_on < {{ end | literal }}
group by customer_id
order by customer_id
