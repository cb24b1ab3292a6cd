-- The flights that `trace` follows ($keys), then the departures whose delay was known before them at their airport.
with near as (
    select
        *,
        time_hour + to_minutes(minute) as as_of,
        time_hour + to_minutes(minute) + to_minutes(dep_delay) as known_at,
        strftime(time_hour + to_minutes(minute), '%Y%m%dT%H%M') || '-' || origin || '-' || carrier || flight as id
    from flights
),
asked as (
    select origin, as_of from near where id in (select unnest($keys))
)
select * exclude (as_of, known_at, id)
from near
where id in (select unnest($keys))
    or exists (
        select 1
        from asked
        where asked.origin = near.origin
            and near.known_at > asked.as_of - interval 4 hour
            and near.known_at <= asked.as_of - interval 1 hour
    )
order by id in (select unnest($keys)) desc, known_at desc, id
