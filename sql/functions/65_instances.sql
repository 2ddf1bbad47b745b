-- Instances as they are seen: states from events and from looks at the gateway, what webhooks lost, menus.

create or replace function app.note_event(tenant uuid, instance uuid, at timestamptz) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  -- A webhook each few milliseconds reads; one a minute writes, and none waits for it.
  if exists (select from app.instance_health h
              where h.tenant_id = tenant and h.instance_id = instance
                and h.missed_since is null and h.last_event_at > at - interval '1 minute') then
    return;
  end if;
  update app.instance_health h set last_event_at = greatest(h.last_event_at, at), missed_since = null
   where h.ctid = any (array(
     select x.ctid from app.instance_health x
      where x.tenant_id = tenant and x.instance_id = instance for update skip locked));
end $$;
comment on function app.note_event(uuid, uuid, timestamptz) is 'A webhook of this instance has come. Cheap: written once a minute.';

create or replace function app.set_instance_state(tenant uuid, instance uuid, new_state text, at timestamptz) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  -- Reconnect loops say the same thing dozens of times a second: only a change is written.
  if not exists (select from app.instances i
                  where i.tenant_id = tenant and i.id = instance and i.state is distinct from new_state) then
    if new_state = 'open' then
      perform app.resume_instance(instance);
    end if;
    return false;
  end if;
  update app.instances i set state = new_state, state_at = at
   where i.tenant_id = tenant and i.id = instance and i.state is distinct from new_state;
  if not found then
    return false;
  end if;
  if new_state = 'open' then
    -- What came while it was away may be dated from then on; given a moment to come by itself.
    update app.instance_health h
       set swept_until = least(h.swept_until, h.down_since), down_since = null, sweep_at = least(h.sweep_at, at + interval '5 seconds'),
           look_at = least(h.look_at, at + interval '5 seconds')
     where h.tenant_id = tenant and h.instance_id = instance;
    perform app.resume_instance(instance);
  else
    update app.instance_health h set down_since = coalesce(h.down_since, at), look_at = least(h.look_at, at + interval '5 seconds')
     where h.tenant_id = tenant and h.instance_id = instance;
  end if;
  return true;
end $$;
comment on function app.set_instance_state(uuid, uuid, text, timestamptz) is
  'The gateway told how an instance is connected. Written only where it changes: open ends a pause of sending and has the gap looked through. Returns whether it changed.';

create or replace function app.due_instances(lease interval, most integer) returns table (tenant_id uuid, instance_id uuid)
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  perform app.refuse_api_client();
  insert into app.instance_health (tenant_id, instance_id, look_at, sweep_at)
  select i.tenant_id, i.id, app.now(), app.now() from app.instances i
   where not exists (select from app.instance_health h where h.tenant_id = i.tenant_id and h.instance_id = i.id)
  on conflict on constraint instance_health_pkey do nothing;
  return query
    update app.instance_health h set look_at = app.now() + lease
      from (select x.tenant_id, x.instance_id from app.instance_health x
             where x.look_at <= app.now() order by x.look_at limit most for update skip locked) due
     where h.tenant_id = due.tenant_id and h.instance_id = due.instance_id
    returning h.tenant_id, h.instance_id;
end $$;
comment on function app.due_instances(interval, integer) is
  'Instances that it is time to ask the gateway about; for the length of lease nobody else is given them.';

create or replace function app.instance_seen(instance uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  select jsonb_build_object(
           'name', i.name, 'api_key_env', i.api_key_env, 'state', i.state,
           'problem', h.problem, 'integration', h.integration, 'server_version', h.server_version,
           'learn', h.integration is null or h.learnt_at is null or h.learnt_at < app.now() - interval '10 minutes',
           'sweep_at', h.sweep_at,
           -- Of what is old, only as much as is still answered; the first time, from what is known on.
           'swept_until', greatest(app.now() - interval '24 hours', coalesce(h.swept_until, (
             select max(m.received_at) from app.inbound_messages m
              where m.tenant_id = i.tenant_id and m.instance_id = i.id), app.now())))
    from app.instances i
    join app.instance_health h on h.tenant_id = i.tenant_id and h.instance_id = i.id
   where i.tenant_id = app.tenant_id() and i.id = instance
$$;
comment on function app.instance_seen(uuid) is 'What is known of an instance before a look at the gateway (db::instances::Seen).';

create or replace function app.record_look(instance uuid, look jsonb) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  wrong   constant text := look ->> 'problem';
  state   constant text := look ->> 'state';
begin
  if state is not null then
    perform app.set_instance_state(tenant, instance, state, app.now());
  end if;
  update app.instance_health h
     set looked_at = app.now(),
         answered_at = case when wrong is null then app.now() else h.answered_at end,
         problem = wrong,
         problem_since = case when wrong is not null then coalesce(h.problem_since, app.now()) end,
         integration = coalesce(look ->> 'integration', h.integration),
         server_version = coalesce(look ->> 'server_version', h.server_version),
         provider_instance_id = coalesce(look ->> 'provider_instance_id', h.provider_instance_id),
         learnt_at = case when (look -> 'learnt')::boolean then app.now() else h.learnt_at end,
         -- Another server may take what the last one refused.
         menus_refused = case when look ->> 'server_version' <> h.server_version then null else h.menus_refused end,
         look_at = app.now() + (look ->> 'again_in')::double precision * interval '1 second'
   where h.tenant_id = tenant and h.instance_id = instance;
end $$;
comment on function app.record_look(uuid, jsonb) is 'What a look at the gateway came to (db::instances::Look).';

create or replace function app.record_sweep(instance uuid, until timestamptz, missed integer, again_in interval) returns void
language sql volatile
set search_path = ''
as $$
  update app.instance_health h
     set swept_until = greatest(h.swept_until, until), sweep_at = app.now() + again_in,
         look_at = least(h.look_at, app.now() + again_in),
         -- Found is found once; webhooks that come again end it (app.note_event).
         missed_since = case when missed > 0 then coalesce(h.missed_since, app.now()) else h.missed_since end
   where h.tenant_id = app.tenant_id() and h.instance_id = instance
$$;
comment on function app.record_sweep(uuid, timestamptz, integer, interval) is
  'The gateway''s record was compared with what is known up to a moment; missed: messages that no webhook had brought.';

create or replace function app.known_messages(instance uuid, provider_ids text[]) returns setof text
language sql stable
set search_path = ''
as $$
  select m.provider_id from app.inbound_messages m
   where m.tenant_id = app.tenant_id() and m.instance_id = instance and m.provider_id = any (provider_ids)
  union all
  select o.provider_id from app.outbound_messages o
   where o.tenant_id = app.tenant_id() and o.channel = 'whatsapp' and o.provider_id = any (provider_ids)
$$;
comment on function app.known_messages(uuid, text[]) is 'Of these messages of an instance, those that are stored.';

create or replace function app.menu_form(tenant uuid, instance uuid) returns text
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select case
             when not app.flag(tenant, 'interactive_menus') or h.server_version is null then 'text'
             when h.menus_refused is not null and h.menus_refused_at > app.now() - interval '1 day' then 'text'
             when h.integration = 'WHATSAPP-BAILEYS' and v.version >= '{2,3,7}' then 'poll'
             -- Earlier ones tell who answered wrongly.
             when h.integration = 'WHATSAPP-BUSINESS' and v.version >= '{2,4,0}' then 'list'
             else 'text' end
      from (select h.* from app.instance_health h where h.tenant_id = tenant and h.instance_id = instance) h,
           lateral (select coalesce(array(select m[1]::integer from regexp_matches(h.server_version, '[0-9]{1,6}', 'g') m), '{0}') as version) v);
end $$;
comment on function app.menu_form(uuid, uuid) is
  'How an instance shows a menu: text, poll, or list (buttons, where there are few choices). Null: it has not been looked at, so text.';

create or replace function app.menus_refused(tenant uuid, instance uuid, kind text) returns void
language sql volatile
set search_path = ''
as $$
  update app.instance_health h set menus_refused = kind, menus_refused_at = app.now()
   where h.tenant_id = tenant and h.instance_id = instance
$$;
comment on function app.menus_refused(uuid, uuid, text) is 'The gateway does not take this kind of menu: the next ones go as text at once, for a day.';

create or replace function app.question_of(body text, choices jsonb) returns text
language sql immutable parallel safe
set search_path = ''
as $$
  -- As domain::conversation::choices::question: the lines of the menu go, wherever they stand.
  select nullif(btrim(replace(E'\n' || body || E'\n', E'\n' || (
           select string_agg(split_part(c.choice ->> 'id', '.', 2) || ' ' || (c.choice ->> 'label'), E'\n' order by c.n)
             from jsonb_array_elements(choices) with ordinality as c (choice, n)) || E'\n', E'\n'), E' \n'), '')
   where jsonb_array_length(choices) > 0
$$;
comment on function app.question_of(text, jsonb) is
  'What goes out of a menu that is shown as a poll, a list or buttons: its text without the lines of the menu. Null: it is no menu.';
