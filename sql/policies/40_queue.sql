-- Jobs name tenants and conversations of everybody. The program works through all of them; whoever
-- comes with a tenant's token (PostgREST, Supabase) sees and touches none, though the role is the same.

do $$
declare
  t  regclass;
begin
  -- What is there already is not touched: it would wait for every worker. A rule that changes gets
  -- another name.
  foreach t in array array['apalis.jobs', 'apalis.workers']::regclass[] loop
    if not (select relrowsecurity from pg_catalog.pg_class where oid = t) then
      execute format('alter table %s enable row level security', t);
    end if;
    if not exists (select from pg_catalog.pg_policy where polrelid = t and polname = 'program_without_token') then
      execute format('create policy program_without_token on %s to pontual_app
                        using ((select nullif(current_setting(''request.jwt.claims'', true), '''') is null))
                        with check ((select nullif(current_setting(''request.jwt.claims'', true), '''') is null))', t);
      execute format('create policy definer_everywhere on %s to pontual_definer using (true) with check (true)', t);
      execute format('create policy ops_reads on %s for select to pontual_ops using (true)', t);
    end if;
  end loop;
  if not exists (select from pg_catalog.pg_policy where polrelid = 'apalis.jobs'::regclass and polname = 'ops_acts') then
    create policy ops_acts on apalis.jobs for update to pontual_ops using (true) with check (true);
  end if;
end $$;
