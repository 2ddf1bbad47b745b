-- Every tenant sees the defaults; whoever has no tenant sees nothing, as everywhere.
drop policy if exists defaults_are_seen on app.feature_flags;
create policy defaults_are_seen on app.feature_flags for select to pontual_app
  using (tenant_id is null and (select app.tenant_id()) is not null);
