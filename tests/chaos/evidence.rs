//! What is known after a storm: what customers wrote and saw, what the road carried, what the rows say.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pontual::gateway_sim::Author;
use serde_json::Value;

use crate::customers::{Seen, phone};
use crate::monkey::Deeds;
use crate::road::Carried;
use crate::stage::{Stage, TENANTS};

/// All that the oracle looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// What customers have on their phones as written, oldest first for each.
    pub(crate) written: Vec<Written>,
    pub(crate) carried: Vec<Carried>,
    /// Webhooks that the gateway lost: refused, or given up after all tries.
    pub(crate) webhooks_lost: u64,
    /// What customers have on their phones as read, oldest first for each.
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) inbox: Vec<Inbox>,
    /// Every message of every turn, in the order of the journal.
    pub(crate) heard: Vec<Heard>,
    /// The journal, in its order.
    pub(crate) journal: Vec<Entry>,
    /// In the order of `seq`.
    pub(crate) outbox: Vec<Outbox>,
    pub(crate) bookings: Vec<Booking>,
    pub(crate) reminders: Vec<Reminder>,
    /// Who took which job when, by the system's clock.
    pub(crate) taken: Vec<(String, Option<String>, DateTime<Utc>)>,
    pub(crate) dead_jobs: Vec<String>,
    /// Rows of the program's own view of what must never be.
    pub(crate) violations: Vec<String>,
    /// Rows that a tenant saw of another one: table and count.
    pub(crate) seen_across: Vec<(String, i64)>,
    pub(crate) deeds: Deeds,
    /// Processes that ended by themselves, by the system's clock.
    pub(crate) fallen: Vec<(String, DateTime<Utc>)>,
    /// What still went on when nobody waited any longer.
    pub(crate) unsettled: Option<String>,
    pub(crate) seen: Seen,
    /// Look-ups of sends whose fate was unknown: messages with a doubt.
    pub(crate) looked_up: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) instance: String,
    pub(crate) phone: String,
    pub(crate) id: String,
    pub(crate) text: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) instance: String,
    pub(crate) phone: String,
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) at: DateTime<Utc>,
    /// The gateway was made to lose every trace of it, its own answer included.
    pub(crate) is_traceless: bool,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Inbox {
    pub(crate) id: Option<String>,
    pub(crate) instance: String,
    pub(crate) tenant: String,
    pub(crate) phone: Option<String>,
    pub(crate) conversation: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) is_processed: bool,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Heard {
    pub(crate) conversation: String,
    /// Of the journal's entry.
    pub(crate) seq: i64,
    pub(crate) text: Option<String>,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) received_at: DateTime<Utc>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Entry {
    pub(crate) conversation: String,
    /// `said`, `lost`, …; one after which `lost` comes was taken back.
    pub(crate) event: String,
    pub(crate) effects: Value,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Outbox {
    pub(crate) conversation: String,
    pub(crate) instance: String,
    pub(crate) tenant: String,
    pub(crate) phone: String,
    pub(crate) body: Option<String>,
    pub(crate) template: Option<String>,
    /// Whether the program wrote it, and not a person.
    pub(crate) is_ours: bool,
    /// Whether it, or one before it, waits for the end of a lease, since it may still be going out.
    pub(crate) is_held: bool,
    pub(crate) booking: Option<String>,
    pub(crate) revision: Option<i32>,
    /// Of a reminder: how long before the start.
    pub(crate) before: Option<String>,
    pub(crate) status: String,
    pub(crate) error: Option<String>,
    pub(crate) provider_id: Option<String>,
    pub(crate) attempts: i32,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Booking {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) phone: String,
    pub(crate) staff: String,
    pub(crate) service: String,
    pub(crate) capacity: i32,
    pub(crate) status: String,
    pub(crate) conversation: Option<String>,
    pub(crate) confirmed_at: Option<DateTime<Utc>>,
    pub(crate) starts_at: DateTime<Utc>,
    /// The span in which the member of staff is busy.
    pub(crate) busy_from: DateTime<Utc>,
    pub(crate) busy_until: DateTime<Utc>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Reminder {
    pub(crate) booking: String,
    pub(crate) status: String,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) booking_status: String,
    /// Whether its revision is that of the booking.
    pub(crate) is_current: bool,
}

const INBOX: &str = "
    select m.provider_id as id, i.name as instance, t.slug as tenant, c.phone, m.conversation_id::text as conversation,
           m.body ->> 'text' as text, m.sent_at, m.received_at, m.processed_at is not null as is_processed
      from app.inbound_messages m
      join app.tenants t on t.id = m.tenant_id
      join app.instances i on i.id = m.instance_id
      left join app.conversations v on v.id = m.conversation_id
      left join app.customers c on c.id = v.customer_id";
const HEARD: &str = "
    select t.conversation_id::text as conversation, t.seq, m ->> 'text' as text,
           (m ->> 'sent_at')::timestamptz as sent_at, (m ->> 'received_at')::timestamptz as received_at
      from app.conversation_turns t
     cross join lateral jsonb_array_elements(t.event -> 'messages') with ordinality as x (m, n)
     where t.event ->> 'event' = 'said'
     order by t.seq, n";
const JOURNAL: &str = "
    select conversation_id::text as conversation, event ->> 'event' as event, effects
      from app.conversation_turns order by seq";
const OUTBOX: &str = "
    select o.conversation_id::text as conversation, i.name as instance, t.slug as tenant, c.phone, o.body, o.template, o.author = 'assistant' as is_ours,
           exists (select from app.outbound_messages x where x.conversation_id = o.conversation_id
                     and x.status = 'unknown' and x.error = 'may still be going out') as is_held,
           o.booking_id::text as booking, o.booking_revision as revision, o.params ->> 'before' as before,
           o.status, o.error, o.provider_id, o.attempts
      from app.outbound_messages o
      join app.tenants t on t.id = o.tenant_id
      join app.conversations v on v.id = o.conversation_id
      join app.instances i on i.id = v.instance_id
      join app.customers c on c.id = v.customer_id
     order by o.seq";
const BOOKINGS: &str = "
    select b.id::text, b.code, c.phone, b.staff_id::text as staff, b.service_id::text as service, s.capacity::int4, b.status,
           b.conversation_id::text as conversation, b.confirmed_at, b.starts_at,
           lower(b.blocked) as busy_from, upper(b.blocked) as busy_until
      from app.bookings b join app.customers c on c.id = b.customer_id join app.services s on s.id = b.service_id";
const REMINDERS: &str = "
    select s.booking_id::text as booking, s.status, s.due_at, b.status as booking_status, s.revision = b.revision as is_current
      from app.scheduled_notifications s join app.bookings b on b.id = s.booking_id";
/// What a tenant sees of others, as the program is, in each table that has tenants.
const ACROSS: &str = "
    do $$
    declare
      place regclass; one uuid; n bigint;
    begin
      create temp table seen (what text, n bigint);
      grant all on seen to pontual_app;
      for one in select id from app.tenants loop
        for place in select a.attrelid::regclass from pg_attribute a join pg_class c on c.oid = a.attrelid
                      where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p')
                        and a.attname = 'tenant_id' and has_table_privilege('pontual_app', c.oid, 'select') loop
          perform set_config('app.tenant_id', one::text, true);
          set local role pontual_app;
          execute format('select count(*) from %s where tenant_id <> %L', place, one) into n;
          if n > 0 then
            insert into seen values (place::text, n);
          end if;
          reset role;
        end loop;
      end loop;
    end $$";

/// Collects all there is; the program is at rest.
pub(crate) async fn gather(
    stage: &Stage,
    customers: &[(usize, usize)],
    deeds: Deeds,
    seen: Seen,
) -> Evidence {
    let (written, arrived) = chats(stage, customers, &deeds);
    let counts = stage.sim.webhook_counts();
    let texts = async |sql| -> Vec<String> {
        stage.rows::<(String,)>(sql).await.into_iter().map(|(text,)| text).collect()
    };
    Evidence {
        written,
        arrived,
        carried: stage.road.book(),
        webhooks_lost: counts.refused + counts.given_up,
        inbox: stage.rows(INBOX).await,
        heard: stage.rows(HEARD).await,
        journal: stage.rows(JOURNAL).await,
        outbox: stage.rows(OUTBOX).await,
        bookings: stage.rows(BOOKINGS).await,
        reminders: stage.rows(REMINDERS).await,
        taken: stage.rows("select job_id, process, at from chaos.taken").await,
        dead_jobs: texts("select kind || ': ' || coalesce(error, '') from ops.dead_jobs").await,
        violations: texts("select rule || ': ' || detail from ops.invariant_violations").await,
        seen_across: seen_across(stage).await,
        deeds,
        fallen: stage.programs.fallen(),
        unsettled: None,
        seen,
        looked_up: stage
            .rows::<(i64,)>("select count(*) from app.outbound_messages where doubts > 0")
            .await
            .first()
            .map_or(0, |(n,)| usize::try_from(*n).unwrap()),
    }
}

/// What customers have on their phones: written, and read.
fn chats(
    stage: &Stage,
    customers: &[(usize, usize)],
    deeds: &Deeds,
) -> (Vec<Written>, Vec<Arrived>) {
    let sends = stage.sim.sent();
    let refused: HashMap<&str, DateTime<Utc>> = sends
        .iter()
        .filter(|send| send.went_out && !send.accepted)
        .filter_map(|send| Some((send.id.as_deref()?, send.at)))
        .collect();
    let is_traceless = |id: &str| {
        refused.get(id).is_some_and(|at| deeds.traceless.iter().any(|(a, b)| (a..=b).contains(&at)))
    };
    let (mut written, mut arrived) = (Vec::new(), Vec::new());
    for &(tenant, number) in customers {
        let (tenant, phone) = (TENANTS[tenant], phone(tenant, number));
        for message in stage.sim.chat(tenant, &phone) {
            let (instance, phone) = (tenant.to_owned(), phone.clone());
            let (id, text, at) = (message.id, message.text, message.at);
            match message.from {
                Author::Customer => written.push(Written { instance, phone, id, text }),
                Author::Business if message.status != "failed" => {
                    let is_traceless = is_traceless(&id);
                    arrived.push(Arrived { instance, phone, id, text, at, is_traceless });
                }
                Author::Business => {}
            }
        }
    }
    (written, arrived)
}

async fn seen_across(stage: &Stage) -> Vec<(String, i64)> {
    let mut tx = stage.owner.begin().await.unwrap();
    sqlx::raw_sql(ACROSS).execute(&mut *tx).await.unwrap();
    sqlx::query_as("select what, n from seen").fetch_all(&mut *tx).await.unwrap()
}

impl Evidence {
    /// Rows of the outbox by the name that the gateway gave them.
    pub(crate) fn by_provider_id(&self) -> HashMap<&str, (usize, &Outbox)> {
        let named = self.outbox.iter().enumerate();
        named.filter_map(|(n, row)| Some((row.provider_id.as_deref()?, (n, row)))).collect()
    }
}

impl Outbox {
    /// Sent, or visibly not.
    pub(crate) fn is_settled(&self) -> bool {
        !["queued", "sending", "unknown"].contains(&&*self.status)
    }
}
