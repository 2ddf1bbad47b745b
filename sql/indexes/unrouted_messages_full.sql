-- Bodies that are still to be emptied.
create index concurrently unrouted_messages_full on app.unrouted_messages (received_at) where body <> '{}'
