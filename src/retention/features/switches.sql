-- How often one brand followed another, within customers.
with bought as (
    select
        customer_id,
        alternative as after,
        lag(alternative) over (
            partition by customer_id
            order by {% if dated %}decided_on, {% endif %}length(occasion), occasion
        ) as before
    from choices
    where chosen
),
pairs as (
    select customer_id, before, after from bought where before is not null
)
select
    before,
    after,
    count(*) as n,
    (select count(distinct customer_id) from pairs) as customers
from pairs
group by before, after
order by before, after
