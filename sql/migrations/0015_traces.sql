-- The trace that a message or a reminder belongs to, and since when somebody has waited for it.

set lock_timeout = '2s';

-- The settings are empty unless a transaction sets them: a row without them takes no more room than
-- before.
alter table app.outbound_messages
  add column traceparent  text,
  add column wanted_at    timestamptz;
alter table app.outbound_messages
  alter column traceparent set default nullif(current_setting('app.traceparent', true), ''),
  alter column wanted_at set default nullif(current_setting('app.wanted_at', true), '')::timestamptz;
comment on column app.outbound_messages.traceparent is
  'What wrote it, as W3C Trace Context names that: its sending joins the trace. Null: not traced.';
comment on column app.outbound_messages.wanted_at is
  'Since when somebody waits for it: when the message that brought it about arrived, or when the reminder was due. Null: nothing of the kind.';

alter table app.scheduled_notifications
  add column traceparent  text;
alter table app.scheduled_notifications
  alter column traceparent set default nullif(current_setting('app.traceparent', true), '');
comment on column app.scheduled_notifications.traceparent is
  'What planned it, as W3C Trace Context names that: its own trace, often days later, points there. Null: not traced.';
