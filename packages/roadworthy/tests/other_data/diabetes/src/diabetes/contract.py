"""What the table must look like, and its features."""

from roadworthy import Column, Contract, Table

PATIENT = Column(name="patient", kind="text", about="number of the patient", pattern="P[0-9]{3}")
SEX = Column(name="sex", kind="category", about="sex; which is which is not said", allowed=("first", "second"))
MEASURED = (
    Column(name="age", kind="number", about="age", unit="years", low=15, high=100),
    Column(name="bmi", kind="number", about="body mass index", unit="kg/m2", low=15, high=50),
    Column(name="blood_pressure", kind="number", about="mean blood pressure", unit="mmHg", low=50, high=150),
    Column(name="cholesterol", kind="number", about="total cholesterol", unit="mg/dl", low=80, high=350),
    Column(name="ldl", kind="number", about="low-density lipoproteins", unit="mg/dl", low=30, high=300),
    Column(name="hdl", kind="number", about="high-density lipoproteins", unit="mg/dl", low=15, high=120),
    Column(name="log_lipids", kind="number", about="logarithm of triglycerides", low=2.5, high=7),
    Column(name="glucose", kind="number", about="blood sugar", unit="mg/dl", low=40, high=150),
)
PROGRESSION = Column(
    name="progression", kind="number", about="how far the disease had come a year later", low=0, high=400, known="after"
)
PATIENTS = Table(name="patients", columns=(PATIENT, SEX, *MEASURED, PROGRESSION), key=("patient",), min_rows=400)
HEAVY = Column(name="heavy", kind="category", about="body mass index of 30 and more", allowed=("yes", "no"))
FEATURES = Table(
    name="features",
    columns=(
        PATIENT,
        SEX,
        *MEASURED,
        HEAVY,
        PROGRESSION,
    ),
    key=("patient",),
)
CONTRACT = Contract(
    tables=(PATIENTS,),
    features=FEATURES,
    key="patient",
    time="",
    day="",
    known_at="",
    target="progression",
    problem="regression",
)
