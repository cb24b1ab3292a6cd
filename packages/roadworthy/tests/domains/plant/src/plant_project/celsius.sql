-- The new logger writes Fahrenheit into the column of the old one.
select * replace (round((temperature - 32) / 1.8, 2) as temperature)
from readings
