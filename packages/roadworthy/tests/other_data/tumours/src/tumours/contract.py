"""What the table must look like, and its features."""

from roadworthy import Column, Contract, Table

SAMPLE = Column(name="sample", kind="text", about="number of the sample", pattern="S[0-9]{3}")
MEASURED = (
    Column(name="radius", kind="number", about="mean radius of the nuclei", low=5, high=35),
    Column(name="texture", kind="number", about="spread of their grey values", low=5, high=50, max_null=0.1),
    Column(name="smoothness", kind="number", about="how much radii differ from their neighbours", low=0.03, high=0.25),
    Column(name="compactness", kind="number", about="perimeter squared by area, less 1", low=0, high=0.5),
    Column(name="concavity", kind="number", about="how deep the contour goes in", low=0, high=0.6),
    Column(name="concave_points", kind="number", about="how much of the contour goes in", low=0, high=0.3),
    Column(name="symmetry", kind="number", about="how unlike both sides are", low=0.05, high=0.4),
)
WORST = (
    Column(name="worst_radius", kind="number", about="mean of the three largest radii", low=5, high=45),
    Column(name="worst_texture", kind="number", about="mean of the three largest textures", low=8, high=60),
)
DIAGNOSIS = Column(
    name="diagnosis", kind="category", about="malignant or benign", allowed=("malignant", "benign"), known="after"
)
SAMPLES = Table(name="samples", columns=(SAMPLE, *MEASURED, *WORST, DIAGNOSIS), key=("sample",), min_rows=500)
FEATURES = Table(
    name="features",
    columns=(
        SAMPLE,
        *MEASURED,
        Column(name="edge", kind="category", about="by smoothness", allowed=("smooth", "rough")),
        DIAGNOSIS,
    ),
    key=("sample",),
)
CONTRACT = Contract(
    tables=(SAMPLES,),
    features=FEATURES,
    key="sample",
    time="",
    day="",
    known_at="",
    target="diagnosis",
    positive="malignant",
)
