-- What each customer who is here spent with us in the year before the cutoff.
with
{% if "orders" in names %}
ordered as (
    select
        customer_id,
        sum(amount) as amount,
        sum(margin) as margin,
        sum(coalesce(service_cost, 0)) as service_cost,
        sum(case when discount is not null then discount else 0 end) as discount
    from orders
    where ordered_on >= {{ since }}
    group by customer_id
),
{% endif %}
{% if "contracts" in names %}
contracted as (
    select customer_id, sum(12 * price) as amount
    from contracts
    where ended_on is null
    group by customer_id
),
{% endif %}
-- without contracts, whoever ordered within the year is here
here as (
    {% if "contracts" in names %}select customer_id from contracted
    {% else %}select customer_id from ordered{% endif %}

)
select
    h.customer_id,
    {% if "orders" in names %}cast(coalesce(o.amount, 0) as double){% else %}cast(0 as double)
    {% endif %} as ordered,
    {% if "contracts" in names %}cast(coalesce(c.amount, 0) as double){% else %}cast(0 as double)
    {% endif %} as contracted,
    {% if "orders" in names %}cast(o.margin as double){% else %}cast(null as double)
    {% endif %} as margin,
    {% if "orders" in names %}cast(coalesce(o.service_cost, 0) as double)
    {% else %}cast(0 as double){% endif %} as service_cost,
    {% if "orders" in names %}cast(coalesce(o.discount, 0) as double)
    {% else %}cast(0 as double){% endif %} as discount
from here as h
{% if "orders" in names %}left join ordered as o on o.customer_id = h.customer_id{% endif %}

{% if "contracts" in names %}left join contracted as c on c.customer_id = h.customer_id{% endif %}

order by h.customer_id
