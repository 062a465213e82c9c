-- The customers who are here, as they are in the unit now running.
select customer_id, {% for name in keys %}{{ name | ident }}{{ ", " if not loop.last }}{% endfor %}

from states
order by customer_id
