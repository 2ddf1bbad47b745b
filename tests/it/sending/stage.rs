//! What these tests play on: a stack whose gateway stands behind the weather, and workers.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use pontual::channel::whatsapp::client::Gateway;
use pontual::gateway_sim::SimConfig;
use pontual::jobs::{Context, GatewayKeys, Settings, Workers};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::weather::{Flight, Weather};
use crate::support::stack::{PATIENCE, Stack};

/// Long enough for a machine that does much else; nothing passes or fails by it being reached.
const LIMIT: Duration = Duration::from_mins(2);

pub(super) const INSTANCES: [&str; 3] = ["luna-salon", "studio-lua", "salon-luna"];
/// What the client waits for an answer in these tests; 75 s in the program.
const ANSWER: Duration = Duration::from_secs(1);

/// A stack, the weather before its gateway, and workers that see it through the weather.
pub(super) struct Stage {
    pub(super) stack: Stack,
    pub(super) weather: Weather,
    workers: Vec<Workers>,
    /// What workers started from now on wait for an answer.
    pub(super) answer: Duration,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let stack = Stack::new().await;
        sqlx::query("update app.instances set send_gap = '0'")
            .execute(&stack.db.owner)
            .await
            .unwrap();
        let weather = Weather::before(&stack.sim).await;
        Self { stack, weather, workers: Vec::new(), answer: ANSWER }
    }

    /// One more pool of workers, as another process would have.
    pub(super) fn work(&mut self) -> &mut Self {
        let gateway = Gateway::with_patience(&self.weather.base, self.answer).unwrap();
        let keys = GatewayKeys::new(SimConfig::default().api_key, HashMap::new());
        let context = Context { gateway, keys, ..self.stack.context() };
        self.workers.push(Workers::start(context, Settings { concurrency: 4 }));
        self
    }

    pub(super) async fn stop(self) {
        for workers in self.workers {
            workers.stop(PATIENCE).await;
        }
    }

    /// `customers` new conversations of an instance, each with `texts` messages queued and a job,
    /// all in one transaction. Texts are unique: `<instance> <customer> <n>`.
    pub(super) async fn queue(&self, instance: &str, customers: Range<i32>, texts: i32) {
        let mut db = self.stack.db.owner.begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!(
            "create temp table talk on commit drop as
               select i.tenant_id, i.id as instance_id, n, app.uuid_v7() as customer_id, app.uuid_v7() as conversation_id
                 from app.instances i, generate_series({}, {}) n where i.name = '{instance}';
             insert into app.customers (id, tenant_id, phone)
               select customer_id, tenant_id, '+55119' || (70000000 + n) from talk;
             insert into app.conversations (id, tenant_id, customer_id, instance_id)
               select conversation_id, tenant_id, customer_id, instance_id from talk;
             insert into app.outbound_messages (tenant_id, conversation_id, body)
               select tenant_id, conversation_id, '{instance} ' || n || ' ' || m
                 from generate_series(1, {texts}) m, talk order by m, n;
             select queue.enqueue('deliver_messages', jsonb_build_object('tenant_id', tenant_id, 'conversation_id', conversation_id))
               from talk",
            customers.start,
            customers.end - 1,
        )))
        .execute(&mut *db)
        .await
        .unwrap();
        db.commit().await.unwrap();
    }

    pub(super) async fn until(&self, what: &str, sql: &'static str) {
        let holds = async {
            while !self.stack.value::<bool>(sql).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(LIMIT, holds).await;
        assert!(reached.is_ok(), "{what}: {:#?}", self.stack.jobs().await);
    }

    /// How often each text reached a customer.
    pub(super) fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for sent in self.stack.sim.sent().into_iter().filter(|sent| sent.went_out) {
            *copies.entry(sent.text).or_default() += 1;
        }
        copies
    }

    /// The texts that reached customers, in order, by who got them.
    pub(super) fn heard(&self) -> BTreeMap<String, Vec<String>> {
        let mut heard = BTreeMap::<String, Vec<String>>::new();
        for sent in self.stack.sim.sent().into_iter().filter(|sent| sent.went_out) {
            heard.entry(sent.phone).or_default().push(sent.text);
        }
        heard
    }

    /// The gateway's events of this instance no longer tell of sends.
    pub(super) async fn without_echoes(&self, instance: &str) {
        let gateway = format!("{}/webhook", self.weather.base);
        let key = SimConfig::default().api_key;
        let find = self.stack.http.get(format!("{gateway}/find/{instance}")).header("apikey", &key);
        let found: Value = find.send().await.unwrap().json().await.unwrap();
        let webhook = json!({ "webhook": {
            "enabled": true, "url": found["url"], "headers": found["headers"],
            "events": ["MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE"],
        }});
        let set = self.stack.http.post(format!("{gateway}/set/{instance}")).header("apikey", &key);
        assert_eq!(set.json(&webhook).send().await.unwrap().status(), 201);
    }
}

pub(super) const ALL_SENT: &str = "select not exists (select from app.outbound_messages where status in ('queued', 'sending', 'unknown'))";

pub(super) fn assert_in_order(heard: &BTreeMap<String, Vec<String>>) {
    let number = |text: &String| text.rsplit(' ').next().unwrap().parse::<u32>().unwrap();
    for (who, texts) in heard {
        assert!(texts.is_sorted_by_key(number), "{who}: {texts:?}");
    }
}

/// Sends of one instance never overlap.
pub(super) fn assert_one_at_a_time(flights: &BTreeMap<String, Vec<Flight>>) {
    for (instance, flights) in flights {
        for pair in flights.windows(2) {
            let ended = pair[0].ended.expect("a send before another one is over");
            assert!(ended <= pair[1].began, "{instance}: {pair:#?}");
        }
    }
}
