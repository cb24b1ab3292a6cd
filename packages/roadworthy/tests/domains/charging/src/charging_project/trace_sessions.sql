-- The sessions that `trace` follows ($keys), then those that ended before them at their site, up to 3 days.
with asked as (
    select site, plugged_in from sessions where session in (select unnest($keys))
)
select *
from sessions as s
where session in (select unnest($keys))
    or exists (
        select 1
        from asked as a
        where a.site = s.site
            and s.plugged_in + to_minutes(s.minutes) <= a.plugged_in
            and s.plugged_in + to_minutes(s.minutes) > a.plugged_in - interval 3 day
    )
order by session in (select unnest($keys)) desc, plugged_in desc, session
