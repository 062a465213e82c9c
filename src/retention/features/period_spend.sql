-- One row a customer and pattern of covariates: days spent in it, and what was ordered in them. The
-- last period of a stay has no end of its own and is left out.
, dated as (
    select
        *,
        lead(begins) over (partition by customer_id, spell order by tenure) as until
    from known
)
, bought as (
    select
        p.customer_id, p.spell, p.tenure,
        count(*) as orders, sum(o.amount) as spend
    from dated as p
    inner join orders as o
        on o.customer_id = p.customer_id and o.amount > 0
        and o.ordered_on >= p.begins and o.ordered_on < p.until
    group by p.customer_id, p.spell, p.tenure
)
select
    p.customer_id
    {%- for name in columns_out %}, p.{{ name | ident }}{% endfor %},
    count(*) as periods,
    sum(datediff('day', p.begins, p.until)) as days,
    coalesce(sum(b.orders), 0) as orders,
    cast(coalesce(sum(b.spend), 0) as double) as spend
from dated as p
left join bought as b
    on b.customer_id = p.customer_id and b.spell = p.spell and b.tenure = p.tenure
where p.until is not null
group by p.customer_id{% for name in columns_out %}, p.{{ name | ident }}{% endfor +%}
order by p.customer_id{% for name in columns_out %}, p.{{ name | ident }}{% endfor +%}
