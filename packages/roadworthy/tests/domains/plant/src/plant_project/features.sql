-- One row per part with what is known when it is made, and the label that an inspection gives.
with inspections as (
    select
        machine,
        inspected,
        sum(count(*)) over past as n,
        sum(sum(faulty::integer)) over past as total
    from readings
    where inspected is not null
    group by machine, inspected
    window past as (partition by machine order by inspected)
)
select
    'R' || r.reading as reading,
    r.taken_at,
    (r.taken_at - interval 6 hour)::date as shift,
    r.product,
    m.maker,
    m.automatic::integer as automatic,
    r.temperature,
    r.vibration,
    r.speed / m.rated as load,
    datediff('year', m.commissioned, r.taken_at::date) as age,
    epoch(r.taken_at - s.done) / 3600 as since_service,
    case when until.n - coalesce(since.n, 0) >= 2
        then (until.total - coalesce(since.total, 0)) / (until.n - coalesce(since.n, 0))
    end as recent_faults,
    r.faulty,
    r.inspected as inspected_at
from readings as r
left join machines as m
    on r.machine = m.machine
asof left join services as s
    on r.machine = s.machine and r.taken_at >= s.done
asof left join inspections as until
    on r.machine = until.machine and r.taken_at >= until.inspected
asof left join inspections as since
    on r.machine = since.machine and r.taken_at - interval 2 day >= since.inspected
order by r.taken_at, r.reading
