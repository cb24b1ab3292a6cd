-- The rides on which the features of these days ($keys) hang.
with asked as (
    select strptime(unnest($keys), '%Y%m%d')::date as day
)
select r.*
from rides as r
where exists (select 1 from asked as a where a.day - r.day in (0, 1, 7, 14, 21, 28))
order by r.day
