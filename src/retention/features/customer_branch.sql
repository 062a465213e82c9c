-- the branch that serves each customer: that of most orders, else of most answers
with seen as (
    {% if orders %}
    select customer_id, branch, 1 as source from orders where branch is not null
    {% endif %}
    {%- if orders and surveys %} union all {% endif %}
    {%- if surveys %}
    select customer_id, branch, 2 as source from surveys where branch is not null
    {% endif +%}
),
counted as (
    select customer_id, branch, source, count(*) as times
    from seen
    group by customer_id, branch, source
),
ranked as (
    select
        customer_id,
        branch,
        row_number() over (
            partition by customer_id order by source, times desc, branch
        ) as turn
    from counted
)
select customer_id, branch from ranked where turn = 1 order by customer_id
