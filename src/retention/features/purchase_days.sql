{% macro cents(sum) -%}
  {#- all money is in cents up to the last select: whole numbers add up exactly as doubles, to 90
      million million of money a customer, in half the memory of decimals -#}
  cast({{ sum }} * 100 as double)
{%- endmacro -%}
{% macro money(cents) -%}
  cast({{ cents }} as double) / 100
{%- endmacro -%}
-- days on which a customer bought, as known at {{ window.cutoff }}; orders of one day are one purchase
with purchase_days as (
  select
    customer_id,
    ordered_on,
    {{ cents('sum(amount)') }} as value
{% if 'margin' in columns('orders') %}
    , {{ cents('sum(margin)') }} as margin
    , {{ cents('sum(case when margin is not null then amount else 0 end)') }} as margin_value
{% endif %}
{% if 'service_cost' in columns('orders') %}
    , {{ cents('sum(service_cost)') }} as service_cost
{% endif %}
  from orders
  where amount >= 0
  group by customer_id, ordered_on
),
histories as (
  select
    customer_id,
    min(ordered_on) as first_on,
    max(ordered_on) as last_on,
    count(*) as days,
    sum(value) as value,
    arg_min(value, ordered_on) as first_value
{% if 'margin' in columns('orders') %}
    , sum(margin) as margin
    , sum(margin_value) as margin_value
{% endif %}
{% if 'service_cost' in columns('orders') %}
    , sum(service_cost) as service_cost
{% endif %}
  from purchase_days
  group by customer_id
  having 1 = 1
{% if acquired_from %}
    and min(ordered_on) >= {{ acquired_from | literal }}
{% endif %}
{% if acquired_before %}
    and min(ordered_on) < {{ acquired_before | literal }}
{% endif %}
)
