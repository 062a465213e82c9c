-- mean answer of the staff by branch and half year
select
    e.branch,
    year(s.answered_on) as year,
    case when month(s.answered_on) <= 6 then 1 else 2 end as half,
    avg(cast(s.score as double)) as staff_satisfaction,
    count(distinct s.employee_id) as staff_answers
from staff_surveys as s
inner join employees as e on e.employee_id = s.employee_id
where s.score is not null and e.branch is not null
group by e.branch, year(s.answered_on), case when month(s.answered_on) <= 6 then 1 else 2 end
order by e.branch, year, half
