-- The parts that `trace` follows ($keys), then those of their machine that were inspected up to 2 days before.
with asked as (
    select machine, taken_at from readings where 'R' || reading in (select unnest($keys))
)
select *
from readings as r
where 'R' || reading in (select unnest($keys))
    or exists (
        select 1
        from asked as a
        where a.machine = r.machine and r.inspected <= a.taken_at and r.inspected > a.taken_at - interval 2 day
    )
order by 'R' || reading in (select unnest($keys)) desc, taken_at desc
