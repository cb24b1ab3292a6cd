-- One row per flight with what is known at its scheduled departure, and the label that comes later.
--
-- Each join is a left join on a unique key or an as-of join: the number of rows stays that of flights.
-- Nothing from after the prediction time (as_of) enters a feature:
--   weather   the last full hour before it, at most 3 hours old
--   planes    the register, joined by tailnum alone: its column year is the year of construction
--   departures of others at the same airport, from 4 hours to 1 hour before it, when their delay was known
with departed as (
    select
        origin,
        time_hour + to_minutes(minute) + to_minutes(dep_delay) as known_at,
        dep_delay
    from flights
    where dep_delay is not null
),
running as (
    select
        origin,
        known_at,
        sum(count(*)) over past as n,
        sum(sum(dep_delay)) over past as total
    from departed
    group by origin, known_at
    window past as (partition by origin order by known_at)
),
observed as (
    select *, time_hour + interval 1 hour as known_at from weather
),
scheduled as (
    select *, time_hour + to_minutes(minute) as as_of, make_date(year, month, day) as date from flights
),
weathered as (
    -- A station that has been silent for 3 hours says nothing.
    select f.*, case when f.as_of <= w.known_at + interval 3 hour then w end as w
    from scheduled as f
    asof left join observed as w
        on f.origin = w.origin and f.as_of >= w.known_at
)
select
    strftime(f.as_of, '%Y%m%dT%H%M') || '-' || f.origin || '-' || f.carrier || f.flight as flight_id,
    f.as_of,
    f.date as day,
    f.carrier,
    f.origin,
    f.dest,
    f.hour,
    f.hour * 60 + f.minute as minute_of_day,
    isodow(f.date) as weekday,
    dayofyear(f.date) as day_of_year,
    f.distance,
    f.w.temp,
    f.w.dewp,
    f.w.humid,
    f.w.wind_dir,
    f.w.wind_speed,
    f.w.wind_gust,
    f.w.precip,
    f.w.pressure,
    f.w.visib,
    f.year - p.year as plane_age,
    p.seats,
    p.engines,
    p.manufacturer,
    -- Fewer than 5 departures in the window say nothing about the airport.
    case when until.n - coalesce(since.n, 0) >= 5
        then (until.total - coalesce(since.total, 0)) / (until.n - coalesce(since.n, 0))
    end as origin_delay,
    f.dep_delay,
    f.arr_delay,
    f.arr_delay >= 15 as late,
    -- 20 minutes for taxiing: the tables have no landing time in UTC.
    f.as_of + to_minutes(f.dep_delay + f.air_time + 20) as known_at
from weathered as f
left join planes as p
    on f.tailnum = p.tailnum
asof left join running as until
    on f.origin = until.origin and f.as_of - interval 1 hour >= until.known_at
asof left join running as since
    on f.origin = since.origin and f.as_of - interval 4 hour >= since.known_at
order by f.as_of, flight_id
