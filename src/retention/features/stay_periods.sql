-- One row a stay and unit of tenure at risk (or, for those who are here, the unit now running),
-- with the day on which it begins.
, units as (
    {% if running %}
    select *, duration + 1 as tenure
    from spells
    where ended_on is null
    {% else %}
    select *, unnest(generate_series(entry + 1, duration)) as tenure
    from spells
    where duration > entry
    {% endif %}
),
periods as (
    select
        customer_id,
        spell,
        tenure,
        case when event = 1 and tenure = duration then 1 else 0 end as event,
        {% if months %}
        make_date(
            cast(floor((year(started_on) * 12 + month(started_on) - 1 + (tenure - 1) * {{ months }}) / 12) as integer),
            cast((year(started_on) * 12 + month(started_on) - 1 + (tenure - 1) * {{ months }}) % 12 + 1 as integer),
            least(
                day(started_on),
                day(last_day(make_date(
                    cast(floor((year(started_on) * 12 + month(started_on) - 1 + (tenure - 1) * {{ months }}) / 12) as integer),
                    cast((year(started_on) * 12 + month(started_on) - 1 + (tenure - 1) * {{ months }}) % 12 + 1 as integer),
                    1
                )))
            )
        )
        {% else %}
        started_on + cast((tenure - 1) * {{ days }} as integer)
        {% endif %} as begins
        {%- for name in pattern %},
        {{ name | ident }}
        {%- endfor %}
    from units
)
