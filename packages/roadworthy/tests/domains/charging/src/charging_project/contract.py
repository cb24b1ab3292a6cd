"""What the tables of charging sessions must look like; the bounds are those of the generator, with a margin."""

from dataclasses import replace

from roadworthy.contract.schema import Column, Contract, Law, Reference, Rule, Table

UNPLUGGED = "plugged_in + to_minutes(minutes)"
SITE = Column(name="site", kind="category", about="where it is charged", pattern="^[A-Z]{3}$")
PLUG = Column(name="plug", kind="category", about="connector", allowed=("ccs", "type2"))
PLACE = Column(name="place", kind="category", about="what the site is", allowed=("campus", "factory", "office"))
PRICE = Column(name="price", kind="number", about="of a kilowatt hour", unit="EUR", low=0, high=2, max_null=0.1)
BATTERY = Column(
    name="battery", kind="integer", about="charged when plugged in", unit="%", low=0, high=100, max_null=0.1
)
SPOTS = Column(name="spots", kind="integer", about="chargers of the site", low=1, high=60)
MINUTES = Column(
    name="minutes",
    kind="integer",
    about="until it was unplugged",
    unit="minutes",
    low=1,
    high=1440,
    max_null=0.05,
    known="after",
    known_at=UNPLUGGED,
)

SESSIONS = Table(
    name="sessions",
    columns=(
        Column(name="session", kind="text", about="number", pattern="^S[0-9]{6}$"),
        Column(
            name="driver",
            kind="text",
            about="card of the driver",
            pattern="^D[0-9]{4}[A-Z]$",
            max_null=0.1,
            private=True,
        ),
        SITE,
        PLUG,
        Column(name="plugged_in", kind="time", about="start of the session"),
        Column(name="planned", kind="integer", about="as the driver said", unit="minutes", low=5, high=720),
        PRICE,
        BATTERY,
        Column(name="guest", kind="boolean", about="not one of the staff"),
        MINUTES,
        replace(MINUTES, name="kwh", kind="number", about="energy", unit="kWh", low=0, high=120),
    ),
    key=("session",),
    rules=(Rule("metered", "kwh is null or minutes is not null", "energy is known only when the end is"),),
    laws=(Law("power", "avg((kwh / (minutes / 60) > 23)::integer)", 0.0, 0.01, "share of sessions above 22 kW"),),
    references=(Reference("site", "sites", "site"),),
    min_rows=500,
    time="plugged_in",
)
SITES = Table(
    name="sites",
    columns=(
        SITE,
        PLACE,
        SPOTS,
        Column(name="covered", kind="boolean", about="whether it has a roof"),
        Column(name="opened", kind="date", about="first day"),
    ),
    key=("site",),
)
FEATURES = Table(
    name="features",
    columns=(
        Column(name="session", kind="text", about="number", pattern="^S[0-9]{6}$"),
        Column(name="plugged_at", kind="time", about="prediction time: the car is plugged in"),
        Column(name="workday", kind="date", about="date of the session; those of one day are not independent"),
        SITE,
        PLUG,
        replace(PLACE, max_null=0.05),
        Column(name="weekday", kind="integer", about="1 is Monday", low=1, high=7),
        Column(name="hour", kind="integer", about="of the day, in UTC", low=0, high=23),
        Column(name="planned", kind="integer", about="as the driver said", unit="minutes", low=5, high=720),
        PRICE,
        BATTERY,
        replace(SPOTS, max_null=0.05),
        Column(name="covered", kind="integer", about="1 under a roof", low=0, high=1, max_null=0.05),
        Column(name="guest", kind="integer", about="1 for one who is not of the staff", low=0, high=1),
        Column(
            name="recent",
            kind="number",
            about="share of the site's sessions that overstayed, of those that ended in the last 3 days",
            low=0,
            high=1,
            max_null=0.3,
        ),
        Column(name="need", kind="number", about="to leave as planned", unit="%/h", low=0, high=1200, max_null=0.1),
        Column(name="overstays", kind="boolean", about="stays longer than planned", max_null=0.05, known="after"),
        Column(name="unplugged_at", kind="time", about="end of the session", max_null=0.05, known="after"),
    ),
    key=("session",),
    min_rows=500,
    time="plugged_at",
)
CONTRACT = Contract(
    tables=(SESSIONS, SITES),
    features=FEATURES,
    key="session",
    time="plugged_at",
    day="workday",
    target="overstays",
    known_at="unplugged_at",
)
