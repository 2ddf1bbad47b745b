-- As inbound_messages_age.
create index concurrently conversation_events_age on app.conversation_events using brin (at)
