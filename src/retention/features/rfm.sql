{% if netted %}
, sent_back as (
  select
    customer_id,
    ordered_on,
    amount
{% if 'margin' in columns('orders') %}
    , margin
{% endif %}
  from orders
  where amount < 0
),
second_days as (
  select o.customer_id, min(o.ordered_on) as second_on
  from orders o
  join histories h on h.customer_id = o.customer_id
  where o.amount >= 0 and o.ordered_on > h.first_on
    and o.customer_id in (select customer_id from sent_back)
  group by o.customer_id
),
returned as (
  -- a return belongs to the last purchase before it; here only: to the first, or to a repeat one
  select
    b.customer_id,
    {{ cents('sum(case when b.ordered_on >= s.second_on then b.amount else 0 end)') }} as of_repeats,
    {{ cents(
      'sum(case when s.second_on is null or b.ordered_on < s.second_on then b.amount else 0 end)'
    ) }} as of_first
{% if 'margin' in columns('orders') %}
    , {{ cents('sum(b.margin)') }} as margin
    , {{ cents('sum(case when b.margin is not null then b.amount else 0 end)') }} as margin_value
{% endif %}
  from sent_back b
  join histories h on h.customer_id = b.customer_id
  left join second_days s on s.customer_id = b.customer_id
  where b.ordered_on >= h.first_on
  group by b.customer_id
)
{% endif %}
{% if regularity %}
, intervals as (
  select
    customer_id,
    datediff('day',
      lag(ordered_on) over (partition by customer_id order by ordered_on), ordered_on) as days
  from purchase_days
),
log_days as (
  select customer_id,
    sum(cast(case when days > 0 then ln(days) end as decimal(18, 10))) as log_days
  from intervals
  where days > 0
  group by customer_id
)
{% endif %}
{% if 'paid_on' in columns('orders') %}
, payments as (
  select
    customer_id,
    sum(cast(amount as double) * datediff('day', ordered_on, paid_on)) as money_days,
    sum(amount) as paid
  from orders
  where amount > 0 and paid_on is not null
  group by customer_id
)
{% endif %}
select
  h.customer_id,
  h.days - 1 as frequency,
  datediff('day', h.first_on, h.last_on) as recency_days,
  datediff('day', h.first_on, {{ window.last_day | literal }}) as t_days,
  h.first_on,
  h.last_on,
{% if netted %}
  {{ money('h.value + coalesce(r.of_repeats, 0) + coalesce(r.of_first, 0)') }} as revenue,
  {{ money('h.first_value + coalesce(r.of_first, 0)') }} as first_value,
  {{ money('h.value - h.first_value + coalesce(r.of_repeats, 0)') }} as repeat_value
{% else %}
  {{ money('h.value') }} as revenue,
  {{ money('h.first_value') }} as first_value,
  {{ money('h.value - h.first_value') }} as repeat_value
{% endif %}
{% if 'margin' in columns('orders') %}
{% if netted %}
  , {{ money('coalesce(h.margin, 0) + coalesce(r.margin, 0)') }} as margin
  , {{ money('h.margin_value + coalesce(r.margin_value, 0)') }} as margin_revenue
{% else %}
  , {{ money('coalesce(h.margin, 0)') }} as margin
  , {{ money('h.margin_value') }} as margin_revenue
{% endif %}
{% endif %}
{% if 'service_cost' in columns('orders') %}
  , {{ money('coalesce(h.service_cost, 0)') }} as service_cost
{% endif %}
{% if regularity %}
  , coalesce(l.log_days, 0) as log_days
{% endif %}
{% if 'paid_on' in columns('orders') %}
  , p.money_days / nullif(cast(p.paid as double), 0) as days_to_pay
{% endif %}
{% if columns('customers') %}
  , case when c.customer_id is not null then 1 else 0 end as entered_before
{% endif %}
from histories h
{% if netted %}
left join returned r on r.customer_id = h.customer_id
{% endif %}
{% if regularity %}
left join log_days l on l.customer_id = h.customer_id
{% endif %}
{% if 'paid_on' in columns('orders') %}
left join payments p on p.customer_id = h.customer_id
{% endif %}
{% if columns('customers') %}
left join (
  select customer_id from customers where acquired_on < {{ window.start | literal }}
) c on c.customer_id = h.customer_id
{% endif %}
order by h.customer_id
