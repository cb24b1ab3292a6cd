"""Answers to exercise 01: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: a filter clause and a join afterwards
q1 = """
    select a.*, f.flights, f.late_share
    from (select carrier, count(*) as flights, count(*) filter (arr_delay > 14) / count(arr_delay) as late_share
          from flights group by 1) f join airlines a using (carrier)
"""

# %% q1 right: capitals, other order of columns and rows, a semicolon
q1 = """
    SELECT AVG(CASE WHEN arr_delay >= 15 THEN 1.0 WHEN arr_delay < 15 THEN 0.0 END) AS LATE_SHARE,
           COUNT(id) AS FLIGHTS, ANY_VALUE(a.name) AS NAME, f.CARRIER
    FROM flights f LEFT JOIN airlines a ON a.carrier = f.carrier GROUP BY f.carrier ORDER BY 2 DESC;
"""

# %% q1 wrong: Put the query itself into quotes
q1 = 42

# %% q1 wrong: a column `late_share`
q1 = "select carrier, name, count(*) as flights from flights join airlines using (carrier) group by all"

# %% q1 wrong: count(*) counts cancelled flights too
q1 = """
    select carrier, name, count(*) as flights, avg((arr_delay >= 15)::int) as late_share
    from flights join airlines using (carrier) where arr_delay is not null group by all
"""

# %% q1 wrong: neither late nor punctual
q1 = """
    select carrier, name, count(*) as flights, sum((arr_delay >= 15)::int) / count(*) as late_share
    from flights join airlines using (carrier) group by all
"""

# %% q1 wrong: Late is >= 15
q1 = """
    select carrier, name, count(*) as flights, avg((arr_delay > 15)::int) as late_share
    from flights join airlines using (carrier) group by all
"""

# %% q1 wrong: Is it a count
q1 = """
    select carrier, name, count(*) as flights, sum((arr_delay >= 15)::int) as late_share
    from flights join airlines using (carrier) group by all
"""

# %% q1 wrong: Is it grouped by carrier
q1 = """
    select carrier, name, origin, count(*) as flights, avg((arr_delay >= 15)::int) as late_share
    from flights join airlines using (carrier) group by all
"""

# %% q1 wrong: was a whole number divided
q1 = """
    select carrier, name, count(*) as flights, sum((arr_delay >= 15)::int) // count(arr_delay) as late_share
    from flights join airlines using (carrier) group by all
"""

# %% q2 right: on instead of using
q2 = """
    select f.id, w.temp, w.wind_speed from flights as f
    left outer join weather as w on w.origin = f.origin and w.time_hour = f.time_hour
"""

# %% q2 right: from the other side, with more columns
q2 = """
    with w as (select origin, time_hour, temp, wind_speed from weather)
    select * from w right join flights f using (origin, time_hour) order by temp
"""

# %% q2 wrong: join by origin, too
q2 = "select id, temp, wind_speed from flights left join weather using (time_hour)"

# %% q2 wrong: An inner join loses
q2 = "select id, temp, wind_speed from flights join weather using (origin, time_hour)"

# %% q2 wrong: both as they are
q2 = """
    select id, temp, wind_speed from flights f left join weather w
    on f.origin = w.origin and f.time_hour = w.time_hour + interval 1 hour
"""

# %% q2 wrong: An inner join loses
q2 = """
    select id, temp, wind_speed from flights f left join weather w using (origin, time_hour) where temp is not null
"""

# %% q2 wrong: without a default
q2 = """
    select id, temp, coalesce(wind_speed, 0) as wind_speed from flights left join weather using (origin, time_hour)
"""

# %% q2 wrong: join by origin, too
q2 = """
    select id, temp, wind_speed from flights f left join weather w on f.origin = w.origin and f.hour = w.hour
    and f.day = w.day
    union all select id, null, null from flights
"""

# %% q3 right: a join that counts
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select a.id, count(b.id) as flights_before
    from s a left join s b on a.origin = b.origin and b.t >= a.t - interval 60 minute and b.t < a.t
    group by a.id
"""

# %% q3 right: a subquery for each flight
q3 = """
    with s as (select *, epoch(time_hour) / 60 + minute as m from flights)
    select id, (select count(*) from s b where b.origin = s.origin and b.m between s.m - 60 and s.m - 1) flights_before
    from s
"""

# %% q3 wrong: the flight itself among them
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select id, count(*) over (partition by origin order by t range between interval 60 minute preceding and current row)
    as flights_before from s
"""

# %% q3 wrong: partition by
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select id, count(*) over (order by t range between interval 60 minute preceding and interval 1 minute preceding)
    as flights_before from s
"""

# %% q3 wrong: end after 60 minutes
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select id, count(*) over (partition by origin order by t range between unbounded preceding
    and interval 1 minute preceding) as flights_before from s
"""

# %% q3 wrong: exactly 60 minutes before counts
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select id, count(*) over (partition by origin order by t range between interval 59 minute preceding
    and interval 1 minute preceding) as flights_before from s
"""

# %% q3 wrong: coalesce(…, 0)
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select id, sum(1) over (partition by origin order by t range between interval 60 minute preceding
    and interval 1 minute preceding) as flights_before from s
"""

# %% q3 wrong: a join or a filter may lose
q3 = """
    with s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select a.id, count(*) as flights_before
    from s a join s b on a.origin = b.origin and b.t >= a.t - interval 60 minute and b.t < a.t group by a.id
"""

# %% q4 right: the moment it is known, first
q4 = """
    with known as (select origin, time_hour + interval 1 hour as t, temp, wind_speed from weather)
    select id, temp, wind_speed from flights f asof left join known k
    on f.origin = k.origin and k.t <= f.time_hour + to_minutes(f.minute)
"""

# %% q4 right: without an asof join
q4 = """
    select id, w.temp, w.wind_speed from flights f left join weather w on w.origin = f.origin and w.time_hour = (
        select max(time_hour) from weather v where v.origin = f.origin
        and v.time_hour + interval 60 minute <= f.time_hour + to_minutes(f.minute))
"""

# %% q4 wrong: a leak
q4 = """
    select id, temp, wind_speed from flights f asof left join weather w
    on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.time_hour
"""

# %% q4 wrong: a leak
q4 = "select id, temp, wind_speed from flights left join weather using (origin, time_hour)"

# %% q4 wrong: an equality loses it
q4 = """
    select id, temp, wind_speed from flights f left join weather w
    on f.origin = w.origin and f.time_hour = w.time_hour + interval 1 hour
"""

# %% q4 wrong: to 10:59 the observation of 9:00
q4 = """
    select id, temp, wind_speed from flights f asof left join weather w
    on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.time_hour + interval 2 hour
"""

# %% q4 wrong: an asof join keeps the latest
q4 = """
    select id, temp, wind_speed from flights f left join weather w
    on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.time_hour + interval 1 hour
"""

# %% q4 wrong: From 10:00 (>=)
q4 = """
    select id, temp, wind_speed from flights f asof left join weather w
    on f.origin = w.origin and f.time_hour + to_minutes(f.minute) > w.time_hour + interval 1 hour
"""

# %% q4 wrong: loses flights before all observations
q4 = """
    select id, temp, wind_speed from flights f asof join weather w
    on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.time_hour + interval 1 hour
"""

# %% q4 wrong: without `left` loses flights
q4 = """
    select id, temp, wind_speed from flights f asof join weather w
    on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.time_hour + interval 1 hour
    where temp > 40
"""

# %% q4 wrong: the flight's own airport
q4 = """
    select id, temp, wind_speed from flights f asof left join (from weather where origin = 'JFK') w
    on f.time_hour + to_minutes(f.minute) >= w.time_hour + interval 1 hour
"""

# %% q5 right: text for the day, a subquery for the zone
q5 = """
    select s.site, strftime(timezone(z.zone, s.started), '%Y-%m-%d') as day, count(distinct session) as sessions
    from sites z join sessions s on s.site = z.site group by 1, 2 order by 3
"""

# %% q5 right: date_trunc
q5 = """
    with here as (select site, session, date_trunc('day', started at time zone zone) as day
                  from sessions left join sites using (site))
    select count(*) sessions, day, site from here group by day, site
"""

# %% q5 wrong: These are days in UTC
q5 = "select site, started::date as day, count(*) as sessions from sessions join sites using (site) group by all"

# %% q5 wrong: A fixed number of hours
q5 = """
    with hours(zone, h) as (values ('America/Los_Angeles', -8), ('America/New_York', -5), ('Europe/Berlin', 1),
        ('Asia/Tokyo', 9), ('Asia/Kolkata', 5.5), ('Australia/Sydney', 11))
    select site, (started + to_minutes((h * 60)::int))::date as day, count(*) as sessions
    from sessions join sites using (site) join hours using (zone) group by all
"""

# %% q5 wrong: a second conversion
q5 = """
    select site, ((started at time zone 'UTC') at time zone zone)::date as day, count(*) as sessions
    from sessions join sites using (site) group by all
"""

# %% q5 wrong: Group by the date alone
q5 = """
    select site, (started at time zone zone)::date as day, driver, count(*) as sessions
    from sessions join sites using (site) group by all
"""

# %% q5 wrong: Count each session
q5 = """
    select site, (started at time zone zone)::date as day, count(distinct driver) as sessions
    from sessions join sites using (site) group by all
"""

# %% q5 wrong: Use the zone of the site
q5 = """
    select site, (started at time zone 'America/New_York')::date as day, count(*) as sessions
    from sessions join sites using (site) group by all
"""

# %% q6 right: positional parameter
def q6(connection, driver):
    found = connection.sql("select * from sessions where driver = ?", params=[driver])
    return found.to_arrow_table().to_pandas()

# %% q6 right: another name of the parameter
def q6(c, who):
    found = rw.ask(c, "select kwh, site, session from sessions s where $who = s.driver", who=who)
    return found

# %% q6 right: the filter in pandas
def q6(connection, driver):
    every = rw.ask(connection, "select session, site, kwh, driver from sessions")
    return every[every["driver"] == driver]

# %% q6 wrong: The name was read as SQL
def q6(connection, driver):
    return rw.ask(connection, f"select session, site, kwh from sessions where driver = '{driver}'")

# %% q6 wrong: Do not remove or double quotes
def q6(connection, driver):
    return rw.ask(connection, "select session, site, kwh from sessions where driver = $d", d=driver.replace("'", ""))

# %% q6 wrong: give it as a parameter, $driver
def q6(connection, driver):
    return rw.ask(connection, "select session, site, kwh from sessions where driver = '" + driver + "'")

# %% q6 wrong: a function without return gives None
def q6(connection, driver):
    rw.ask(connection, "select session, site, kwh from sessions where driver = $driver", driver=driver)

# %% q6 wrong: or as a pattern
def q6(connection, driver):
    return rw.ask(connection, "select session, site, kwh from sessions where driver like $driver", driver=driver)

# %% q6 wrong: Compare driver with the value
def q6(connection, driver):
    return rw.ask(connection, "select session, site, kwh from sessions where driver = 'D001'")

# %% q6 wrong: do not call it
q6 = rw.ask(tables, "select session, site, kwh from sessions where driver = $driver", driver="D001")

# %% q7 right: delays before it at the airport
q7 = """
    with d as (select origin, time_hour + to_minutes(minute) + to_minutes(dep_delay) as t, dep_delay from flights
               where dep_delay is not null),
    s as (select id, origin, time_hour + to_minutes(minute) as t from flights)
    select s.id, avg(d.dep_delay) as feature from s left join d on s.origin = d.origin and d.t < s.t
    and d.t >= s.t - interval 3 hour group by s.id
"""

# %% q7 right: the schedule, falling
q7 = "select -sched_dep_time as feature, id from flights"

# %% q7 wrong: its own delay
q7 = "select id, dep_delay as feature from flights"

# %% q7 wrong: a flight not yet landed
q7 = "select id, avg(arr_delay) over (partition by carrier, year, month, day) as feature from flights"

# %% q7 wrong: Close to .5 it says nothing
q7 = "select id, hash(id) % 100 as feature from flights"

# %% q7 wrong: its key is not unique
q7 = """
    select id, f.hour + temp / 1000 as feature from flights f left join weather w using (time_hour)
"""

# %% q7 wrong: join with left joins
q7 = "select id, hour as feature from flights join planes using (tailnum)"

# %% q7 wrong: Is it text
q7 = "select id, carrier as feature from flights"

# %% q7 wrong: an hour that is not over
q7 = """
    select id, f.hour + coalesce(temp, 0) / 1000 as feature from flights f left join weather using (origin, time_hour)
"""
