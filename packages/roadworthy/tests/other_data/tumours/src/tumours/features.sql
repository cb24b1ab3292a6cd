-- One row for each sample with what is measured, and the diagnosis that comes later.
select
    sample,
    radius,
    texture,
    smoothness,
    compactness,
    concavity,
    concave_points,
    symmetry,
    diagnosis
from samples
order by sample
