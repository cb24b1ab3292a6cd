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
    -- About half of the samples: what the model says of both is compared.
    case when smoothness < 0.095 then 'smooth' else 'rough' end as edge,
    diagnosis
from samples
order by sample
