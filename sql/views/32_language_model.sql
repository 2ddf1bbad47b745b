-- What the language model costs, and how much of a day's budget is left.

drop view if exists ops.model_usage;
create view ops.model_usage with (security_invoker = true) as
  select t.slug as tenant, u.day, u.calls, u.cached, u.failed, u.refused, u.prompt_tokens, u.completion_tokens, u.cost,
         t.model_calls_a_day, t.model_cost_a_day
    from app.model_usage u
    join app.tenants t on t.id = u.tenant_id;
comment on view ops.model_usage is
  'Questions to the language model, a row a tenant and day: calls made, answers taken from earlier ones, failures, questions refused for want of budget, tokens and cost. model_…_a_day: the tenant''s own limits; null: the workers'' settings.';
