select * from games where strftime(day, '%Y%m%d') in (select unnest($keys))
