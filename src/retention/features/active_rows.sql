select
    customer_id, spell, started_on, tenure
    {%- for name in columns_out %}, {{ name | ident }}{% endfor +%}
    {%- if terms %}, monthly_price, contract_age, renewal_term{% endif +%}
from known
order by customer_id, spell
