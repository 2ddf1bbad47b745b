-- A language model that is asked about words the rules do not understand: what waits for it, what it
-- may cost and did cost, and what it answered before.

-- Weaker than before, so no row can break it: nothing is to be read for it.
alter table app.conversation_timers drop constraint conversation_timers_timer_is_known;
alter table app.conversation_timers add constraint conversation_timers_timer_is_known
  check (timer in ('idle', 'nobody_answered', 'pause_over', 'interpretation')) not valid;
alter table app.conversation_timers
  add column question_id  uuid,
  add column question     jsonb,
  add column answer       jsonb,
  add column job_id       text;
comment on column app.conversation_timers.timer is
  'idle: the customer is asked once whether to go on; nobody_answered: no person came; pause_over: the bot answers again; interpretation: a language model is waited for no longer.';
comment on column app.conversation_timers.question_id is 'Of an interpretation: which question it is, so that a late answer to another one is none.';
comment on column app.conversation_timers.question is 'Of an interpretation: what the model is asked (domain::conversation::Question), without name and numbers of the customer. Gone with the row, within seconds.';
comment on column app.conversation_timers.answer is 'What the model made of it (domain::conversation::Interpretation), JSON null: nothing; null: not answered yet.';
comment on column app.conversation_timers.job_id is 'Of an interpretation: the job that comes when time is up, withdrawn when the answer is there before.';

alter table app.tenants
  add column model_calls_a_day  integer,
  add column model_cost_a_day   numeric(12, 6);
alter table app.tenants
  add constraint tenants_model_calls_are_a_count check (model_calls_a_day >= 0) not valid,
  add constraint tenants_model_cost_is_an_amount check (model_cost_a_day >= 0) not valid;
comment on column app.tenants.model_calls_a_day is 'How often a language model may be asked in one of the tenant''s days; null: as the workers'' settings say.';
comment on column app.tenants.model_cost_a_day is 'What that may cost a day, in the provider''s credits; null: as the workers'' settings say.';

create table app.model_usage (
  tenant_id          uuid not null,
  day                date not null,
  calls              integer not null default 0,
  cached             integer not null default 0,
  failed             integer not null default 0,
  refused            integer not null default 0,
  prompt_tokens      bigint not null default 0,
  completion_tokens  bigint not null default 0,
  cost               numeric(14, 6) not null default 0,
  constraint model_usage_pkey primary key (tenant_id, day),
  constraint model_usage_tenant_fkey foreign key (tenant_id) references app.tenants (id)
);
comment on table app.model_usage is 'What a tenant''s questions to the language model used up, a row a day: the budget counts by it.';
comment on column app.model_usage.day is 'In the tenant''s zone.';
comment on column app.model_usage.calls is 'Requests sent, failed ones and second attempts included.';
comment on column app.model_usage.cached is 'Questions that were answered as an equal one was before.';
comment on column app.model_usage.failed is 'Questions to which no usable answer came.';
comment on column app.model_usage.refused is 'Questions that were not asked, the budget being spent.';
comment on column app.model_usage.cost is 'In the provider''s credits, as its answers tell.';

create table app.model_answers (
  tenant_id      uuid not null,
  question_hash  bytea not null,
  answer         jsonb not null,
  made_at        timestamptz not null default app.now(),
  constraint model_answers_pkey primary key (tenant_id, question_hash),
  constraint model_answers_tenant_fkey foreign key (tenant_id) references app.tenants (id),
  constraint model_answers_hash_is_sha256 check (octet_length(question_hash) = 32)
);
create index model_answers_age on app.model_answers (made_at);
comment on table app.model_answers is 'What the language model answered, so that an equal question need not be asked again. No words of customers; kept for 30 days.';
comment on column app.model_answers.question_hash is 'SHA-256 of the whole request: words, state, language, catalogue, model.';
comment on column app.model_answers.answer is 'Closed fields (domain::conversation::Interpretation): a purpose, keys of the catalogue, words of the calendar; JSON null: nothing.';

insert into queue.kinds (kind) values ('interpret_message');
