-- Old texts are found by age. Rows are written in order of time, so ranges of blocks do.
create index concurrently inbound_messages_age on app.inbound_messages using brin (received_at)
