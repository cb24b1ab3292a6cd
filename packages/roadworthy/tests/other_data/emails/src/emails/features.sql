-- One row for each message with what is known when it arrives, and what the reader says of it within a day.
select
    message,
    received,
    received::date as day,
    several::integer as several,
    (answered or reply)::integer as known,
    html::integer as html,
    attachments,
    dollars,
    winner::integer + inherit + password as words,
    size,
    1000 * size / greatest(lines, 1) as width,
    exclamations,
    number,
    spam,
    received + interval 1 day as read_at
from messages
order by received, message
