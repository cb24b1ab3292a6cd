select * from bookings where booking in (select unnest($keys))
