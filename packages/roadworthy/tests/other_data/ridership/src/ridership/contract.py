"""What the tables of rides and games must look like, and the features."""

from roadworthy import Column, Contract, Table

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RIDES = Table(
    name="rides",
    columns=(
        Column(name="day", kind="date", about="the day"),
        Column(
            name="thousands",
            kind="number",
            about="rides from the station on that day",
            unit="thousands",
            low=0,
            high=50,
            known_at="day + interval 1 day",
        ),
    ),
    key=("day",),
    min_rows=2000,
    time="day",
    known_at="day + interval 1 day",
)
GAMES = Table(
    name="games",
    columns=(
        Column(name="day", kind="date", about="the day"),
        Column(name="cubs", kind="integer", about="games of the Cubs at home", low=0, high=2),
        Column(name="white_sox", kind="integer", about="games of the White Sox at home", low=0, high=2),
    ),
    key=("day",),
    min_rows=2000,
)
FEATURES = Table(
    name="features",
    columns=(
        Column(name="forecast", kind="text", about="the day that is asked about", pattern="^[0-9]{8}$"),
        Column(name="asked_at", kind="time", about="prediction time: the day before is over"),
        Column(name="tomorrow", kind="date", about="the day that is asked about"),
        Column(name="weekday", kind="category", about="of that day", allowed=WEEKDAYS),
        Column(name="week_before", kind="number", about="rides a week before", unit="thousands", low=0, high=50),
        Column(name="weeks_before", kind="number", about="2 to 4 weeks before", unit="thousands", low=0, high=50),
        Column(name="day_before", kind="number", about="rides the day before", unit="thousands", low=0, high=50),
        Column(name="games", kind="integer", about="of both teams at home on that day", low=0, high=4),
        Column(
            name="thousands",
            kind="number",
            about="rides from the station on that day",
            unit="thousands",
            low=0,
            high=50,
            known="after",
            max_null=0.02,
        ),
        Column(name="over_at", kind="time", about="that day is over", known="after"),
    ),
    key=("forecast",),
    min_rows=2000,
    time="asked_at",
)
CONTRACT = Contract(
    tables=(RIDES, GAMES),
    features=FEATURES,
    key="forecast",
    time="asked_at",
    day="tomorrow",
    target="thousands",
    known_at="over_at",
    problem="regression",
)
