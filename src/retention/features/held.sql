-- What holds a customer on the first day of each unit of tenure: price gap (in steps), bonds, mood.
, priced as (
    select
        *,
        {% if like %}{% for name in like %}coalesce({{ name | ident }}, ''){{ " || '|' || " if not loop.last }}{% endfor %}

        {% else %}'all'{% endif %} as kind_of
    from contracts
    where price > 0
),
-- what is usually paid for the same
usual as (
    select kind_of, exp(avg(cast(case when price > 0 then ln(cast(price as double)) end as double))) as usual_price
    from priced
    group by kind_of
),
paid as (
    select
        p.customer_id,
        p.spell,
        p.tenure,
        case when sum(u.usual_price) > 0 and sum(c.price) > 0 then
            ln(sum(cast(c.price as double)) / sum(u.usual_price)) end as log_ratio
    from periods as p
    inner join priced as c
        on c.customer_id = p.customer_id and c.started_on <= p.begins
        and (c.ended_on is null or c.ended_on > p.begins)
    inner join usual as u on u.kind_of = c.kind_of
    group by p.customer_id, p.spell, p.tenure
),
rivals as (
    {% if rivals %}
    {% for since, until, level in rivals %}
    select {{ since | literal }} as since, {{ until | literal }} as until, {{ level | literal }} as log_index
    {{ "union all" if not loop.last }}
    {% endfor %}
    {% else %}
    select date '1000-01-01' as since, date '9000-01-01' as until, cast(0 as double) as log_index
    {% endif %}
),
{% for name, table, column, day, until in bonds %}
bond_{{ loop.index }} as (
    select distinct p.customer_id, p.spell, p.tenure
    from periods as p
    inner join {{ table }} as b
        on b.customer_id = p.customer_id and b.{{ day }} <= p.begins
        {% if until %}and (b.{{ until }} is null or b.{{ until }} > p.begins){% endif %}

    where b.{{ column }} = {{ name | literal }}
),
{% endfor %}
{% if items %}
answers as (
    select customer_id, answered_on, avg(cast(score as double)) as score
    from (
        select customer_id, answered_on, case
            {% for item, low, high, reverse in items %}
            when item = {{ item | literal }} then
                {% if reverse %}100 - {% endif %}100 * (cast(score as double) - {{ low | literal }}) * {{ (1 / (high - low)) | literal }}
            {% endfor %}
            end as score
        from surveys
        where score is not null
    )
    where score is not null
    group by customer_id, answered_on
),
moods as (
    select
        customer_id,
        answered_on as since,
        lead(answered_on) over (partition by customer_id order by answered_on) as until,
        score
    from answers
),
{% endif %}
states as (
    select
        p.customer_id,
        p.spell,
        p.tenure,
        p.event,
        {%- for name in groups %}
        p.{{ name | ident }},
        {%- endfor %}
        {%- for bond in bonds %}
        case when b{{ loop.index }}.customer_id is not null then 1 else 0 end as {{ ("bond: " ~ bond[0]) | ident }},
        {%- endfor %}
        {% if items %}
        floor(m.score * {{ (1 / mood_step) | literal }} + 0.5) * {{ mood_step }} as satisfaction,
        {% endif %}
        floor((d.log_ratio - r.log_index) * {{ (1 / step) | literal }} + 0.5) * {{ step | literal }} as gap
    from periods as p
    inner join paid as d
        on d.customer_id = p.customer_id and d.spell = p.spell and d.tenure = p.tenure
    inner join rivals as r on p.begins >= r.since and p.begins < r.until
    {% if items %}
    left join moods as m
        on m.customer_id = p.customer_id and m.since <= p.begins
        and (m.until is null or m.until > p.begins)
    {% endif %}
    {% for bond in bonds %}
    left join bond_{{ loop.index }} as b{{ loop.index }}
        on b{{ loop.index }}.customer_id = p.customer_id and b{{ loop.index }}.spell = p.spell
        and b{{ loop.index }}.tenure = p.tenure
    {% endfor %}
)
