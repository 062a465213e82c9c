-- staff of each branch by half year: headcount on its first day, who left in it
with halves as (
    select distinct year(answered_on) as year, case when month(answered_on) <= 6 then 1 else 2 end as half
    from staff_surveys
),
spans as (
    select
        year,
        half,
        make_date(year, case when half = 1 then 1 else 7 end, 1) as first_day,
        make_date(case when half = 1 then year else year + 1 end, case when half = 1 then 7 else 1 end, 1)
            as next_day
    from halves
)
select
    e.branch,
    s.year,
    s.half,
    sum(case when e.joined_on <= s.first_day then 1 else 0 end) as headcount,
    sum(
        case when e.left_on >= s.first_day and e.left_on < s.next_day then 1 else 0 end
    ) as leavers
from spans as s
inner join employees as e
    on e.joined_on < s.next_day and (e.left_on is null or e.left_on >= s.first_day)
where e.branch is not null
group by e.branch, s.year, s.half
order by e.branch, s.year, s.half
