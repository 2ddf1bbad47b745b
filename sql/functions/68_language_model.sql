-- Questions to a language model: what waits for it in the conversation, its budget, its answers.

create or replace function app.ask_model(tenant uuid, conversation uuid, question jsonb) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  asked  constant uuid := app.uuid_v7();
  due    constant timestamptz := (question ->> 'until')::timestamptz;
  args   constant jsonb := jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation);
  job    text;
begin
  -- Whatever becomes of the question, the customer is answered then.
  job := queue.enqueue('process_message', args, due);
  insert into app.conversation_timers (tenant_id, conversation_id, timer, due_at, promoted_at, question_id, question, job_id)
  values (tenant, conversation, 'interpretation', due, app.now(), asked, question, job)
  on conflict on constraint conversation_timers_pkey
  do update set due_at = excluded.due_at, promoted_at = excluded.promoted_at, question_id = excluded.question_id,
                question = excluded.question, answer = null, job_id = excluded.job_id;
  perform queue.enqueue('interpret_message', args || jsonb_build_object('question_id', asked));
end $$;
comment on function app.ask_model(uuid, uuid, jsonb) is
  'A turn asks about words it did not understand: the question waits beside the timer that ends the waiting, and a job asks it.';

create or replace function app.open_question(conversation uuid, question uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('question', t.question, 'catalogue', app.catalogue())
      from app.conversation_timers t
     where t.tenant_id = app.tenant_id() and t.conversation_id = conversation and t.timer = 'interpretation'
       and t.question_id = open_question.question and t.answer is null and t.due_at > app.now());
end $$;
comment on function app.open_question(uuid, uuid) is
  'A question that is still waited for, with the catalogue it is about; null: the customer has written since, or has been answered.';

create or replace function app.model_day() returns date
language plpgsql stable
set search_path = ''
as $$
begin
  return (select (app.now() at time zone t.timezone)::date from app.tenants t where t.id = app.tenant_id());
end $$;
comment on function app.model_day() is 'The day that the tenant''s budget is of.';

create or replace function app.begin_model_call(hash bytea, calls integer, cost numeric) returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  today   constant date := app.model_day();
  known   jsonb;
begin
  select a.answer into known from app.model_answers a where a.tenant_id = tenant and a.question_hash = hash;
  if found then
    insert into app.model_usage as u (tenant_id, day, cached) values (tenant, today, 1)
    on conflict on constraint model_usage_pkey do update set cached = u.cached + 1;
    return jsonb_build_object('outcome', 'cached', 'answer', known);
  end if;
  insert into app.model_usage (tenant_id, day) values (tenant, today) on conflict on constraint model_usage_pkey do nothing;
  -- Counted before it is made: whatever becomes of it, it may have cost.
  update app.model_usage u set calls = u.calls + 1
    from app.tenants t
   where t.id = tenant and u.tenant_id = tenant and u.day = today
     and u.calls < coalesce(t.model_calls_a_day, begin_model_call.calls)
     and u.cost < coalesce(t.model_cost_a_day, begin_model_call.cost);
  if found then
    return '{"outcome": "call"}';
  end if;
  update app.model_usage u set refused = u.refused + 1 where u.tenant_id = tenant and u.day = today;
  return '{"outcome": "over_budget"}';
end $$;
comment on function app.begin_model_call(bytea, integer, numeric) is
  'Before a question is asked: cached, with what an equal one was answered; call, and counted; over_budget. calls, cost: what a day may have where the tenant says nothing else.';

create or replace function app.end_model_call(
  hash bytea, attempts integer, prompt_tokens bigint, completion_tokens bigint, cost numeric, answer jsonb
) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
begin
  insert into app.model_usage as u (tenant_id, day, calls, failed, prompt_tokens, completion_tokens, cost)
  values (tenant, app.model_day(), attempts - 1, (answer is null)::integer, end_model_call.prompt_tokens,
          end_model_call.completion_tokens, end_model_call.cost)
  on conflict on constraint model_usage_pkey do update
     set calls = u.calls + excluded.calls, failed = u.failed + excluded.failed,
         prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
         completion_tokens = u.completion_tokens + excluded.completion_tokens, cost = u.cost + excluded.cost;
  if answer is not null then
    insert into app.model_answers (tenant_id, question_hash, answer) values (tenant, hash, end_model_call.answer)
    on conflict on constraint model_answers_pkey do nothing;
  end if;
end $$;
comment on function app.end_model_call(bytea, integer, bigint, bigint, numeric, jsonb) is
  'After a question was asked: what it used up, and the answer for the next one that is equal. answer: JSON null is one; null: there was none. attempts: the first is counted already, 0 takes it back.';

create or replace function app.answer_question(conversation uuid, question uuid, answer jsonb) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  tenant  constant uuid := app.tenant_id();
  job     text;
begin
  -- The lock that turns take: a turn that reads on has taken the question away, or finds the answer.
  perform from app.conversations c where c.tenant_id = tenant and c.id = conversation for no key update;
  select t.job_id into job from app.conversation_timers t
   where t.tenant_id = tenant and t.conversation_id = conversation and t.timer = 'interpretation'
     and t.question_id = answer_question.question and t.answer is null and t.due_at > app.now();
  if not found then
    return false;
  end if;
  update app.conversation_timers t
     set answer = coalesce(answer_question.answer, 'null'), due_at = app.now(), job_id = null
   where t.tenant_id = tenant and t.conversation_id = conversation and t.timer = 'interpretation';
  perform queue.withdraw(job);
  perform queue.enqueue('process_message', jsonb_build_object('tenant_id', tenant, 'conversation_id', conversation));
  return true;
end $$;
comment on function app.answer_question(uuid, uuid, jsonb) is
  'Gives the conversation what a model made of its question, and has it go on at once; false: nobody waits for it any more.';

create or replace function queue.withdraw(job_id text) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  delete from apalis.jobs j where j.id = job_id and j.status = 'Pending' and j.lock_by is null;
  return found;
end $$;
comment on function queue.withdraw(text) is 'Takes back a job that nobody has begun, for whoever enqueued it; false: it is at work, or done.';

create or replace function queue.forget_model_answers(keep interval default '30 days', most integer default 1000) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  n integer;
begin
  perform app.refuse_api_client();
  delete from app.model_answers a
   where a.ctid = any (array(
     select o.ctid from app.model_answers o
      where o.made_at < app.now() - keep order by o.made_at limit most for update skip locked));
  get diagnostics n = row_count;
  return n;
end $$;
comment on function queue.forget_model_answers(interval, integer) is 'Removes what the language model answered long ago: words change their meaning, and so do models.';
