-- The last service before each of the parts that `trace` follows ($keys).
select distinct s.*
from readings as r
asof join services as s
    on r.machine = s.machine and r.taken_at >= s.done
where 'R' || r.reading in (select unnest($keys))
