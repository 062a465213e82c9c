{% set share = "cast(" ~ (margin_share | literal) ~ " as decimal(7, 6))" %}
-- what each customer brought and cost from {{ start }} up to, not including, {{ window.cutoff }}
with
{% if columns('orders') %}
of_orders as (
  select
    customer_id,
    sum(amount) as order_revenue,
    sum(case when margin is null then cast(amount * {{ share }} as decimal(18, 2))
        else margin end) as order_margin,
    sum(coalesce(service_cost, 0)) as service_cost,
    sum(coalesce(discount, 0)) as discount,
    sum(case when amount > 0 then 1 else 0 end) as orders,
    sum(case when amount < 0 then 1 else 0 end) as returns,
    sum(case when amount < 0 then -amount else 0 end) as returned
  from orders
  where ordered_on >= {{ start | literal }}
  group by customer_id
),
{% endif %}
{% if columns('contracts') %}
billed as (
  select
    customer_id,
    price,
    {{ begun_by_end }}
    - case when started_on < {{ start | literal }} then {{ begun_by_start }} else 0 end as months
  from contracts
  where started_on < {{ window.cutoff | literal }}
    and (ended_on is null or ended_on > {{ start | literal }})
),
of_contracts as (
  select
    customer_id,
    sum(price * months) as contract_revenue,
    sum(cast(price * months * {{ share }} as decimal(18, 2))) as contract_margin,
    sum(months) as contract_months
  from billed
  group by customer_id
),
{% endif %}
{% if columns('contacts') %}
of_contacts as (
  select customer_id, sum(coalesce(cost, 0)) as contact_cost
  from contacts
  where "at" >= {{ start | literal }}
  group by customer_id
),
{% endif %}
{% if columns('enrolments') %}
of_programmes as (
  select customer_id, sum(coalesce(cost, 0)) as programme_cost
  from enrolments
  where enrolled_on >= {{ start | literal }}
  group by customer_id
),
{% endif %}
{% if columns('complaints') %}
of_complaints as (
  select
    customer_id,
    count(*) as complaints,
    count(*) * cast({{ complaint_cost | literal }} as decimal(18, 2)) as complaint_cost
  from complaints
  where opened_on >= {{ start | literal }}
  group by customer_id
),
{% endif %}
ids as (
  select customer_id from customers
)
select
  ids.customer_id,
{% if columns('orders') %}
  coalesce(o.order_revenue, 0) as order_revenue,
  coalesce(o.order_margin, 0) as order_margin,
  coalesce(o.service_cost, 0) as service_cost,
  coalesce(o.discount, 0) as discount,
  coalesce(o.orders, 0) as orders,
  coalesce(o.returns, 0) as returns,
  coalesce(o.returned, 0) as returned,
{% endif %}
{% if columns('contracts') %}
  coalesce(c.contract_revenue, 0) as contract_revenue,
  coalesce(c.contract_margin, 0) as contract_margin,
  coalesce(c.contract_months, 0) as contract_months,
{% endif %}
{% if columns('contacts') %}
  coalesce(t.contact_cost, 0) as contact_cost,
{% endif %}
{% if columns('enrolments') %}
  coalesce(p.programme_cost, 0) as programme_cost,
{% endif %}
{% if columns('complaints') %}
  coalesce(m.complaint_cost, 0) as complaint_cost,
{% endif %}
  case when 1 = 1
{% if columns('orders') %}
    and o.customer_id is null
{% endif %}
{% if columns('contracts') %}
    and coalesce(c.contract_months, 0) = 0
{% endif %}
  then 0 else 1 end as traded
from ids
{% if columns('orders') %}
left join of_orders o on o.customer_id = ids.customer_id
{% endif %}
{% if columns('contracts') %}
left join of_contracts c on c.customer_id = ids.customer_id
{% endif %}
{% if columns('contacts') %}
left join of_contacts t on t.customer_id = ids.customer_id
{% endif %}
{% if columns('enrolments') %}
left join of_programmes p on p.customer_id = ids.customer_id
{% endif %}
{% if columns('complaints') %}
left join of_complaints m on m.customer_id = ids.customer_id
{% endif %}
order by ids.customer_id
