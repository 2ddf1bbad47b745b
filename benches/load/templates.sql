-- What turns really saved, with what differs from turn to turn left out: what pgbench saves again.

drop schema if exists load cascade;
create schema load;
grant usage on schema load to pontual_app;
create sequence load.slots;
grant usage on sequence load.slots to pontual_app;

create table load.templates (
  tenant_id   uuid not null,
  state       text not null,
  has_booking boolean not null,
  nth         integer not null,
  of          integer not null,
  asks        boolean not null,
  payload     jsonb not null,
  effects     text not null,
  constraint templates_pkey primary key (tenant_id, state, has_booking, nth));
insert into load.templates
select tenant_id, state, has_booking, row_number() over (partition by tenant_id, state, has_booking order by id),
       count(*) over (partition by tenant_id, state, has_booking), asks, payload, effects
  from (
    select t.id, t.tenant_id, t.before #>> '{state,state}' as state, jsonb_array_length(t.known -> 'bookings') > 0 as has_booking,
           t.known -> 'busy' <> 'null' as asks,
           jsonb_build_object(
             'timer', null, 'state', t.after #>> '{state,state}', 'context', t.after, 'version', t.version,
             'choices', coalesce((
               select o.choices from app.outbound_messages o
                where o.tenant_id = t.tenant_id and o.conversation_id = t.conversation_id and o.created_at = t.at and o.template is null
                limit 1), '[]'),
             'journal', jsonb_build_array(jsonb_build_object(
               'event', t.event, 'before', t.before, 'after', t.after, 'effects', t.effects, 'known', t.known))) as payload,
           (select jsonb_agg(case e ->> 'effect'
                     when 'hold' then e || jsonb_build_object('until', '{{until}}', 'lines', (
                       select jsonb_agg(l || '{"starts_at": "{{start}}"}') from jsonb_array_elements(e -> 'lines') l))
                     when 'set_timer' then e || '{"at": "{{until}}"}'
                     else case when e ? 'booking_id' then e || '{"booking_id": "{{booking}}"}' else e end end)
              from jsonb_array_elements(t.effects) e)::text as effects,
           row_number() over (partition by t.tenant_id, t.before #>> '{state,state}', jsonb_array_length(t.known -> 'bookings') > 0
                              order by t.seq desc) as latest
      from app.conversation_turns t
     where t.known is not null and t.event ->> 'event' = 'said' and t.effects @> '[{"effect": "reply"}]'
       and not t.effects @> '[{"effect": "move"}]') turns
 where latest <= 40;
grant select on load.templates to pontual_app;
analyze load.templates;

-- What workers remember of catalogues.
create table load.remembered (tenant_id uuid primary key, known jsonb not null);
do $$
declare
  t  record;
begin
  for t in select distinct on (tenant_id) tenant_id, payload #>> '{journal,0,known,catalogue}' as hash from load.templates loop
    perform set_config('app.tenant_id', t.tenant_id::text, true);
    insert into load.remembered values (t.tenant_id, jsonb_build_object('catalogue_version', app.catalogue_version(), 'catalogue_hash', t.hash));
  end loop;
end $$;
grant select on load.remembered to pontual_app;
