-- what each customer did in the days before {{ window.cutoff }}, in windows of {{ starts | length }} lengths
with ids as (
  select customer_id from customers
)
{% if columns('orders') %}
, of_orders as (
  select
    customer_id,
{% for days, start in starts %}
    sum(case when ordered_on >= {{ start | literal }} and amount > 0 then 1 else 0 end)
      as orders_{{ days }},
    sum(case when ordered_on >= {{ start | literal }} and amount < 0 then 1 else 0 end)
      as returns_{{ days }},
    sum(case when ordered_on >= {{ start | literal }} then amount
        else cast(0 as decimal(18, 2)) end) as amount_{{ days }},
{% endfor %}
    max(case when amount > 0 then ordered_on end) as last_order_on
  from orders
  group by customer_id
)
{% endif %}
{% if columns('contacts') %}
, of_contacts as (
  select
    customer_id,
{% for days, start in starts %}
    sum(case when "at" >= {{ start | literal }} then 1 else 0 end) as contacts_{{ days }},
{% endfor %}
    max("at") as last_contact_on
  from contacts
  group by customer_id
)
{% endif %}
{% if columns('complaints') %}
, of_complaints as (
  select
    customer_id,
{% for days, start in starts %}
    sum(case when opened_on >= {{ start | literal }} then 1 else 0 end) as complaints_{{ days }},
{% endfor %}
    max(opened_on) as last_complaint_on
  from complaints
  group by customer_id
)
{% endif %}
select
  ids.customer_id
{% if columns('orders') %}
{% for days, start in starts %}
  , coalesce(o.orders_{{ days }}, 0) as orders_{{ days }}
  , coalesce(o.returns_{{ days }}, 0) as returns_{{ days }}
  , coalesce(o.amount_{{ days }}, cast(0 as decimal(18, 2))) as amount_{{ days }}
{% endfor %}
  , o.last_order_on
{% endif %}
{% if columns('contacts') %}
{% for days, start in starts %}
  , coalesce(t.contacts_{{ days }}, 0) as contacts_{{ days }}
{% endfor %}
  , t.last_contact_on
{% endif %}
{% if columns('complaints') %}
{% for days, start in starts %}
  , coalesce(m.complaints_{{ days }}, 0) as complaints_{{ days }}
{% endfor %}
  , m.last_complaint_on
{% endif %}
from ids
{% if columns('orders') %}
left join of_orders o on o.customer_id = ids.customer_id
{% endif %}
{% if columns('contacts') %}
left join of_contacts t on t.customer_id = ids.customer_id
{% endif %}
{% if columns('complaints') %}
left join of_complaints m on m.customer_id = ids.customer_id
{% endif %}
order by ids.customer_id
