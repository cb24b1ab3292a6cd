"""What the table of bookings must look like, and its features."""

from dataclasses import replace

from roadworthy import Column, Contract, Table

MEALS = ("bed_and_breakfast", "breakfast_and_one_other_meal", "breakfast_lunch_and_dinner", "no_meal_package")
SEGMENTS = ("corporate", "direct", "groups", "offline_travel_agent", "online_travel_agent")
CUSTOMERS = ("contract", "group", "transient", "transient_party")
BOOKING = Column(name="booking", kind="text", about="number of the booking", pattern="^B[0-9]{5}$")
KNOWN = (
    Column(name="days_ahead", kind="integer", about="from the booking to the arrival", unit="days", low=0, high=800),
    Column(name="weekend_nights", kind="integer", about="nights at weekends", low=0, high=40),
    Column(name="week_nights", kind="integer", about="other nights", low=0, high=100),
    Column(name="adults", kind="integer", about="adults", low=0, high=10),
    Column(name="children", kind="integer", about="children", low=0, high=10),
    Column(name="meal", kind="category", about="meals that belong to it", allowed=MEALS),
    Column(name="segment", kind="category", about="who booked", allowed=SEGMENTS),
    Column(name="room", kind="category", about="type of the room", pattern="^[a-z]$"),
    Column(name="customer", kind="category", about="kind of booking", allowed=CUSTOMERS),
    Column(name="requests", kind="integer", about="special requests", low=0, high=10),
    Column(name="usual_price", kind="number", about="of such a day, of all rooms", unit="euros", low=0, high=500),
)
ARRIVAL = Column(name="arrival", kind="date", about="the day of the arrival")
LEFT = "arrival + to_days((weekend_nights + week_nights + 1)::integer)"  # the guests have paid, and are gone
PRICE = Column(
    name="price", kind="number", about="mean price of a night", unit="euros", low=0, high=1000, known="after"
)
BOOKINGS = Table(
    name="bookings",
    columns=(BOOKING, ARRIVAL, *KNOWN, replace(PRICE, known_at=LEFT)),
    key=("booking",),
    min_rows=10_000,
    time="arrival",
    known_at="arrival",
)
FEATURES = Table(
    name="features",
    columns=(
        BOOKING,
        Column(name="asked_at", kind="time", about="prediction time: the day of the arrival begins"),
        ARRIVAL,
        *KNOWN,
        Column(name="month", kind="integer", about="of the arrival", low=1, high=12),
        PRICE,
        Column(name="paid_at", kind="time", about="the guests have left", known="after"),
    ),
    key=("booking",),
    min_rows=10_000,
    time="asked_at",
)
CONTRACT = Contract(
    tables=(BOOKINGS,),
    features=FEATURES,
    key="booking",
    time="asked_at",
    day="arrival",
    target="price",
    known_at="paid_at",
    problem="regression",
)
