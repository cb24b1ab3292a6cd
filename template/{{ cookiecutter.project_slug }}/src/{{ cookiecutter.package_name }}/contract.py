"""THE data contract: New York flights, what each table and each feature must look like.

Bounds are facts about the world (a day has 24 hours, a wind over 120 mph is not an observation) or were measured on
2013 and 2023 with a margin. To accept other data, change this file; every check, request and monitor follows.
"""

from dataclasses import replace

from roadworthy import Column, Contract, Law, Reference, Rule, Table

CARRIER = Column(name="carrier", kind="category", about="airline, two-letter code", pattern="^[0-9A-Z]{2}$")
ORIGIN = Column(name="origin", kind="category", about="airport of departure", allowed=("EWR", "JFK", "LGA"))
DEST = Column(name="dest", kind="category", about="airport of arrival", pattern="^[0-9A-Z]{3}$")
DISTANCE = Column(name="distance", kind="integer", about="between the airports", unit="miles", low=10, high=6000)
DATE = (
    Column(name="year", kind="integer", about="local date of departure", low=2000, high=2100),
    Column(name="month", kind="integer", about="local date of departure", low=1, high=12),
    Column(name="day", kind="integer", about="local date of departure", low=1, high=31),
)
TIME_HOUR = Column(name="time_hour", kind="time", about="the hour, in UTC")
HOUR = Column(name="hour", kind="integer", about="local hour of the scheduled departure", low=0, high=24)
# A registration leads to the owner, who may be a person.
TAILNUM = Column(name="tailnum", kind="text", about="registration", pattern="^[0-9A-Z]{5,6}$", private=True)
MANUFACTURER = Column(
    name="manufacturer", kind="category", about="as registered", pattern="^[0-9A-Z][0-9A-Z .&-]{0,58}[0-9A-Z.&-]$"
)
DEPARTED = "time_hour + to_minutes(minute) + to_minutes(dep_delay)"
# 20 minutes for taxiing, as in features.sql; a flight that was diverted has no time in the air.
LANDED = f"coalesce({DEPARTED} + to_minutes(air_time + 20), time_hour + interval 1 day)"
WEATHER = (
    Column(name="temp", kind="number", about="temperature", unit="F", low=-40, high=130, max_null=0.02),
    Column(name="dewp", kind="number", about="dew point", unit="F", low=-60, high=100, max_null=0.02),
    Column(name="humid", kind="number", about="relative humidity", unit="%", low=0, high=100, max_null=0.02),
    Column(name="wind_dir", kind="integer", about="wind direction", unit="degrees", low=0, high=360, max_null=0.1),
    Column(name="wind_speed", kind="number", about="wind speed", unit="mph", low=0, high=120, max_null=0.1),
    Column(name="wind_gust", kind="number", about="gusts, when reported", unit="mph", low=0, high=160, max_null=0.9),
    Column(name="precip", kind="number", about="precipitation", unit="inches", low=0, high=5, max_null=0.02),
    Column(name="pressure", kind="number", about="at sea level", unit="mbar", low=900, high=1100, max_null=0.15),
    Column(name="visib", kind="number", about="visibility", unit="miles", low=0, high=15, max_null=0.02),
)


def clock(name: str, about: str, known_at: str = "") -> Column:
    """A local time of day written as HHMM (2400: midnight at the end of the day); with `known_at`, an actual one."""
    limits = {"unit": "HHMM", "low": 0, "high": 2400}
    actual = {"known": "after", "known_at": known_at, "max_null": 0.08} if known_at else {}
    return Column(name=name, kind="integer", about=about, **limits, **actual)  # type: ignore[arg-type]


def minutes(name: str, about: str, low: float, high: float, known_at: str = "") -> Column:
    """A delay or duration that is known only when it is over, and never for a cancelled flight."""
    limits = {"unit": "minutes", "low": low, "high": high, "max_null": 0.08}
    return Column(name=name, kind="integer", about=about, known="after", known_at=known_at, **limits)  # type: ignore[arg-type]


def rarely(name: str, broken: str, about: str, share: float = 0.01) -> Law:
    """A condition that holds for sound rows is broken for a small `share` of them at most."""
    return Law(name, f"avg(({broken})::integer)", 0.0, share, f"share of rows whose {about}")


def minute(clock: str) -> str:
    """The minute of the day, as SQL, of a time of day that is written HHMM."""
    return f"({clock} // 100 * 60 + {clock} % 100)"


def late_by(actual: str, scheduled: str, delay: str) -> str:
    """SQL: the minutes between two times of day are not those of `delay`."""
    return f"({minute(actual)} - {minute(scheduled)} - {delay}) % 1440 <> 0"


def longest_run(columns: str, by: str, time: str) -> str:
    """SQL: the most rows one after the other, of one `by`, in which the columns do not change.

    The rows stand in `typed`, as the checks read them.
    """
    place, same = f"row_number() over (partition by {by}", f"row_number() over (partition by {by}, {columns}"
    runs = f"select *, {place} order by {time}) - {same} order by {time}) as run from typed"
    return f"(select max(n) from (select count(*) as n from ({runs}) group by {by}, {columns}, run))"


# Relative humidity in % from temperature and dew point in F: the Magnus formula with the coefficients of Alduchov and
# Eskridge (1996). It holds to .1 in both years, but for 6% of 2013 (rounded inputs), of which 1% are off by 5 or more.
VAPOUR = "17.625 * ({0} - 32) / 1.8 / (243.04 + ({0} - 32) / 1.8)"
MAGNUS = f"100 * exp({VAPOUR.format('dewp')} - {VAPOUR.format('temp')})"
KNOTS = "wind_speed / 1.15078"  # stations report whole knots, the table has them in mph
# The phase of the daily wave of temperature. In the whole years it peaks at 18.9 and 19.2 UTC, early in the afternoon;
# over any two weeks of them from 17.6 to 20.5. A shift by the 4 or 5 hours of New York leaves these limits.
WAVE = "{0}(pi() * extract(hour from time_hour) / 12)"
WARMEST = f"(atan2(avg(temp * {WAVE.format('sin')}), avg(temp * {WAVE.format('cos')})) * 12 / pi() + 24) % 24"
STILL = longest_run("temp, dewp, wind_speed, pressure", "origin", "time_hour")
# Of the flights with a registration, how many are there more than planes and minutes of departure.
TWICE = "1 - count(distinct (tailnum, time_hour, minute)) filter (tailnum is not null) / count(tailnum)"
# The contract leaves open whether the column hour of weather is New York's or UTC: 2013 has the one, 2023 the other.
# No hour of both years is neither; on days drawn again, which may cross a change of the clocks, .066 are.
STRANGE_HOUR = "hour % 24 not in (extract(hour from time_hour), extract(hour from time_hour at time zone '{0}'))"

FLIGHTS = Table(
    name="flights",
    columns=(
        *DATE,
        clock("dep_time", "actual departure", DEPARTED),
        clock("sched_dep_time", "scheduled departure"),
        minutes("dep_delay", "departure delay, negative when early", -120, 2880, DEPARTED),
        clock("arr_time", "actual arrival", LANDED),
        clock("sched_arr_time", "scheduled arrival, local time there"),
        minutes("arr_delay", "arrival delay, negative when early", -180, 2880, LANDED),
        CARRIER,
        Column(name="flight", kind="integer", about="flight number", low=1, high=9999),
        replace(TAILNUM, about="registration; NULL when cancelled early", max_null=0.02),
        ORIGIN,
        DEST,
        minutes("air_time", "time in the air", 10, 900, LANDED),
        DISTANCE,
        HOUR,
        Column(name="minute", kind="integer", about="minute of the scheduled departure", low=0, high=59),
        TIME_HOUR,
    ),
    # (date, carrier, flight) looks like the key and is doubled 24 times: one number, two routes on one day.
    key=("year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"),
    rules=(
        Rule("schedule", "hour * 100 + minute = sched_dep_time", "hour and minute are those of sched_dep_time"),
        Rule(
            "utc",
            "extract(hour from time_hour at time zone 'America/New_York') = hour % 24",
            "time_hour is UTC: in New York it shows the local hour of the schedule",
        ),
        Rule("landed", "arr_delay is null or arr_time is not null", "only a flight that arrived has an arrival delay"),
        Rule("departed", "arr_time is null or dep_time is not null", "only a flight that departed can arrive"),
    ),
    # None of the first four is broken by more than 4 rows in 100,000, in 2013 and in 2023.
    laws=(
        rarely("departure delay", late_by("dep_time", "sched_dep_time", "dep_delay"), "times are not dep_delay apart"),
        rarely("arrival delay", late_by("arr_time", "sched_arr_time", "arr_delay"), "times are not arr_delay apart"),
        rarely(
            "speed",
            "distance / (air_time / 60) not between 100 and 620",
            "distance and air_time give a speed below 100 mph or above 620",
        ),
        rarely(
            "date",
            "floor(epoch(time_hour) / 86400) - epoch(make_date(year, month, day)) / 86400 not in (0, 1)",
            "time_hour is not on the day of year, month and day, nor in its night",
        ),
        # Diverted, or lost on the way here. .003 and .004; the worst month has .009.
        rarely("no arrival", "dep_time is not null and arr_delay is null", "flight departed and has no arrival", 0.015),
        # .031 and .035; in single months .011 to .085. None at all: somebody takes long delays for outliers.
        Law("long delays", "avg((arr_delay >= 120)::integer)", 0.002, 0.2, "share of arrivals two hours late or more"),
        # .0001; code shares are one flight under two numbers.
        Law("one plane", TWICE, 0.0, 0.01, "share of flights whose plane departs elsewhere at the same minute"),
    ),
    references=(
        Reference("carrier", "airlines", "carrier"),
        Reference("tailnum", "planes", "tailnum", max_missing=0.20),
        Reference("dest", "airports", "faa", max_missing=0.03),
    ),
    min_rows=1000,
    time="time_hour",
)
WEATHER_TABLE = Table(
    name="weather",
    columns=(ORIGIN, *DATE, HOUR, *WEATHER, TIME_HOUR),
    key=("origin", "time_hour"),
    max_missing_days=4,  # the archive of the stations lacks whole days: 31 December of both years
    # Shares measured in 2013 and 2023; 1% of an unbroken law is more than ten times what they have.
    laws=(
        rarely("dew point", "dewp > temp", "dew point is above the temperature"),  # none
        rarely("humidity", f"abs(humid - {MAGNUS}) > 5", "humidity is not that of temperature and dew point", 0.1),
        rarely("wind", f"abs({KNOTS} - round({KNOTS})) > 0.05", "wind speed is no whole number of knots"),  # none
        rarely("gusts", "wind_gust < wind_speed", "gusts are slower than the wind"),  # none
        # 2 of 26,115 hours and none; an inch in an hour is a cloudburst, a millimetre is rain.
        rarely("rain", "precip > 1", "hour brings more than an inch of rain", 0.002),
        rarely("hour", STRANGE_HOUR.format("America/New_York"), "hour is neither New York's nor UTC's", 0.15),
        # 3 hours in both years. The temperature alone stays for 14, in fog.
        Law("still", STILL, 1, 12, "hours for which a station repeats all that it measures"),
        Law("afternoon", WARMEST, 16.5, 21.5, "hour, in UTC, at which the daily wave of temperature peaks"),
    ),
    min_rows=1000,
    time="time_hour",
    known_at="time_hour + interval 1 hour",
)
PLANES = Table(
    name="planes",
    columns=(
        TAILNUM,
        Column(name="year", kind="integer", about="built in", low=1940, high=2100, max_null=0.05),
        Column(
            name="type",
            kind="text",
            about="fixed wing or rotorcraft",
            allowed=("Fixed wing single engine", "Fixed wing multi engine", "Rotorcraft"),
        ),
        MANUFACTURER,
        Column(name="model", kind="text", about="as registered", pattern="^[0-9A-Z][0-9A-Z ./()+-]{1,29}$"),
        Column(name="engines", kind="integer", about="number of engines", low=1, high=8),
        Column(name="seats", kind="integer", about="number of seats", low=1, high=900),
        Column(name="speed", kind="integer", about="cruising speed", unit="mph", low=0, high=1000, max_null=1.0),
        Column(
            name="engine",
            kind="text",
            about="type of engine",
            allowed=("Reciprocating", "4 Cycle", "Turbo-fan", "Turbo-jet", "Turbo-prop", "Turbo-shaft"),
        ),
    ),
    key=("tailnum",),
    laws=(rarely("spelling", "manufacturer <> upper(manufacturer)", "manufacturer is not in capitals", 0.05),),  # none
)
AIRLINES = Table(
    name="airlines",
    columns=(CARRIER, Column(name="name", kind="text", about="name", pattern="^[A-Z][A-Za-z .&'-]{2,49}$")),
    key=("carrier",),
)
AIRPORTS = Table(
    name="airports",
    columns=(
        Column(name="faa", kind="text", about="code", pattern="^[0-9A-Z]{3}$"),
        Column(name="name", kind="text", about="name", pattern="^[^@<>{}|;~]{3,80}$"),
        Column(name="lat", kind="number", about="latitude", unit="degrees", low=-90, high=90),
        Column(name="lon", kind="number", about="longitude", unit="degrees", low=-180, high=180),
        Column(name="alt", kind="integer", about="altitude", unit="feet", low=-1500, high=20000),
        Column(name="tz", kind="integer", about="offset from UTC", unit="hours", low=-12, high=14, max_null=0.15),
        Column(name="dst", kind="text", about="daylight saving time rule", allowed=tuple("AENOSUZ"), max_null=0.15),
        Column(name="tzone", kind="text", about="time zone", pattern="^[A-Z][a-z]+/[A-Za-z_/]+$", max_null=0.15),
    ),
    key=("faa",),
)


def seen_weather(column: Column) -> Column:
    """The last full hour's observation as a feature: missing as often as the station is silent."""
    limits = {"low": column.low, "high": column.high, "max_null": max(column.max_null, 0.05)}
    about = f"{column.about}, last full hour"
    return Column(name=column.name, kind=column.kind, about=about, unit=column.unit, **limits)  # type: ignore[arg-type]


FEATURES = Table(
    name="features",
    columns=(
        Column(
            name="flight_id",
            kind="text",
            about="UTC time, origin, carrier and number",
            pattern="^[0-9]{8}T[0-9]{4}-[A-Z]{3}-[0-9A-Z]{2}[0-9]{1,4}$",
        ),
        Column(name="as_of", kind="time", about="prediction time: the scheduled departure, in UTC"),
        Column(name="day", kind="date", about="local date; flights of one day are not independent"),
        CARRIER,
        ORIGIN,
        DEST,
        HOUR,
        Column(
            name="minute_of_day", kind="integer", about="of the scheduled departure", unit="minutes", low=0, high=1440
        ),
        Column(name="weekday", kind="integer", about="1 is Monday, 7 is Sunday", low=1, high=7),
        Column(name="day_of_year", kind="integer", about="1 is 1 January", low=1, high=366),
        DISTANCE,
        *(seen_weather(column) for column in WEATHER),
        Column(name="plane_age", kind="integer", about="of the plane", unit="years", low=-1, high=80, max_null=0.30),
        Column(name="seats", kind="integer", about="of the plane", low=1, high=900, max_null=0.30),
        Column(name="engines", kind="integer", about="of the plane", low=1, high=8, max_null=0.30),
        replace(MANUFACTURER, about="of the plane", max_null=0.30),
        Column(
            name="origin_delay",
            kind="number",
            about="mean departure delay at the origin, over 3 hours, known 60 minutes ahead",
            unit="minutes",
            low=-60,
            high=1440,
            max_null=0.20,
        ),
        minutes("dep_delay", "departure delay: a leak, kept to show one", -120, 2880),
        minutes("arr_delay", "arrival delay", -180, 2880),
        Column(name="late", kind="boolean", about="arrived 15 minutes late or more", max_null=0.08, known="after"),
        Column(name="known_at", kind="time", about="landed, so the label is known", max_null=0.08, known="after"),
    ),
    key=("flight_id",),
    min_rows=1000,
    time="as_of",
)
CONTRACT = Contract(
    tables=(FLIGHTS, WEATHER_TABLE, PLANES, AIRLINES, AIRPORTS),
    features=FEATURES,
    key="flight_id",
    time="as_of",
    day="day",
    target="late",
    known_at="known_at",
)
