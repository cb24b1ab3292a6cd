-- One row for each booking, as it is known when the guests arrive, and the price that they pay in the end.
select
    booking,
    timezone('UTC', arrival::timestamp) as asked_at,
    arrival,
    days_ahead,
    weekend_nights,
    week_nights,
    adults,
    children,
    meal,
    segment,
    room,
    customer,
    requests,
    usual_price,
    month(arrival) as month,
    price,
    timezone('UTC', (arrival + to_days((weekend_nights + week_nights + 1)::integer))::timestamp) as paid_at
from bookings
order by asked_at, booking
