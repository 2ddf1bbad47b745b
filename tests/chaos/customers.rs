//! Customers who book, move, cancel, answer reminders and write in bursts, as chance has it.

use std::time::Duration;

use pontual::gateway_sim::{ChatMessage, Sim, Write};
use tokio::time::Instant;
use uuid::Uuid;

use crate::dice::Dice;
use crate::stage::TENANTS;

/// How long a customer waits for an answer before they write again.
const PATIENCE: Duration = Duration::from_secs(2);
/// Messages of one wish, after which a customer wants something else.
const MOST_WORDS: usize = 10;

/// What a customer of a tenant says, and how they know that it was done.
#[derive(Debug)]
struct Tongue {
    hello: &'static [&'static str],
    change: &'static str,
    cancel: &'static str,
    bookings: &'static str,
    burst: [&'static str; 3],
    /// How an answer begins that says: booked, moved, cancelled.
    done: [&'static str; 3],
}

/// In the order of [`TENANTS`].
const TONGUES: [Tongue; 3] = [
    Tongue {
        hello: &["Hi", "haircut please", "I want a haircut on friday"],
        change: "change",
        cancel: "cancel",
        bookings: "my bookings",
        burst: ["hello", "a haircut please", "thursday afternoon"],
        done: ["Booked ✅", "Moved ✅", "Canceled."],
    },
    Tongue {
        hello: &["Oi", "quero cortar o cabelo", "corte na sexta"],
        change: "remarcar",
        cancel: "desmarcar",
        bookings: "meus agendamentos",
        burst: ["oi", "quero um corte", "quinta à tarde"],
        done: ["Agendado ✅", "Remarcado ✅", "Cancelado."],
    },
    Tongue {
        hello: &["Hola", "quiero un corte de pelo", "corte el viernes"],
        change: "cambiar",
        cancel: "anular",
        bookings: "mis reservas",
        burst: ["hola", "quiero un corte", "jueves por la tarde"],
        done: ["Reservado ✅", "Cambiado ✅", "Cancelada."],
    },
];

/// What customers came to see.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) replies: usize,
    /// Waits that ended without an answer.
    pub(crate) silences: usize,
    /// Wishes that were told to be fulfilled.
    pub(crate) fulfilled: usize,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.replies += other.replies;
        self.silences += other.silences;
        self.fulfilled += other.fulfilled;
    }
}

/// Digits of the phone of somebody's customer; those of one tenant are nobody else's.
pub(crate) fn phone(tenant: usize, number: usize) -> String {
    match tenant {
        0 => format!("1212555{:04}", 1_000 + number),
        1 => format!("55119{:08}", 80_000_000 + number),
        _ => format!("569{:08}", 50_000_000 + number),
    }
}

/// Who has a phone, by its first digits.
pub(crate) fn tenant_of(phone: &str) -> Option<&'static str> {
    let digits = phone.trim_start_matches('+');
    let at = ["1212555", "55119", "569"].iter().position(|first| digits.starts_with(first))?;
    Some(TENANTS[at])
}

pub(crate) struct Customer {
    sim: Sim,
    tongue: &'static Tongue,
    instance: &'static str,
    phone: String,
    dice: Dice,
    /// The last message that they wrote or have answered.
    last: String,
    seen: Seen,
}

impl Customer {
    pub(crate) fn new(sim: &Sim, tenant: usize, number: usize, dice: Dice) -> Self {
        Self {
            sim: sim.clone(),
            tongue: &TONGUES[tenant],
            instance: TENANTS[tenant],
            phone: phone(tenant, number),
            dice,
            last: String::new(),
            seen: Seen::default(),
        }
    }

    /// Wants one thing after another until then.
    pub(crate) async fn live(mut self, until: Instant) -> Seen {
        let tongue = self.tongue;
        let mut wish = 0;
        while Instant::now() < until {
            match wish {
                0..40 => {
                    let hello = *self.dice.pick(tongue.hello);
                    self.pursue(hello, tongue.done[0], until).await;
                }
                40..65 => self.pursue(tongue.change, tongue.done[1], until).await,
                65..80 => self.pursue(tongue.cancel, tongue.done[2], until).await,
                80..87 => self.pursue(tongue.bookings, tongue.bookings, until).await,
                _ => self.burst(until).await,
            }
            tokio::time::sleep(self.dice.millis(0, 250)).await;
            wish = self.dice.below(100);
        }
        self.seen
    }

    /// Waits to be told something by itself, and answers now and then.
    pub(crate) async fn listen(mut self, until: Instant) -> Seen {
        for _ in 0..4 {
            let left = until.saturating_duration_since(Instant::now());
            let told = self.sim.wait_for_reply(self.instance, &self.phone, &self.last, left).await;
            let Some(told) = told else { break };
            self.seen.replies += 1;
            self.last = told.id;
            if self.dice.chance(60) {
                tokio::time::sleep(self.dice.millis(0, 400)).await;
                self.say("1");
            }
        }
        self.seen
    }

    /// Says what they want and takes what is offered, until it is done or they lose interest.
    async fn pursue(&mut self, wish: &str, done: &str, until: Instant) {
        self.say(wish);
        for _ in 0..MOST_WORDS {
            if Instant::now() >= until {
                return;
            }
            let answer = match self.hear().await {
                Some(reply) if reply.text.contains(done) => {
                    self.seen.fulfilled += 1;
                    return;
                }
                Some(reply) => self.choice(&reply.text),
                None => "1".to_owned(),
            };
            self.say(&answer);
        }
    }

    async fn burst(&mut self, until: Instant) {
        for text in self.tongue.burst {
            self.say(text);
            tokio::time::sleep(self.dice.millis(1, 90)).await;
        }
        if Instant::now() < until {
            self.hear().await;
        }
    }

    /// Mostly the first of what is offered; never a person, for whom they would wait for long.
    fn choice(&mut self, text: &str) -> String {
        let offered: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim_start().split_once(' '))
            .filter(|(number, _)| number.len() == 1 && ("1"..="9").contains(number))
            .map(|(number, _)| number)
            .collect();
        if offered.is_empty() || self.dice.chance(70) {
            return "1".to_owned();
        }
        (*self.dice.pick(&offered)).to_owned()
    }

    /// Sends a message; nobody waits until it has arrived.
    fn say(&mut self, text: &str) {
        let id = format!("3A{}", &Uuid::new_v4().simple().to_string().to_uppercase()[..18]);
        self.last.clone_from(&id);
        let write = Write { id: Some(id), ..Write::text(&self.phone, "Marina", text) };
        let (sim, instance) = (self.sim.clone(), self.instance);
        tokio::spawn(async move { sim.write(instance, write).await.unwrap() });
    }

    async fn hear(&mut self) -> Option<ChatMessage> {
        let (sim, last) = (self.sim.clone(), self.last.clone());
        let reply = sim.wait_for_reply(self.instance, &self.phone, &last, PATIENCE).await;
        match reply {
            Some(_) => self.seen.replies += 1,
            None => self.seen.silences += 1,
        }
        reply
    }
}
