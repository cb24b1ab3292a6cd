-- The planes of the flights that `trace` follows ($keys).
select p.*
from planes as p
where p.tailnum in (
    select tailnum
    from flights
    where strftime(time_hour + to_minutes(minute), '%Y%m%dT%H%M') || '-' || origin || '-' || carrier || flight
        in (select unnest($keys))
)
