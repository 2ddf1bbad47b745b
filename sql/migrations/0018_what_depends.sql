-- What the planner cannot know by itself.

set lock_timeout = '2s';

-- An instance is of one tenant. Taken for independent, the two seem to name one conversation, and
-- all of an instance are read to find that of one customer.
create statistics app.conversations_instance_has_a_tenant (dependencies) on tenant_id, instance_id from app.conversations;
comment on statistics app.conversations_instance_has_a_tenant is 'The instance tells the tenant.';
