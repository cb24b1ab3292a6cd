"""What the table of days must look like, and its features."""

from dataclasses import replace

from roadworthy import Column, Contract, Rule, Table

KINDS = ("drizzle", "fog", "rain", "snow", "sun")
RAIN = Column(name="precipitation", kind="number", about="of the day", unit="mm", low=0, high=200)
WARMEST = Column(name="temp_max", kind="number", about="the highest of the day", unit="degrees C", low=-20, high=50)
COLDEST = Column(name="temp_min", kind="number", about="the lowest of the day", unit="degrees C", low=-30, high=40)
WIND = Column(name="wind", kind="number", about="mean of the day", unit="m/s", low=0, high=40)
SKY = Column(name="weather", kind="category", about="what the observer wrote down", allowed=KINDS)
DAYS = Table(
    name="days",
    columns=(
        Column(name="day", kind="date", about="of the measurements"),
        *(replace(column, known_at="day + interval 1 day") for column in (RAIN, WARMEST, COLDEST, WIND, SKY)),
    ),
    key=("day",),
    rules=(Rule("warmest", "temp_max >= temp_min", "the highest temperature is not below the lowest"),),
    min_rows=1000,
    time="day",
    known_at="day + interval 1 day",
)
FEATURES = Table(
    name="features",
    columns=(
        Column(name="forecast", kind="text", about="the day that is asked about", pattern="^[0-9]{8}$"),
        Column(name="asked_at", kind="time", about="prediction time: the day before is over"),
        Column(name="tomorrow", kind="date", about="the day that is asked about"),
        RAIN,
        WARMEST,
        COLDEST,
        WIND,
        SKY,
        Column(name="wet_days", kind="integer", about="days with rain among the last 3", low=0, high=3),
        Column(
            name="warmer", kind="number", about="than the day before", unit="degrees C", low=-40, high=40, max_null=0.02
        ),
        Column(name="month", kind="integer", about="of the day that is asked about", low=1, high=12),
        Column(name="rains", kind="boolean", about="it rains on that day", known="after", max_null=0.02),
        Column(name="over_at", kind="time", about="that day is over", known="after"),
    ),
    key=("forecast",),
    min_rows=1000,
    time="asked_at",
)
CONTRACT = Contract(
    tables=(DAYS,),
    features=FEATURES,
    key="forecast",
    time="asked_at",
    day="tomorrow",
    target="rains",
    known_at="over_at",
)
