-- Each customer's spend with us and in all, by period, in time.
select
    customer_id,
    period,
    cast(own_spend as double) as own_spend,
    cast(category_spend as double) as category_spend,
    main_rival,
    suppliers,
    rank
from wallet
where category_spend > 0
order by customer_id, period
