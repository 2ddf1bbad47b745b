//! The faults of the moment, and what each has met so far.

use std::time::Duration;

use super::{Fault, LookupFault, SendFault, WebhookFault};
use crate::gateway_sim::version::LidStyle;

const SLOW: Duration = Duration::from_secs(3);

/// A fault and what it has met so far, of each kind apart.
#[derive(Debug, Default)]
struct Active {
    fault: Fault,
    sends: Tally,
    webhooks: Tally,
    lookups: Tally,
    addresses: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    seen: u32,
    met: u32,
}

impl Tally {
    /// Counts one more; whether the fault meets it.
    fn meets(&mut self, fault: &Fault) -> bool {
        let Some(since) = self.seen.checked_sub(fault.skip.unwrap_or(0)) else {
            self.seen += 1;
            return false;
        };
        self.seen = self.seen.saturating_add(1);
        let meets = since % fault.every.unwrap_or(1).max(1) == 0
            && fault.count.is_none_or(|count| self.met < count);
        self.met = self.met.saturating_add(u32::from(meets));
        meets
    }
}

/// What a send meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::gateway_sim) struct SendMet {
    /// How it ends, unless it ends well.
    pub(in crate::gateway_sim) outcome: Option<SendFault>,
    /// How long it takes beside the typing.
    pub(in crate::gateway_sim) slow: Duration,
    /// `NoAck` or `AckError`, if what is told of it later is wrong.
    pub(in crate::gateway_sim) acks: Option<SendFault>,
    /// Whether statuses come before the answer.
    pub(in crate::gateway_sim) early: bool,
}

/// All faults of the moment.
#[derive(Debug, Default)]
pub(in crate::gateway_sim) struct Faults(Vec<Active>);

impl Faults {
    /// Puts these in place of those before, which come back.
    pub(in crate::gateway_sim) fn replace(&mut self, faults: Vec<Fault>) -> Vec<Fault> {
        let before = std::mem::take(&mut self.0);
        for fault in faults {
            self.add(fault);
        }
        before.into_iter().map(|active| active.fault).collect()
    }

    pub(in crate::gateway_sim) fn add(&mut self, fault: Fault) {
        self.0.push(Active { fault, ..Active::default() });
    }

    /// Takes one of these away; `false` if there is none.
    pub(in crate::gateway_sim) fn remove(&mut self, fault: &Fault) -> bool {
        let at = self.0.iter().position(|active| active.fault == *fault);
        at.map(|at| self.0.remove(at)).is_some()
    }

    pub(in crate::gateway_sim) fn list(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|active| &active.fault)
    }

    /// What the next send of the instance meets; counts it. Of those that decide how it ends, the
    /// first counts.
    pub(in crate::gateway_sim) fn meet_send(&mut self, instance: &str, is_menu: bool) -> SendMet {
        let mut met = SendMet::default();
        for Active { fault, sends, .. } in &mut self.0 {
            let Some(send) = fault.send.filter(|_| fault.is_for(instance)) else { continue };
            let decided = send.is_outcome() && met.outcome.is_some();
            if decided || (send == SendFault::KindRefused && !is_menu) || !sends.meets(fault) {
                continue;
            }
            match send {
                SendFault::Slow => met.slow += fault.slow_ms.map_or(SLOW, Duration::from_millis),
                SendFault::NoAck | SendFault::AckError => met.acks = Some(send),
                SendFault::StatusEarly => met.early = true,
                outcome => met.outcome = Some(outcome),
            }
        }
        met
    }

    /// What the next webhook of the instance meets and how many met it before; counts it.
    pub(in crate::gateway_sim) fn meet_webhook(
        &mut self,
        instance: &str,
        event: &str,
    ) -> Option<(WebhookFault, u32)> {
        self.0.iter_mut().find_map(|Active { fault, webhooks, .. }| {
            let of_event = match &fault.events {
                Some(events) => events.iter().any(|met| met == event),
                None => event == "messages.upsert",
            };
            let webhook = fault.webhook.filter(|_| of_event && fault.is_for(instance))?;
            let before = webhooks.met;
            webhooks.meets(fault).then_some((webhook, before))
        })
    }

    /// What the next look-up at the instance meets; counts it.
    pub(in crate::gateway_sim) fn meet_lookup(&mut self, instance: &str) -> Option<LookupFault> {
        self.0.iter_mut().find_map(|Active { fault, lookups, .. }| {
            let lookup = fault.lookup.filter(|_| fault.is_for(instance))?;
            lookups.meets(fault).then_some(lookup)
        })
    }

    /// The form of the next address told by the instance; counts it.
    pub(in crate::gateway_sim) fn meet_address(&mut self, instance: &str) -> Option<LidStyle> {
        self.0.iter_mut().find_map(|Active { fault, addresses, .. }| {
            let style = fault.lid.filter(|_| fault.is_for(instance))?;
            addresses.meets(fault).then_some(style)
        })
    }

    /// Whether the instance cannot reach WhatsApp.
    pub(in crate::gateway_sim) fn is_unreachable(&self, instance: &str) -> bool {
        self.list().any(|fault| {
            fault.connection == Some(super::ConnectionFault::Dropped) && fault.is_for(instance)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(list: &[Fault]) -> Faults {
        let mut faults = Faults::default();
        faults.replace(list.to_vec());
        faults
    }

    fn outcomes(faults: &mut Faults, sends: usize) -> Vec<bool> {
        (0..sends).map(|_| faults.meet_send("a", false).outcome.is_some()).collect()
    }

    #[test]
    fn a_counted_fault_ends_by_itself_for_sends_and_webhooks_apart() {
        let mut faults = faults(&[Fault {
            webhook: Some(WebhookFault::Drop),
            ..Fault::of_sends(SendFault::Closed).times(2)
        }]);
        assert_eq!(outcomes(&mut faults, 3), [true, true, false]);
        let webhooks: Vec<_> =
            (0..3).map(|_| faults.meet_webhook("a", "messages.upsert").is_some()).collect();
        assert_eq!(webhooks, [true, true, false]);
    }

    #[test]
    fn a_fault_of_one_instance_leaves_others_alone_and_is_not_used_up_by_them() {
        let mut faults = faults(&[Fault::of_sends(SendFault::Rate).times(1).at("a")]);
        assert_eq!(faults.meet_send("b", false).outcome, None);
        assert_eq!(faults.meet_send("a", false).outcome, Some(SendFault::Rate));
    }

    #[test]
    fn a_fault_can_begin_later_and_meet_each_third() {
        let each_third =
            Fault { every: Some(3), ..Fault::of_sends(SendFault::Hang).after(2).times(2) };
        let mut faults = faults(&[each_third]);
        let expected = [false, false, true, false, false, true, false, false, false, false, false];
        assert_eq!(outcomes(&mut faults, 11), expected);
    }

    #[test]
    fn faults_of_different_kinds_meet_the_same_send() {
        let slow = Fault { slow_ms: Some(20), ..Fault::of_sends(SendFault::Slow) };
        let mut faults = faults(&[
            slow,
            Fault::of_sends(SendFault::AckError),
            Fault::of_sends(SendFault::KindRefused),
            Fault::of_sends(SendFault::SentThenFailed).times(1),
            Fault::of_sends(SendFault::Hang).times(1),
        ]);
        let met = faults.meet_send("a", false);
        assert_eq!(met.outcome, Some(SendFault::SentThenFailed));
        assert_eq!((met.slow, met.acks), (Duration::from_millis(20), Some(SendFault::AckError)));
        let next = faults.meet_send("a", false);
        assert_eq!(next.outcome, Some(SendFault::Hang), "it was not used up by the first");
        assert_eq!(faults.meet_send("a", true).outcome, Some(SendFault::KindRefused));
    }

    #[test]
    fn a_webhook_fault_meets_customers_messages_unless_it_names_events() {
        let mut faults = faults(&[
            Fault::of_webhooks(WebhookFault::Duplicate).of_events(&["send.message"]),
            Fault::of_webhooks(WebhookFault::Drop),
        ]);
        let mut met = |event| faults.meet_webhook("a", event).map(|(fault, _)| fault);
        assert_eq!(met("send.message"), Some(WebhookFault::Duplicate));
        assert_eq!(met("messages.upsert"), Some(WebhookFault::Drop));
        assert_eq!(met("messages.update"), None);
    }
}
