select customer_id, spell, started_on, ended_on
from islands
where started_on < {{ since }} and ended_on >= {{ since }} and ended_on < {{ before }}
order by customer_id, spell
