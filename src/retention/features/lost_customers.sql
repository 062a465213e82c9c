-- One row an exit: what was told, whether and when the customer came back, what was offered, and what
-- the customer had brought in the year before. An offer dated after the return is none.
with spent as (
  select x.customer_id, x.exited_on,
{% if columns('orders') %}
    coalesce(sum(o.amount), 0) as amount
  from exits x
  left join orders o
    on o.customer_id = x.customer_id
    and o.ordered_on < x.exited_on and o.ordered_on >= x.exited_on - 365
{% else %}
    cast(0 as decimal(18, 2)) as amount
  from exits x
{% endif %}
  group by x.customer_id, x.exited_on
)
, billed as (
  select x.customer_id, x.exited_on,
{% if columns('contracts') %}
    coalesce(max(12 * c.price), 0) as price
  from exits x
  left join contracts c
    on c.customer_id = x.customer_id and c.ended_on = x.exited_on
{% else %}
    cast(0 as decimal(18, 2)) as price
  from exits x
{% endif %}
  group by x.customer_id, x.exited_on
)
, following as (
  select customer_id, exited_on,
    lead(exited_on) over (partition by customer_id order by exited_on) as next_exit_on
  from exits
)
, drawn as (
  select customer_id, exited_on,
    case when returned_on is null or offered_on <= returned_on then offered_on end as offered_on
  from exits
)
select
  x.customer_id,
  x.exited_on,
  coalesce(x.reason, 'unknown') as reason,
  x.returned_on,
  f.next_exit_on,
  cast(s.amount as double) + cast(b.price as double) as value_before,
  {{ window.whole_units_sql("x.exited_on", window.last_day | literal) }} as follow_up,
  case when x.returned_on is not null
    then {{ window.started_units_sql("x.exited_on", "x.returned_on") }} end as returned_at,
  case when d.offered_on is not null then coalesce(x.offer, 'unnamed') end as offer,
  d.offered_on,
  cast(x.offer_cost as double) as offer_cost,
  x.offer_assignment,
  {{ window.whole_units_sql("x.exited_on", "d.offered_on") }} as drawn_at,
  {{ window.whole_units_sql("d.offered_on", window.last_day | literal) }} as answer_follow_up,
  case when x.returned_on is not null
    then {{ window.started_units_sql("d.offered_on", "x.returned_on") }} end as answered_at
{% for name in attributes %}
  , c.{{ name | ident }}
{% endfor %}
from exits x
inner join spent s on s.customer_id = x.customer_id and s.exited_on = x.exited_on
inner join billed b on b.customer_id = x.customer_id and b.exited_on = x.exited_on
inner join following f on f.customer_id = x.customer_id and f.exited_on = x.exited_on
inner join drawn d on d.customer_id = x.customer_id and d.exited_on = x.exited_on
left join customers c on c.customer_id = x.customer_id
order by x.customer_id, x.exited_on
