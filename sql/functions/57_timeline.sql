-- What was said, decided and done in a conversation, for the API and for people.

drop view if exists app.timeline;
create view app.timeline with (security_invoker = true) as
  select tenant_id, conversation_id, sent_at as at, 'customer' as who, kind, body ->> 'text' as text,
         case when processed_at is null then 'waiting' else 'read' end as status, id
    from app.inbound_messages where conversation_id is not null
  union all
  select tenant_id, conversation_id, created_at, case author when 'assistant' then author else 'person' end,
         coalesce(template, case author when 'assistant' then 'reply' else 'message' end), body, status, id
    from app.outbound_messages
  union all
  select tenant_id, conversation_id, at, 'turn', event ->> 'event',
         (before #>> '{state,state}') || ' → ' || (after #>> '{state,state}'), version, id
    from app.conversation_turns
  union all
  select tenant_id, conversation_id, at, 'event', event,
         coalesce(detail ->> 'mode', detail ->> 'reason', detail ->> 'text'), actor, id
    from app.conversation_events;
comment on view app.timeline is
  'What was said, decided and done in a conversation; order by at, id. who: customer, assistant, person (of the tenant), turn, event.';
