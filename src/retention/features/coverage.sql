-- rows, customers, first and last day, and how many rows know each column of {{ table }}
select
  count(*) as total,
{% if has_customer %}
  count(distinct customer_id) as customers,
{% endif %}
{% if dated %}
  min({{ dated | ident }}) as first_on,
  max({{ dated | ident }}) as last_on,
{% endif %}
{% for column in known %}
  count({{ column | ident }}) as {{ ('known_' ~ loop.index0) | ident }}{{ ',' if not loop.last }}
{% endfor %}
from {{ table | ident }}
order by total
