-- As inbound_messages_age.
create index concurrently outbound_messages_age on app.outbound_messages using brin (created_at)
