-- The delivery report, for the tenant's API and for ops.notification_delivery.

drop view if exists app.notification_report;
create view app.notification_report with (security_invoker = true) as
  select n.tenant_id, n.id, n.booking_id, o.staff_id, n.event, n.channel, n.status, n.reason, n.revision, n.created_at,
         n.created_at as at, s.due_at, o.sent_at, o.delivered_at, o.read_at, o.sent_at - s.due_at as late_by,
         n.outbound_message_id, o.attempts, o.fallback_of
    from app.booking_notifications n
    left join app.outbound_messages o on o.tenant_id = n.tenant_id and o.id = n.outbound_message_id
    left join app.scheduled_notifications s
      on s.tenant_id = n.tenant_id and s.booking_id = n.booking_id and s.revision = n.revision and s.kind = n.event
  union all
  -- What goes to staff is of no booking.
  select o.tenant_id, o.id, null, o.staff_id, o.template, o.channel,
         case when o.status in ('sending', 'unknown') then 'queued' else o.status end, o.error, null, o.created_at,
         o.created_at, null, o.sent_at, o.delivered_at, o.read_at, null, o.id, o.attempts, o.fallback_of
    from app.outbound_messages o where o.staff_id is not null
  union all
  select s.tenant_id, s.id, s.booking_id, s.staff_id, s.kind, null, s.status, s.reason, s.revision, s.created_at,
         s.due_at, s.due_at, null, null, null, null, null, null, null
    from app.scheduled_notifications s where s.status = 'planned';
comment on view app.notification_report is
  'Notifications still planned and those told, by channel. at: when a planned one is due, when another was made.';
