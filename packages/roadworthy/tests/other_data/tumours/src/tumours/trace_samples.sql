select * from samples where sample in (select unnest($keys))
