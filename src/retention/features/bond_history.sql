-- bonds of each customer at {{ window.cutoff }}
select customer_id, count(*) as bonds, sum(coalesce(worth, 0)) as bond_worth
from bonds
group by customer_id
order by customer_id
