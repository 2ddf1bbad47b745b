-- As inbound_messages_age.
create index concurrently conversation_turns_age on app.conversation_turns using brin (at)
