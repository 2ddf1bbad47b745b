-- Functions that run with their owner's rights and do not pin their search_path, or that anybody may call.
select p.oid::regprocedure as function_name
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname in ('app', 'queue', 'ops') and p.prosecdef
   and (not coalesce(p.proconfig::text like '%search_path=%', false)
        or p.proowner <> 'pontual_definer'::regrole
        or pg_catalog.has_function_privilege('public', p.oid, 'execute'));
