select * from patients where patient in (select unnest($keys))
