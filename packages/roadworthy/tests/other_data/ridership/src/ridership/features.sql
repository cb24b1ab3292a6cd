-- One row for each day that has four weeks before it, as it is known when it begins, and its rides.
with before as (
    select
        r.day + 1 as tomorrow,
        r.thousands as day_before,
        week.thousands as week_before,
        (two.thousands + three.thousands + four.thousands) / 3 as weeks_before
    from rides as r
    join rides as week on week.day = r.day - 6
    join rides as two on two.day = r.day - 13
    join rides as three on three.day = r.day - 20
    join rides as four on four.day = r.day - 27
)
select
    strftime(b.tomorrow, '%Y%m%d') as forecast,
    timezone('UTC', b.tomorrow::timestamp) as asked_at,
    b.tomorrow,
    dayname(b.tomorrow) as weekday,
    b.week_before,
    b.weeks_before,
    b.day_before,
    coalesce(g.cubs + g.white_sox, 0) as games,
    r.thousands,
    timezone('UTC', (b.tomorrow + 1)::timestamp) as over_at
from before as b
left join games as g on g.day = b.tomorrow
left join rides as r on r.day = b.tomorrow
order by asked_at
