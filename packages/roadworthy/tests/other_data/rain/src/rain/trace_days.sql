-- The days before those that `trace` follows ($keys), and the two before each of them.
with asked as (
    select strptime(unnest($keys), '%Y%m%d')::date - 1 as day
)
select d.*
from days as d
where exists (select 1 from asked as a where d.day between a.day - 2 and a.day)
order by d.day in (select day from asked) desc, d.day desc
