select * from messages where message in (select unnest($keys))
