-- The machines of the parts that `trace` follows ($keys).
select * from machines where machine in (select machine from readings where 'R' || reading in (select unnest($keys)))
