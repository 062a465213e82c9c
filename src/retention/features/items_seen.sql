-- which items were answered, how often, and how often off the scale of the project
select
    s.item,
    count(s.score) as answers,
    min(s.score) as lowest,
    max(s.score) as highest
    {%- if bounds %},
    sum(
        case
            {%- for item in bounds %}
            when s.item = {{ item.name | literal }}
                and (s.score < {{ item.low | literal }} or s.score > {{ item.high | literal }})
            then 1
            {%- endfor %}
            else 0
        end
    ) as off_scale
    {%- endif +%}
from surveys as s
{% if instrument %}where s.instrument = {{ instrument | literal }}{% endif +%}
group by s.item
order by s.item
