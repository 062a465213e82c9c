-- One row an alternative on offer, occasions numbered in time. Where the day of the decision is
-- not known, occasions run in the order of their names, shorter names first.
select
    customer_id,
    dense_rank() over (
        partition by customer_id
        order by {% if dated %}decided_on, {% endif %}length(occasion), occasion
    ) as occasion,
    alternative,
    chosen,
    cast(price as double) as price
    {%- for name in attributes %},
    cast({{ name | ident }} as double) as {{ name | ident }}
    {%- endfor %}

from choices
order by customer_id, occasion, alternative
