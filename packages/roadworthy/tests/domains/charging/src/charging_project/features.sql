-- One row per session with what is known when the car is plugged in, and the label that comes when it leaves.
with ended as (
    select site, plugged_in + to_minutes(minutes) as unplugged, minutes > planned as over
    from sessions
    where minutes is not null
),
running as (
    select
        site,
        unplugged,
        sum(count(*)) over past as n,
        sum(sum(over::integer)) over past as total
    from ended
    group by site, unplugged
    window past as (partition by site order by unplugged)
)
select
    s.session,
    s.plugged_in as plugged_at,
    s.plugged_in::date as workday,
    s.site,
    s.plug,
    t.place,
    isodow(s.plugged_in) as weekday,
    hour(s.plugged_in) as hour,
    s.planned,
    s.price,
    s.battery,
    t.spots,
    t.covered::integer as covered,
    s.guest::integer as guest,
    -- Fewer than 3 sessions say nothing about the site.
    case when until.n - coalesce(since.n, 0) >= 3
        then (until.total - coalesce(since.total, 0)) / (until.n - coalesce(since.n, 0))
    end as recent,
    s.minutes > s.planned as overstays,
    s.plugged_in + to_minutes(s.minutes) as unplugged_at
from sessions as s
left join sites as t
    on s.site = t.site
asof left join running as until
    on s.site = until.site and s.plugged_in >= until.unplugged
asof left join running as since
    on s.site = since.site and s.plugged_in - interval 3 day >= since.unplugged
order by plugged_at, session
