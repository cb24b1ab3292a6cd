"""What the tables of the plant must look like; nothing in them tells of a person."""

from dataclasses import replace

from roadworthy.contract.schema import Column, Contract, Law, Reference, Rule, Table

MACHINE = Column(name="machine", kind="category", about="which one", pattern="^M[0-9]{2}$")
PRODUCT = Column(name="product", kind="category", about="what is made", allowed=("bolt", "gear", "shaft", "valve"))
MAKER = Column(name="maker", kind="category", about="of the machine", pattern="^[A-Z][a-z]{2,19}$")
TEMPERATURE = Column(
    name="temperature", kind="number", about="of the spindle", unit="C", low=10, high=95, max_null=0.05
)
VIBRATION = Column(name="vibration", kind="number", about="of the spindle", unit="mm/s", low=0, high=25, max_null=0.08)

READINGS = Table(
    name="readings",
    columns=(
        Column(name="reading", kind="integer", about="number of the part", low=1, high=100_000),
        MACHINE,
        PRODUCT,
        Column(name="taken_at", kind="time", about="when the part was made"),
        TEMPERATURE,
        VIBRATION,
        Column(name="speed", kind="integer", about="of the spindle", unit="rpm", low=200, high=9000),
        Column(
            name="inspected",
            kind="time",
            about="when somebody looked at the part",
            max_null=0.06,
            known="after",
            known_at="inspected",
        ),
        Column(name="faulty", kind="boolean", about="not as drawn", max_null=0.06, known="after", known_at="inspected"),
    ),
    key=("reading",),
    rules=(Rule("order", "inspected > taken_at", "a part is inspected after it is made"),),
    laws=(Law("scrap", "avg(faulty::integer)", 0.02, 0.5, "share of faulty parts"),),
    references=(Reference("machine", "machines", "machine"),),
    min_rows=1000,
    time="taken_at",
)
MACHINES = Table(
    name="machines",
    columns=(
        MACHINE,
        MAKER,
        Column(name="commissioned", kind="date", about="first day in the plant"),
        Column(name="rated", kind="integer", about="highest speed", unit="rpm", low=1000, high=9000),
        Column(name="automatic", kind="boolean", about="loads itself"),
    ),
    key=("machine",),
)
SERVICES = Table(
    name="services",
    columns=(
        MACHINE,
        Column(name="done", kind="time", about="end of the service"),
        Column(name="reason", kind="text", about="why", allowed=("planned", "repair")),
    ),
    key=("machine", "done"),
    references=(Reference("machine", "machines", "machine"),),
    time="done",
    known_at="done",
    max_missing_days=60,
)
FEATURES = Table(
    name="features",
    columns=(
        Column(name="reading", kind="text", about="number of the part", pattern="^R[0-9]{1,8}$"),
        Column(name="taken_at", kind="time", about="prediction time: the part is made"),
        Column(name="shift", kind="date", about="day of the early shift; it ends at 6 in the morning after"),
        PRODUCT,
        replace(MAKER, max_null=0.02),
        Column(name="automatic", kind="integer", about="1 if the machine loads itself", low=0, high=1, max_null=0.02),
        TEMPERATURE,
        VIBRATION,
        Column(name="load", kind="number", about="speed as a share of the highest", low=0, high=2, max_null=0.02),
        Column(name="age", kind="integer", about="of the machine", unit="years", low=0, high=60, max_null=0.02),
        Column(
            name="since_service", kind="number", about="time since then", unit="hours", low=0, high=2000, max_null=0.2
        ),
        Column(
            name="recent_faults",
            kind="number",
            about="share of faulty parts among those of the machine that were inspected in the last 2 days",
            low=0,
            high=1,
            max_null=0.6,
        ),
        Column(name="faulty", kind="boolean", about="not as drawn", max_null=0.06, known="after"),
        Column(name="inspected_at", kind="time", about="so the label is known", max_null=0.06, known="after"),
    ),
    key=("reading",),
    min_rows=1000,
    time="taken_at",
)
CONTRACT = Contract(
    tables=(READINGS, MACHINES, SERVICES),
    features=FEATURES,
    key="reading",
    time="taken_at",
    day="shift",
    target="faulty",
    known_at="inspected_at",
)
