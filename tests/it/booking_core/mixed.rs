//! Everybody at once, each at something else: bookings, visits, turns of conversations, sweeps,
//! reminders, opt-outs, tenant files. All lock in one order, so nobody is told of a deadlock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use pontual::db::{self, TenantTx};
use pontual::domain::tenant_file::TenantFile;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::{Line, Salon, insert, refusal, saturday_at_nine};
use crate::support::stack::tenant;

const CLIENTS: usize = 24;
const ROUNDS: usize = 40;
/// No round begins later than this, so that a slow machine does less rather than long.
const LONGEST: Duration = Duration::from_mins(1);

/// Customers with a conversation each, and what the acts need to know.
struct Crowd {
    salon: Salon,
    pool: PgPool,
    people: Vec<(Uuid, Uuid, String)>,
    files: [TenantFile; 2],
    staff: [Uuid; 2],
    services: [Uuid; 2],
}

impl Crowd {
    async fn gather() -> Self {
        let salon = Salon::open().await;
        let connections = u32::try_from(CLIENTS).unwrap();
        let pool =
            db::connect(&salon.stack.db.url_app(), connections, salon.stack.clock).await.unwrap();
        let people = sqlx::query_as(
            "with c as (insert into app.customers (tenant_id, phone)
                        select $1, '+55119' || (10000000 + n) from generate_series(1, $2) n returning id, phone)
             insert into app.conversations (tenant_id, customer_id, instance_id)
             select $1, c.id, i.id from c join app.instances i on i.tenant_id = $1
             returning customer_id, id, (select phone from c where c.id = customer_id)",
        )
        .bind(salon.tenant)
        .bind(i32::try_from(CLIENTS).unwrap())
        .fetch_all(&salon.stack.db.owner)
        .await
        .unwrap();
        let ids = async |table: &str, keys: [&str; 2]| {
            let sql = format!("select id from app.{table} where tenant_id = $1 and key = any ($2)");
            let ids: Vec<Uuid> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .bind(salon.tenant)
                .bind(keys.map(str::to_owned).to_vec())
                .fetch_all(&salon.stack.db.owner)
                .await
                .unwrap();
            [ids[0], ids[1]]
        };
        let staff = ids("staff", ["ana", "bruno"]).await;
        let services = ids("services", ["corte", "cor"]).await;
        // Staff in the other order, so that applying one after the other changes every row.
        let file = tenant("studio-lua");
        let mut other = file.clone();
        other.staff.reverse();
        Self { pool, people, files: [file, other], staff, services, salon }
    }

    /// One act; what it is called and how it ended.
    async fn act(&self, client: usize, round: usize) -> (&'static str, String) {
        let dice = client * 7 + round * 13;
        let (first, second) =
            if dice.is_multiple_of(2) { ("ana", "bruno") } else { ("bruno", "ana") };
        let at = i64::try_from(dice % 31).unwrap() * 50;
        let name =
            ["book", "visit", "cancel", "move", "sweep", "opt", "hold", "turn", "remind", "apply"]
                [dice % 10];
        let done = match name {
            "book" => self.book(client, &[("corte", first, at)], None).await,
            "visit" => {
                let lines = [("corte", first, at), ("cor", second, at + 45)];
                self.book(client, &lines, Some(Uuid::now_v7())).await
            }
            "cancel" => self.run("select app.cancel_visit((select visit_id from app.bookings where status = 'confirmed' order by visit_id limit 1 offset $1), 'x', 'y')", client).await,
            "move" => self.run("select app.move_visit(b.visit_id, b.starts_at + interval '20 minutes', null, 'y')
                                   from (select * from app.bookings where status = 'confirmed' order by starts_at limit 1 offset $1) b", client).await,
            "sweep" => self.run("select queue.release_expired_holds(), queue.promote_reminders('10 days'), queue.promote_timers() where $1 >= 0", 0).await,
            "opt" => self.run("update app.customers set opted_out_at = case when opted_out_at is null then app.now() end
                                where phone like '+55119%' and right(phone, 2)::int = $1", client).await,
            "remind" => self.run("select app.fire_reminder((select id from app.scheduled_notifications where status = 'planned' limit 1 offset $1))", client).await,
            "hold" => self.turn(client, self.hold(at)).await,
            "turn" => self.turn(client, self.about_bookings(client, round).await).await,
            _ => return (name, self.apply(round).await),
        };
        (name, done.map_or_else(|error| refusal(&error).0, |()| "ok".to_owned()))
    }

    async fn tx(&self) -> sqlx::Result<TenantTx> {
        TenantTx::begin(&self.pool, self.salon.tenant, self.salon.stack.clock.now()).await
    }

    async fn book(&self, client: usize, lines: &[Line], visit: Option<Uuid>) -> sqlx::Result<()> {
        let mut db = self.tx().await?;
        let who = (self.salon.tenant, self.people[client].0);
        insert(db.conn(), who, lines, visit, "confirmed").await?;
        db.commit().await
    }

    async fn run(&self, sql: &'static str, n: usize) -> sqlx::Result<()> {
        let mut db = self.tx().await?;
        sqlx::query(sql).bind(i32::try_from(n).unwrap()).execute(db.conn()).await?;
        db.commit().await
    }

    /// The tenant's file with its staff in one order and in the other; how it ended.
    async fn apply(&self, round: usize) -> String {
        let file = &self.files[round % 2];
        let Err(error) = db::tenants::apply(&self.pool, self.salon.stack.clock, file).await else {
            return "ok".to_owned();
        };
        let refused = error.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>());
        refusal(refused.unwrap()).0
    }

    /// A turn with these effects, as a worker saves it.
    async fn turn(&self, client: usize, effects: Value) -> sqlx::Result<()> {
        let (_, conversation, phone) = &self.people[client];
        let now = self.salon.stack.clock.now();
        sqlx::query("select app.receive_message($1, 'studio-lua', $2, $3, null, null, 'text', '{\"text\": \"1\"}', $1)")
            .bind(now)
            .bind(Uuid::now_v7().to_string())
            .bind(phone)
            .execute(&self.pool)
            .await?;
        let mut db = self.tx().await?;
        let begun: Value = sqlx::query_scalar("select app.begin_turn($1)")
            .bind(conversation)
            .fetch_one(db.conn())
            .await?;
        if begun["outcome"] == "turn" {
            let messages: Vec<&Value> =
                begun["messages"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
            let turn = json!({
                "conversation_id": conversation, "message_ids": messages, "state": "greeting",
                "context": {}, "effects": effects, "journal": [], "version": "0",
                "job_id": "none", "worker": "none"});
            sqlx::query("select app.commit_turn($1)").bind(Json(turn)).execute(db.conn()).await?;
        }
        db.commit().await
    }

    fn hold(&self, at: i64) -> Value {
        let start = saturday_at_nine() + TimeDelta::minutes(at);
        let until = self.salon.stack.clock.now() + TimeDelta::minutes(10);
        let line = |n: usize, after: i64| json!({"service_id": self.services[n], "staff_id": self.staff[n], "starts_at": start + TimeDelta::minutes(after)});
        json!([{"effect": "hold", "until": until, "lines": [line(0, 0), line(1, 120)]},
               {"effect": "reply", "text": "x"}])
    }

    /// Confirms what the client holds, cancels, moves to each other's staff, opts out or in.
    async fn about_bookings(&self, client: usize, round: usize) -> Value {
        let rows = sqlx::query(
            "select id, status, starts_at, staff_id from app.bookings
              where customer_id = $1 and status in ('held', 'confirmed') order by visit_id, starts_at limit 2",
        )
        .bind(self.people[client].0)
        .fetch_all(&self.salon.stack.db.owner)
        .await
        .unwrap();
        let each = |effect: &str| -> Vec<Value> {
            rows.iter()
                .map(|row| json!({"effect": effect, "booking_id": row.get::<Uuid, _>("id")}))
                .collect()
        };
        let mut effects = match round % 4 {
            0 => each("confirm"),
            1 => each("cancel"),
            2 if !rows.is_empty() => {
                let moved = |row: &sqlx::postgres::PgRow| {
                    let other =
                        self.staff[usize::from(row.get::<Uuid, _>("staff_id") == self.staff[0])];
                    let start = row.get::<DateTime<Utc>, _>("starts_at") + TimeDelta::minutes(20);
                    json!({"booking_id": row.get::<Uuid, _>("id"), "staff_id": other, "starts_at": start})
                };
                vec![json!({"effect": "move", "lines": rows.iter().map(moved).collect::<Vec<_>>()})]
            }
            _ => {
                vec![json!({"effect": if client.is_multiple_of(2) { "opt_out" } else { "opt_in" }})]
            }
        };
        effects.push(json!({"effect": "reply", "text": "x"}));
        effects.into()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_at_something_else_meets_no_deadlock_and_breaks_no_rule() {
    let crowd = Crowd::gather().await;
    let began = Instant::now();
    let outcomes = join_all((0..CLIENTS).map(|client| {
        let crowd = &crowd;
        async move {
            let mut outcomes = Vec::new();
            for round in 0..ROUNDS {
                if began.elapsed() > LONGEST {
                    break;
                }
                outcomes.push(crowd.act(client, round).await);
            }
            outcomes
        }
    }))
    .await;
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for outcome in outcomes.into_iter().flatten() {
        *counts.entry(outcome).or_default() += 1;
    }
    // A lock that is not to be had for two seconds is tried again by every caller; a time that is
    // taken is the answer.
    let expected = ["ok", "23P01", "55P03"];
    assert!(counts.keys().all(|(_, outcome)| expected.contains(&outcome.as_str())), "{counts:#?}");
    for act in
        ["book", "visit", "cancel", "move", "sweep", "opt", "hold", "turn", "remind", "apply"]
    {
        assert!(counts.contains_key(&(act, "ok".to_owned())), "no {act}: {counts:#?}");
    }
    crowd.salon.assert_sound().await;
}
