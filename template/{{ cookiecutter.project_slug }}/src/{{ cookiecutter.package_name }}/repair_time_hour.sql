-- nycflights23 writes local time into time_hour and labels it UTC. Read it as what it is: New York time.
select * replace ((time_hour at time zone 'UTC') at time zone 'America/New_York' as time_hour)
from flights
