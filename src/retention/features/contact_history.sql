-- contacts with each customer as known at {{ window.cutoff }}; recent: from {{ start }} on
select
  customer_id,
  sum(case when "at" >= {{ start | literal }} then 1 else 0 end) as contacts,
  sum(case when "at" >= {{ start | literal }} and depth = 'personal' then 1 else 0 end)
    as personal_contacts,
  max("at") as last_contact_on,
  datediff('day', max("at"), {{ window.last_day | literal }}) as days_since_contact
from contacts
group by customer_id
order by customer_id
