"""A sound contract for tests that are about a part of it."""

from roadworthy.contract.schema import Column, Contract, Table

ROLES = {"key": "flight_id", "time": "as_of", "day": "day", "target": "late", "known_at": "known_at"}
ROLE_COLUMNS = (
    Column(name="flight_id", kind="text", about="number of the flight"),
    Column(name="as_of", kind="time", about="when it is predicted"),
    Column(name="day", kind="date", about="of departure"),
    Column(name="late", kind="boolean", about="15 minutes or more", known="after"),
    Column(name="known_at", kind="time", about="when it has landed", known="after"),
)
DISTANCE = Column(name="distance", kind="number", about="between the airports")


def sound_contract(*columns: Column, tables: tuple[Table, ...] = ()) -> Contract:
    """A contract with these columns of the features beside those of the roles."""
    features = Table(name="features", columns=(*ROLE_COLUMNS, *(columns or (DISTANCE,))), key=("flight_id",))
    return Contract(tables=tables, features=features, **ROLES)
