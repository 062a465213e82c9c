-- What each customer would lose by leaving, by kind of bond.
select customer_id, {{ kind | ident }} as kind, cast(sum(worth) as double) as worth
from bonds
where worth > 0 and {{ kind | ident }} is not null
group by customer_id, {{ kind | ident }}
order by customer_id, kind
