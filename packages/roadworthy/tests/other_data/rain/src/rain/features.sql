-- One row for each day with what is known when it begins, and whether it rained on it.
with measured as (
    select
        *,
        count(*) filter (precipitation > 0) over recent as wet_days,
        temp_max - any_value(temp_max) over yesterday as warmer
    from days
    window
        recent as (order by day range between interval 2 day preceding and current row),
        yesterday as (order by day range between interval 1 day preceding and interval 1 day preceding)
)
select
    strftime(m.day + 1, '%Y%m%d') as forecast,
    timezone('UTC', (m.day + 1)::timestamp) as asked_at,
    m.day + 1 as tomorrow,
    m.precipitation,
    m.temp_max,
    m.temp_min,
    m.wind,
    m.weather,
    m.wet_days,
    m.warmer,
    month(m.day + 1) as month,
    next.precipitation > 0 as rains,
    timezone('UTC', (m.day + 2)::timestamp) as over_at
from measured as m
left join days as next
    on next.day = m.day + 1
order by asked_at
