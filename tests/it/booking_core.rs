//! The rules of bookings in the database, whoever writes: visits, statuses, the cancellation notice,
//! codes, storms on one time, and the view that would tell if a rule were broken.

mod busy;
mod changes;
mod invariants;
mod mixed;
mod statuses;
mod storm;
mod visits;

use chrono::{DateTime, TimeDelta, Utc};
use pontual::db::TenantTx;
use sqlx::PgExecutor;
use sqlx::postgres::PgDatabaseError;
use uuid::Uuid;

use crate::support::stack::{Stack, tuesday_at_ten};

const MARINA: &str = "+5511988887777";

/// A salon with Ana and Bruno, at Tuesday 10 March 2026, 10:00; services `corte` (45 min), `cor`
/// (2 h) and `manicure` (40 min), no buffers.
struct Salon {
    stack: Stack,
    tenant: Uuid,
    marina: Uuid,
}

/// A booking to be: service, staff, minutes after [`saturday_at_nine`].
type Line = (&'static str, &'static str, i64);

/// A cut with Bruno and a manicure with Ana, back to back.
const CUT_AND_MANICURE: [Line; 2] = [("corte", "bruno", 0), ("manicure", "ana", 45)];

/// Saturday 14 March 2026, 9:00 in São Paulo.
fn saturday_at_nine() -> DateTime<Utc> {
    tuesday_at_ten() + TimeDelta::hours(95)
}

/// Inserts these lines by one plain statement and returns their ids in order.
async fn insert(
    to: impl PgExecutor<'_>,
    (tenant, customer): (Uuid, Uuid),
    lines: &[Line],
    visit: Option<Uuid>,
    status: &str,
) -> sqlx::Result<Vec<Uuid>> {
    let starts = |line: &Line| saturday_at_nine() + TimeDelta::minutes(line.2);
    sqlx::query_scalar(
        "insert into app.bookings (tenant_id, customer_id, service_id, staff_id, starts_at, status, visit_id)
         select $1, $2, s.id, f.id, l.starts_at, $6, $7
           from unnest($3::text[], $4::text[], $5::timestamptz[]) with ordinality as l (service, staff, starts_at, n)
           join app.services s on s.tenant_id = $1 and s.key = l.service
           join app.staff f on f.tenant_id = $1 and f.key = l.staff
          order by l.n
         returning id",
    )
    .bind(tenant)
    .bind(customer)
    .bind(lines.iter().map(|line| line.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.1).collect::<Vec<_>>())
    .bind(lines.iter().map(starts).collect::<Vec<_>>())
    .bind(status)
    .bind(visit)
    .fetch_all(to)
    .await
}

impl Salon {
    async fn open() -> Self {
        let stack = Stack::new().await;
        let tenant = stack.tenant("studio-lua").await;
        let marina = customer(&stack, tenant, MARINA).await;
        Self { stack, tenant, marina }
    }

    /// Books Marina by one plain statement, as a DBA does.
    async fn book(&self, lines: &[Line], visit: Option<Uuid>, status: &str) -> Vec<Uuid> {
        self.try_book(lines, visit, status).await.unwrap()
    }

    async fn try_book(
        &self,
        lines: &[Line],
        visit: Option<Uuid>,
        status: &str,
    ) -> sqlx::Result<Vec<Uuid>> {
        insert(&self.stack.db.owner, (self.tenant, self.marina), lines, visit, status).await
    }

    /// A confirmed visit of Marina: a cut and a manicure.
    async fn visit(&self) -> (Uuid, [Uuid; 2]) {
        let visit = Uuid::now_v7();
        let lines = self.book(&CUT_AND_MANICURE, Some(visit), "confirmed").await;
        (visit, lines.try_into().unwrap())
    }

    /// As the program writes: its login, role and clock.
    async fn tx(&self) -> TenantTx {
        TenantTx::begin(&self.stack.pool, self.tenant, self.stack.clock.now()).await.unwrap()
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.stack.db.owner).await.unwrap();
    }

    /// Keys of staff, minutes after Saturday at nine, status and revision of every booking, by start.
    async fn calendar(&self) -> Vec<(String, i64, String, i32)> {
        let rows: Vec<(String, DateTime<Utc>, String, i32)> = sqlx::query_as(
            "select f.key, b.starts_at, b.status, b.revision from app.bookings b
               join app.staff f on f.id = b.staff_id order by b.starts_at, f.key, b.id",
        )
        .fetch_all(&self.stack.db.owner)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(staff, at, status, revision)| {
                (staff, (at - saturday_at_nine()).num_minutes(), status, revision)
            })
            .collect()
    }

    async fn assert_sound(&self) {
        assert_eq!(self.stack.violations().await, Vec::<serde_json::Value>::new());
    }
}

async fn customer(stack: &Stack, tenant: Uuid, phone: &str) -> Uuid {
    sqlx::query_scalar("insert into app.customers (tenant_id, phone) values ($1, $2) returning id")
        .bind(tenant)
        .bind(phone)
        .fetch_one(&stack.db.owner)
        .await
        .unwrap()
}

/// SQLSTATE and constraint of a refusal.
fn refusal(error: &sqlx::Error) -> (String, String) {
    let error = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    error.map_or_else(Default::default, |e| {
        (e.code().to_owned(), e.constraint().unwrap_or_default().to_owned())
    })
}

fn refused(sqlstate: &str, constraint: &str) -> (String, String) {
    (sqlstate.to_owned(), constraint.to_owned())
}
