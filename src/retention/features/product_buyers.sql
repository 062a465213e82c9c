-- how many customers bought each product, from {{ start }} on
select product, count(distinct customer_id) as customers
from orders
where amount > 0 and product is not null and ordered_on >= {{ start | literal }}
group by product
order by customers desc, product
limit {{ top }}
