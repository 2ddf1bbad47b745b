//! The simulator's page in a real browser. Without Chromium and its driver on this machine these
//! tests say so and pass.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails may panic")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use pontual::gateway_sim::SimConfig;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::stack::{PATIENCE, Stack};

#[tokio::test]
async fn a_customer_books_on_the_page_and_sees_a_cancellation_by_sql() {
    in_browser(|page| async move {
        let program = Program::start().await;
        page.client.goto(&format!("{}/sim", program.base)).await.unwrap();
        page.click("#tenant-studio-lua").await;
        page.sees("#business", "Studio Lua").await;
        page.sees("#empty-title", "Write to Studio Lua as Marina").await;

        page.click("#suggestions button:first-child").await; // "Oi"
        page.hears(1, "1 Corte").await;
        page.answer("1").await;
        page.hears(2, "Primeiros horários livres").await;
        page.write("quinta depois das 14h").await;
        page.hears(3, "Quinta-feira, 12 de março").await;
        page.answer("1").await;
        page.hears(4, "1 Confirmar").await;
        page.sees("#bookings .state", "held").await;
        page.sees("#bookings .hold", "left").await;
        page.answer("1").await;
        page.hears(5, "Agendado").await;

        page.sees("#bookings .state", "confirmed").await;
        page.sees(".steps [aria-current='step']", "Booked").await;
        page.until(
            "three reminders are planned",
            "texts('#reminders .state').join() === 'planned,planned,planned'",
        )
        .await;
        page.until(
            "the customer reads what they are sent",
            "last('.bubble:not(.mine)').querySelector('.ticks.read')",
        )
        .await;

        // What the page shows for psql works there, and the customer is told.
        page.click("#bookings button[aria-expanded='false']").await;
        let statement =
            page.client.find(Locator::Css("#bookings pre")).await.unwrap().text().await.unwrap();
        assert!(
            statement.starts_with("update app.bookings set status = 'cancelled' where code = "),
            "{statement}"
        );
        let mut psql = PgConnection::connect(&program.database).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut psql).await.unwrap();
        page.hears(6, "cancel").await;
        page.sees("#bookings .state", "cancelled").await;

        page.client.refresh().await.unwrap();
        page.hears(6, "cancel").await;
        page.sees("#customer option:checked", "Marina").await;
        program.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_page_offers_the_answers_that_a_message_asks_for() {
    let stack = Stack::new().await;
    #[rustfmt::skip]
    let cases = [
        ("O que você quer agendar?\n1 Corte, 45 min, R$ 80\n0 Falar com alguém", json!(["1 Corte, 45 min, R$ 80", "0 Falar com alguém"])),
        ("   1 qua 11/03, 9h00\n   9 Ver mais horários", json!(["1 qua 11/03, 9h00", "9 Ver mais horários"])),
        ("1️⃣ Yes\n2️⃣ No", json!(["1 Yes", "2 No"])),
        ("Oi, Marina! Amanhã, às 14h45: Corte com Bruno, Rua das Flores, 120. 1 Estarei lá, 2 Mudar horário, 3 Cancelar", json!(["1 Estarei lá", "2 Mudar horário", "3 Cancelar"])),
        ("I released the time I was holding. 1 Show times again", json!(["1 Show times again"])),
        ("Booked ✅ Code K7F29. Write CHANGE or CANCEL at any time, STOP to get no reminders.", json!(["CHANGE ", "CANCEL ", "STOP "])),
        ("Agendado ✅ Código PJBJM. Escreva REMARCAR ou CANCELAR quando quiser.", json!(["REMARCAR ", "CANCELAR "])),
        ("Corte com Bruno, quinta-feira, 12 de março, 14h45 (PJBJM)", json!([])),
        ("Marina, see you in 1 hour: 2:45 PM, 120 Flower St.", json!([])),
        ("Thursday 12 March, 2:45 to 3:30 PM", json!([])),
    ];
    in_browser(|page| async move {
        page.client.goto(&format!("{}/sim", stack.base)).await.unwrap();
        for (text, expected) in cases {
            let offered = page
                .client
                .execute_async(
                    "const [text, done] = arguments;
                     import('/sim/menu.js').then(({ answers }) =>
                       done(answers(text).map(({ send, label }) => `${send} ${label}`)), done);",
                    vec![json!(text)],
                )
                .await
                .unwrap();
            assert_eq!(offered, expected, "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn on_a_narrow_screen_the_panel_is_a_sheet_that_escape_closes() {
    let stack = Stack::new().await;
    in_browser(|page| async move {
        page.client.set_window_size(420, 800).await.unwrap();
        page.client
            .goto(&format!("{}/sim#luna-salon/12125550143/Grace", stack.base))
            .await
            .unwrap();
        page.sees("#business", "Luna Salon").await;
        page.until(
            "nothing is wider than the screen",
            "document.documentElement.scrollWidth <= innerWidth",
        )
        .await;
        page.until(
            "the panel is out of the way",
            "get('#panel').inert && getComputedStyle(get('#panel')).visibility === 'hidden'",
        )
        .await;
        page.click("#peek").await;
        page.until(
            "the sheet is open",
            "!get('#panel').inert && document.activeElement.id === 'close' && get('.phone').inert",
        )
        .await;
        page.sees("#conversation", "Never wrote here").await;
        page.client
            .find(Locator::Css("#close"))
            .await
            .unwrap()
            .send_keys("\u{E00C}")
            .await
            .unwrap();
        page.until(
            "the focus is back",
            "get('#panel').inert && document.activeElement.id === 'peek'",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_kept_and_can_be_sent_again() {
    let mut stack = Stack::new().await;
    stack.work();
    in_browser(|page| async move {
        page.client.goto(&format!("{}/sim#luna-salon/12125550143/Grace", stack.base)).await.unwrap();
        page.sees("#live", "live").await;
        let lost = "window.realFetch = window.fetch; window.fetch = async () => { throw new TypeError('gone') };";
        page.client.execute(lost, vec![]).await.unwrap();
        page.write("Hi").await;
        page.sees("#notice", "Your message was not sent").await;
        page.until("the bubble says so", "last('.mine').querySelector('.ticks.failed')").await;
        page.client.execute("window.fetch = window.realFetch;", vec![]).await.unwrap();
        page.click("#notice button").await;
        page.hears(1, "Haircut").await;
        page.until("the message is there once", "texts('.mine').length === 1 && get('#notice').hidden").await;
        stack.stop_working().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_phone_can_do_beside_writing_is_done_on_the_page() {
    let mut stack = Stack::new().await;
    stack.work();
    in_browser(|page| async move {
        page.client
            .goto(&format!("{}/sim#studio-lua/5511988887777/Marina", stack.base))
            .await
            .unwrap();
        page.write("Oi").await;
        page.hears(1, "1 Corte").await;
        let poll = json!({
            "number": "5511988887777", "name": "Qual horário?", "selectableCount": 1,
            "values": ["14:00", "15:00"],
        });
        let sent = stack
            .http
            .post(format!("{}/gateway-sim/message/sendPoll/studio-lua", stack.base))
            .header("apikey", SimConfig::default().api_key)
            .json(&poll)
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), 201);
        page.hears(2, "Qual horário?").await;
        page.click(".poll li:nth-child(2) button").await;
        page.until(
            "the vote is shown",
            "get('.poll [aria-pressed=true]')?.textContent === '15:00'",
        )
        .await;
        let chat = stack.sim.chat("studio-lua", "5511988887777");
        assert_eq!(chat.iter().find_map(|m| m.menu.as_ref()).unwrap().chosen, ["15:00"]);

        page.click(".bubble.mine:not(.gone) .do").await;
        page.click(".bubble.mine .acts button:first-child").await; // Edit
        page.sees("#aside-text", "Instead of your message").await;
        page.client.execute("document.getElementById('text').value = ''", vec![]).await.unwrap();
        page.write("Olá").await;
        page.until(
            "it is edited",
            "texts('.bubble.mine .words')[0] === 'Olá' && get('#aside').hidden",
        )
        .await;
        page.click("#more").await;
        page.until("its menu has the focus", "document.activeElement.textContent === 'Photo'")
            .await;
        page.click("#others button:first-child").await;
        page.until("a photo is sent", "texts('.bubble.mine .words').includes('[image]')").await;
        stack.stop_working().await;
    })
    .await;
}

#[tokio::test]
async fn the_gateway_is_broken_and_mended_on_the_page() {
    let stack = Stack::new().await;
    in_browser(|page| async move {
        page.client
            .goto(&format!("{}/sim#studio-lua/5511988887777/Marina", stack.base))
            .await
            .unwrap();
        page.sees("#connection", "open").await;
        let choose = |field: &str, value: &str| {
            let script = format!(
                "const field = document.getElementById('{field}'); field.value = '{value}';
                 field.dispatchEvent(new Event('change', {{ bubbles: true }}));"
            );
            let client = page.client.clone();
            async move { client.execute(&script, vec![]).await.unwrap() }
        };
        choose("fault-connection", "closed").await;
        page.sees("#connection", "close").await;
        choose("fault-connection", "").await;
        page.sees("#connection", "open").await;
        choose("fault-webhook", "drop").await;
        page.sees("#gateway-note", "Goes wrong").await;
        page.write("Oi").await;
        page.sees("#notice", "Nothing was delivered").await;
        choose("fault-version", "2.3.6").await;
        page.until("the version stays", "get('#fault-version').value === '2.3.6'").await;
        let instances = stack.http.get(format!("{}/gateway-sim/control/instances", stack.base));
        let instances: Value = instances.send().await.unwrap().json().await.unwrap();
        assert!(instances.as_array().unwrap().iter().all(|found| found["version"] == "2.3.6"));
    })
    .await;
}

/// The page, as a person at it sees it.
struct Page {
    client: Client,
}

impl Page {
    async fn click(&self, css: &str) {
        self.tap(Locator::Css(css)).await;
    }

    /// Clicks what is there; what is drawn anew between the look and the click, or still moves into
    /// its place, is looked for again, as a person taps again.
    async fn tap(&self, what: Locator<'_>) {
        let begun = Instant::now();
        loop {
            let element = self.client.wait().at_most(PATIENCE).for_element(what).await.unwrap();
            match element.click().await {
                Ok(()) => return,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{what:?}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Types into the field and presses Enter; the focus stays there.
    async fn write(&self, text: &str) {
        let field = self.client.find(Locator::Id("text")).await.unwrap();
        field.send_keys(&format!("{text}\u{E007}")).await.unwrap();
        self.until(
            "the focus stays in the field",
            "document.activeElement.id === 'text' && get('#text').value === ''",
        )
        .await;
    }

    /// Taps the quick reply of a digit.
    async fn answer(&self, digit: &str) {
        let chip = format!("//div[@id='quick']/button[b='{digit}']");
        self.tap(Locator::XPath(&chip)).await;
    }

    /// Waits for the business's message of this number, which holds `words`.
    async fn hears(&self, number: usize, words: &str) {
        let words = json!(words.to_lowercase());
        let expression = format!(
            "texts('.bubble:not(.mine) .words').length === {number} && texts('.bubble:not(.mine) .words').at(-1).toLowerCase().includes({words})"
        );
        self.until(&format!("message {number} says {words}"), &expression).await;
    }

    async fn sees(&self, css: &str, words: &str) {
        let expression = format!("texts({})[0]?.includes({})", json!(css), json!(words));
        self.until(&format!("{css} says {words}"), &expression).await;
    }

    /// Waits until an expression of the page is true.
    async fn until(&self, what: &str, expression: &str) {
        // A space that does not break is a space to who reads.
        let script = format!(
            "const get = (css) => document.querySelector(css);
             const all = (css) => [...document.querySelectorAll(css)];
             const last = (css) => all(css).at(-1);
             const texts = (css) => all(css).map((element) => element.textContent.replaceAll('\\u00a0', ' '));
             return Boolean({expression});"
        );
        let end = Instant::now() + PATIENCE;
        while self.client.execute(&script, vec![]).await.unwrap() != Value::Bool(true) {
            if Instant::now() > end {
                let seen = self.client.execute("return document.body.innerText", vec![]).await;
                panic!("waited for: {what}; the page says\n{}", seen.unwrap().as_str().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Runs `body` in a fresh browser and closes it whatever comes of it.
async fn in_browser<B: Future<Output = ()> + Send + 'static>(body: impl FnOnce(Page) -> B) {
    let (Some(driver), Some(browser)) = (
        on_path(&["chromedriver"]),
        on_path(&["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]),
    ) else {
        eprintln!(
            "skipped: no Chromium with chromedriver on PATH (Debian: apt-get install chromium chromium-driver)"
        );
        return;
    };
    let profile = Scratch::new("browser");
    let mut driver = Command::new(driver)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = told(&mut lines, "was started successfully on port ").await;
    let port = port.trim_end_matches('.').to_owned();
    let client = connect(&format!("http://127.0.0.1:{port}"), &browser, &profile.0).await;

    let outcome = tokio::spawn(body(Page { client: client.clone() })).await;
    client.close().await.unwrap();
    driver.kill().await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

async fn connect(driver: &str, browser: &Path, profile: &Path) -> Client {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,800",
        &format!("--user-data-dir={}", profile.display()),
    ];
    let options = json!({ "goog:chromeOptions": { "binary": browser, "args": arguments } });
    let Value::Object(capabilities) = options else { unreachable!() };
    let capabilities: Capabilities = capabilities.into_iter().collect();
    ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities)
        .connect(driver)
        .await
        .expect("a browser")
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<_> = std::env::split_paths(&path).collect();
    let mut candidates =
        names.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    candidates.find(|candidate| candidate.is_file())
}

/// `pontual dev` with a database of its own, at the time of the conversation design's scripts.
struct Program {
    process: Child,
    /// Such as `http://127.0.0.1:40001`.
    base: String,
    /// What it tells people to give to psql.
    database: String,
    _directory: Scratch,
}

impl Program {
    async fn start() -> Self {
        let directory = Scratch::new("dev");
        let mut process = Command::new(env!("CARGO_BIN_EXE_pontual"))
            .args(["dev", "--port", "0", "--ephemeral", "--clock", "2026-03-10T10:00:00-03:00"])
            .current_dir(&directory.0)
            .env_remove("DATABASE_URL")
            .env_remove("PONTUAL_DEMO")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let chat = told(&mut lines, "  chat      ").await;
        let database = told(&mut lines, "  database  ").await;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            process,
            base: chat.trim_end_matches("/sim").to_owned(),
            database,
            _directory: directory,
        }
    }

    /// Ctrl-C, with a page still open: the program ends by itself and without complaint.
    async fn stop(mut self) {
        let pid = self.process.id().unwrap();
        kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::INT).unwrap();
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        assert!(ended.expect("it ends").unwrap().success());
    }
}

/// The rest of the next line that holds `marker`.
async fn told(lines: &mut Lines<BufReader<ChildStdout>>, marker: &str) -> String {
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, rest)) = line.split_once(marker) {
                return rest.to_owned();
            }
        }
        panic!("it ended before it told {marker:?}");
    };
    tokio::time::timeout(2 * PATIENCE, found).await.unwrap_or_else(|_| panic!("{marker:?} in time"))
}

/// A directory that goes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(purpose: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pontual-{purpose}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
