-- The sites of the sessions that `trace` follows ($keys).
select * from sites where site in (select site from sessions where session in (select unnest($keys)))
