-- The last message that no turn asked for is looked for in every turn; long talks have few of them.
create index concurrently outbound_messages_notices on app.outbound_messages (tenant_id, conversation_id, seq)
  where template is not null
