//! How instances stand with WhatsApp: pairing by a code, falling away, coming back.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::Sim;
use super::fault::{ConnectionFault, Fault};
use super::shape::{self, instances as bodies};
use super::state::{Connection, Pairing};
use super::version::Integration;

impl Sim {
    /// Connects (`open`), drops (`connecting`) or puts out (`close`) an instance and reports it;
    /// `false` without such instance or state.
    ///
    /// What customers do while it is not open waits at WhatsApp, and arrives when it is open again.
    pub fn set_instance_state(&self, name: &str, state: &str) -> bool {
        match state {
            "open" => self.open(name),
            "connecting" => self.drop_out(name),
            "close" => self.put_out(name),
            _ => false,
        }
    }

    /// Scans the code of an instance with the business's phone. `false` if it shows none.
    pub fn scan(&self, name: &str) -> bool {
        let shows = self.state().instance(name).is_some_and(|i| i.pairing.is_some());
        shows && self.open(name)
    }

    /// The text of the code that an instance shows, if it does.
    pub fn code(&self, name: &str) -> Option<String> {
        Some(self.state().instance(name)?.pairing.as_ref()?.code.clone())
    }

    /// Drops the connection of an instance and brings it back after `time`.
    pub fn drop_connection(&self, name: &str, time: Duration) -> bool {
        let dropped = self.drop_out(name);
        self.open_after(name, time);
        dropped
    }

    pub(super) fn open_after(&self, name: &str, time: Duration) {
        let (sim, instance) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            sim.open(&instance);
        });
    }

    /// Reports `count` times within `time` that an instance is connecting, as the real server does
    /// when it cannot reach WhatsApp. The connection itself stays as it is.
    pub fn flood(&self, name: &str, count: u32, time: Duration) -> bool {
        let data = self.state().instance(name).map(|instance| {
            let mut data = bodies::connection_update(name, instance);
            data["state"] = serde_json::json!("connecting");
            data
        });
        let Some(data) = data else { return false };
        let (sim, instance) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            let started = tokio::time::Instant::now();
            for number in 0..count {
                let due = time.mul_f64(f64::from(number) / f64::from(count.max(1)));
                tokio::time::sleep_until(started + due).await;
                sim.emit(&instance, "connection.update", data.clone());
            }
        });
        true
    }

    fn open(&self, name: &str) -> bool {
        let mut state = self.state();
        let Some(instance) = state.instance_mut(name) else { return false };
        instance.open();
        let update = bodies::connection_update(name, instance);
        let held = std::mem::take(&mut instance.held);
        drop(state);
        self.changed();
        self.emit(name, "connection.update", update);
        for (event, data) in held {
            self.emit(name, event, data);
        }
        true
    }

    fn drop_out(&self, name: &str) -> bool {
        let mut state = self.state();
        let Some(instance) = state.instance_mut(name) else { return false };
        instance.connection = Connection::Connecting;
        let update = bodies::connection_update(name, instance);
        drop(state);
        self.changed();
        self.emit(name, "connection.update", update);
        true
    }

    /// Logs the instance out, with all that the server tells of it.
    pub(super) fn put_out(&self, name: &str) -> bool {
        let now = self.now();
        let mut state = self.state();
        let Some(instance) = state.instance_mut(name) else { return false };
        let why = bodies::put_out(now);
        let closed = bodies::closed(name, now, &why);
        instance.connection = Connection::Close;
        instance.pairing = None;
        instance.disconnected = Some((now, why));
        let update = bodies::connection_update(name, instance);
        drop(state);
        self.changed();
        self.emit(name, "status.instance", closed);
        self.emit(name, "logout.instance", Value::Null);
        self.emit(name, "connection.update", update);
        true
    }

    /// Asks an instance to connect: one that was paired comes back, another shows a code.
    pub(super) fn connect(&self, name: &str, number: Option<&str>) {
        let mut state = self.state();
        let unreachable = state.faults.is_unreachable(name);
        let Some(instance) = state.instance_mut(name) else { return };
        instance.has_socket = true;
        if instance.is_open() || instance.pairing.is_some() || unreachable {
            return;
        }
        let is_paired = instance.owner.is_some() && instance.disconnected.is_none();
        if is_paired || instance.integration != Integration::Baileys || self.config().paired_at_once
        {
            drop(state);
            self.open(name);
            return;
        }
        let attempt = Uuid::new_v4();
        instance.connection = Connection::Connecting;
        // Eight letters and digits, shown as the phone asks for them.
        let typed = number.map(|_| attempt.simple().to_string()[..8].to_uppercase());
        let code = new_code();
        instance.pairing = Some(Pairing { code, typed, count: 1, attempt });
        let update = bodies::connection_update(name, instance);
        drop(state);
        self.emit(name, "connection.update", update);
        self.show_code(name, attempt);
        tokio::spawn(renew_codes(self.clone(), name.to_owned(), attempt));
    }

    /// Reports the code of this attempt to connect, if it is still the one that goes on.
    fn show_code(&self, name: &str, attempt: Uuid) -> bool {
        let state = self.state();
        let pairing = state.instance(name).and_then(|instance| instance.pairing.as_ref());
        let Some(pairing) = pairing.filter(|pairing| pairing.attempt == attempt) else {
            return false;
        };
        let event = bodies::code_event(name, pairing);
        drop(state);
        self.emit(name, "qrcode.updated", event);
        true
    }

    /// Puts the next code in place of the last one; `false` if nobody waits for it any more.
    fn next_code(&self, name: &str, attempt: Uuid) -> bool {
        let most = self.config().most_codes;
        let mut state = self.state();
        let Some(instance) = state.instance_mut(name) else { return false };
        let Some(pairing) = instance.pairing.as_mut().filter(|p| p.attempt == attempt) else {
            return false;
        };
        if pairing.count >= most {
            instance.pairing = None;
            instance.connection = Connection::Close;
            drop(state);
            for (event, data) in bodies::codes_used_up(name) {
                self.emit(name, event, data);
            }
            return false;
        }
        pairing.count += 1;
        pairing.code = new_code();
        drop(state);
        self.show_code(name, attempt)
    }

    /// Does to connections what a fault says.
    pub(super) fn begin_connection_fault(&self, fault: &Fault) {
        let Some(connection) = fault.connection else { return };
        for name in self.met_instances(fault) {
            match connection {
                ConnectionFault::Dropped => self.drop_out(&name),
                ConnectionFault::Closed => self.put_out(&name),
            };
        }
        let Some(time) = fault.for_ms.map(Duration::from_millis) else { return };
        let (sim, fault) = (self.clone(), fault.clone());
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            sim.end_fault(&fault);
        });
    }

    /// Brings back what a fault had taken away.
    pub(super) fn end_connection_fault(&self, fault: &Fault) {
        if fault.connection.is_none() {
            return;
        }
        for name in self.met_instances(fault) {
            if self.state().instance(&name).is_some_and(|instance| !instance.is_open()) {
                self.open(&name);
            }
        }
    }

    fn met_instances(&self, fault: &Fault) -> Vec<String> {
        let state = self.state();
        let met = state.instances().filter(|(name, instance)| {
            fault.is_for(name) && instance.integration == Integration::Baileys
        });
        met.map(|(name, _)| name.clone()).collect()
    }
}

async fn renew_codes(sim: Sim, name: String, attempt: Uuid) {
    loop {
        tokio::time::sleep(sim.config().code_time).await;
        if !sim.next_code(&name, attempt) {
            return;
        }
    }
}

/// What WhatsApp puts into a code: a version and four keys, which nobody here can read.
fn new_code() -> String {
    let keys = std::iter::repeat_with(|| shape::base64(&shape::noise::<33>()))
        .map(|key| key.as_str().unwrap_or_default().to_owned());
    format!("2@{}", keys.take(4).collect::<Vec<_>>().join(","))
}
