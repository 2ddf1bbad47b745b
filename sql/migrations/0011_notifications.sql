-- Notifications: re-planning, what follows a visit, what recurs, and news for those who want them.

alter table app.tenants
  add column tell_events   text[] not null default '{}',
  add column recall_after  interval;
alter table app.tenants
  add constraint tenants_tell_events_are_known check (tell_events <@ array['arrived', 'completed', 'no_show']),
  add constraint tenants_recall_after_is_a_length check (recall_after >= '7 days' and recall_after <= '1096 days');
comment on column app.tenants.tell_events is 'Which of arrived, completed (thanks) and no_show customers are told of; confirmed, moved and cancelled always are.';
comment on column app.tenants.recall_after is 'How long after their last visit customers who consented to news are invited again; null: never.';

alter table app.staff
  add column phone   text,
  add column email   text,
  add column agenda  time;
alter table app.staff
  add constraint staff_phone_is_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  add constraint staff_email_is_an_address check (email ~ '^[^@[:space:][:cntrl:]<>]+@[^@[:space:][:cntrl:]<>]+$' and length(email) <= 254),
  add constraint staff_agenda_has_an_address check (agenda is null or phone is not null or email is not null);
comment on column app.staff.phone is 'E.164 with +: where their agenda goes, by WhatsApp.';
comment on column app.staff.email is 'Where their agenda goes if they have no phone.';
comment on column app.staff.agenda is 'Local time at which they get the bookings of their day; null: they do not.';

alter table app.customers add column marketing_consent_at timestamptz;
comment on column app.customers.marketing_consent_at is
  'Since when they want news, such as an invitation months after a visit; null: they never said so, or took it back by opting out.';

alter table app.scheduled_notifications
  alter column booking_id drop not null,
  alter column before drop not null,
  alter column revision drop not null,
  add column staff_id     uuid,
  add column recurrence   text,
  add column recurs_from  timestamp,
  drop constraint scheduled_notifications_kind_is_readable;
alter table app.scheduled_notifications
  add constraint scheduled_notifications_kind_is_readable check (kind ~ '^[a-z]+(_[a-z0-9]+)*$'),
  add constraint scheduled_notifications_of_a_booking_or_recurring check (
    case when booking_id is not null
         then revision is not null and recurrence is null and recurs_from is null and staff_id is null
         else kind in ('agenda', 'recall') and recurrence is not null and recurs_from is not null
              and (kind = 'agenda') = (staff_id is not null) end),
  add constraint scheduled_notifications_reminders_have_a_lead check (kind not like 'reminder\_%' or before is not null),
  add constraint scheduled_notifications_recurrence_is_a_rule check (
    length(recurrence) <= 200
    and recurrence ~ '^FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY)(;(INTERVAL|COUNT|UNTIL|WKST|BY(MONTH|WEEKNO|YEARDAY|MONTHDAY|DAY|HOUR|MINUTE|SECOND|SETPOS))=[0-9A-Z,+-]+)*$'),
  add constraint scheduled_notifications_staff_fkey foreign key (tenant_id, staff_id) references app.staff (tenant_id, id);
-- However many workers plan the next occurrence, there is one.
create unique index scheduled_notifications_one_next on app.scheduled_notifications (tenant_id, kind, staff_id) nulls not distinct
  where booking_id is null and status = 'planned';
create index scheduled_notifications_staff on app.scheduled_notifications (tenant_id, staff_id) where staff_id is not null;
comment on table app.scheduled_notifications is
  'What is to be sent at a time: reminders, written by trigger in the booking''s own transaction; thanks that wait for the morning; what recurs.';
comment on column app.scheduled_notifications.booking_id is 'Null: it recurs.';
comment on column app.scheduled_notifications.kind is
  'reminder_24h, reminder_1h, …; completed, no_show: told after the quiet hours; agenda: of a member of staff; recall: invitations to all whose visit is long ago.';
comment on column app.scheduled_notifications.before is 'Of a reminder: how long before the start.';
comment on column app.scheduled_notifications.staff_id is 'Whose agenda.';
comment on column app.scheduled_notifications.recurrence is
  'RFC 5545 recurrence rule without RRULE:, in the tenant''s local time. The next occurrence is planned as one is sent.';
comment on column app.scheduled_notifications.recurs_from is 'DTSTART of the recurrence, local time.';

alter table app.outbound_messages
  add column staff_id uuid,
  drop constraint outbound_messages_templates_speak_of_a_booking;
alter table app.outbound_messages
  add constraint outbound_messages_templates_speak_of_a_booking check (
    template is null or booking_id is not null or template = 'agenda' and staff_id is not null),
  add constraint outbound_messages_staff_fkey foreign key (tenant_id, staff_id) references app.staff (tenant_id, id);
create index outbound_messages_staff on app.outbound_messages (tenant_id, staff_id) where staff_id is not null;
comment on column app.outbound_messages.staff_id is 'Of an agenda: the member of staff it is for.';

alter table app.booking_notifications drop constraint booking_notifications_event_is_known;
alter table app.booking_notifications add constraint booking_notifications_event_is_known
  check (event in ('confirmed', 'moved', 'cancelled', 'arrived', 'completed', 'no_show', 'recall') or event like 'reminder\_%');

create table app.replans (
  tenant_id    uuid not null,
  wanted_at    timestamptz not null default app.now(),
  after_start  timestamptz,
  after_id     uuid,
  done_at      timestamptz,
  constraint replans_pkey primary key (tenant_id),
  constraint replans_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.replans is 'How far the reminders of a tenant have been planned anew after its rules changed.';
comment on column app.replans.wanted_at is 'When its rules last changed.';
comment on column app.replans.after_start is 'Bookings that start up to here are done; null: none.';
comment on column app.replans.after_id is 'The last one done among those that start at the same time.';
comment on column app.replans.done_at is 'When all were done; null: the job replan_reminders is at it.';
insert into queue.kinds (kind) values ('replan_reminders');
