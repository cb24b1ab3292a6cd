-- One row for each patient with what is measured, and the progression that comes later.
select
    patient,
    sex,
    age,
    bmi,
    blood_pressure,
    cholesterol,
    ldl,
    hdl,
    log_lipids,
    glucose,
    case when bmi >= 30 then 'yes' else 'no' end as heavy,
    progression
from patients
order by patient
