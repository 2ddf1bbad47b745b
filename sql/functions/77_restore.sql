-- What a restored database believes and the world knows better.

create or replace function app.doubt_unsent(since timestamptz) returns jsonb
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  doubted  integer;
  skipped  integer;
begin
  perform app.refuse_api_client();
  -- Without a text the gateway's record cannot be searched: such a message waits for its template,
  -- and is told once too often rather than not at all.
  update app.outbound_messages o
     set status = 'unknown', doubts = o.doubts + 1
   where o.status in ('queued', 'sending') and o.body is not null and o.created_at <= since;
  get diagnostics doubted = row_count;
  update app.scheduled_notifications n set status = 'skipped', reason = 'came due between backup and restore'
   where n.status = 'planned' and n.due_at > since and n.due_at <= app.now();
  get diagnostics skipped = row_count;
  return jsonb_build_object('to_look_up', doubted, 'reminders_skipped', skipped);
end $$;
comment on function app.doubt_unsent(timestamptz) is 'The work of ops.after_restore.';
