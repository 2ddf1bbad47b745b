-- The delivery report: what is planned, what was told, and what became of it.

create or replace view ops.notification_delivery with (security_invoker = true) as
  select r.tenant_id, r.booking_id, r.event, r.channel, r.status, r.reason, r.revision, r.created_at,
         r.due_at, r.sent_at, r.delivered_at, r.read_at, r.late_by, r.outbound_message_id,
         r.at, r.staff_id, r.attempts, r.fallback_of
    from app.notification_report r;
comment on view ops.notification_delivery is
  'What customers and staff are to be told (planned), were told, and what became of it, a row for each channel; order by at. late_by: sent after due. fallback_of: the message in whose place it went.';
