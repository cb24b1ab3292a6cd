-- The observations of the last hours before the flights that `trace` follows ($keys), at their airport.
select distinct w.*
from weather as w
join flights as f
    on w.origin = f.origin
    and w.time_hour <= f.time_hour + to_minutes(f.minute) - interval 1 hour
    and w.time_hour >= f.time_hour + to_minutes(f.minute) - interval 4 hour
where strftime(f.time_hour + to_minutes(f.minute), '%Y%m%dT%H%M') || '-' || f.origin || '-' || f.carrier || f.flight
    in (select unnest($keys))
order by w.origin, w.time_hour desc
