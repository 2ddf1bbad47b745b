//! WhatsApp addresses (JIDs): who a chat is with.
//!
//! A person has a phone JID (`5511988887777@s.whatsapp.net`) and may have a LID
//! (`123456789012345@lid`), which hides the number. Versions of the gateway differ in which of the
//! two they put where, and some give the LID alone, so every field that may hold one is collected.

use serde_json::Value;

use super::phone;

/// Fields of `data.key` that may hold an address of the other side, the likeliest first.
const KEY_FIELDS: [&str; 9] = [
    "remoteJid",
    "remoteJidAlt",
    "senderPn",
    "senderLid",
    "previousRemoteJid",
    "participantPn",
    "participantLid",
    "participantAlt",
    "senderAlt",
];

/// No JID is longer; what is, is not looked at.
const MAX_JID: usize = 128;

/// The addresses found of one person. A phone identifies them; a LID does where there is no phone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// Canonical E.164 number, see [`phone::canonical`].
    pub phone: Option<String>,
    /// The phone's JID as WhatsApp writes it, without a device: its digits may differ from `phone`.
    pub jid: Option<String>,
    /// The LID, with its suffix. Its digits are no phone number.
    pub lid: Option<String>,
}

impl Addresses {
    /// Collects the addresses that a message key holds.
    pub(super) fn of_key(key: &Value) -> Self {
        let mut found = Self::default();
        for field in KEY_FIELDS {
            if let Some(jid) = key[field].as_str() {
                found.add(jid);
            }
        }
        found
    }

    /// Collects the addresses of a message: its key's, and what some versions put beside the key.
    pub(super) fn of_message(data: &Value) -> Self {
        let mut found = Self::of_key(&data["key"]);
        if found.phone.is_none() || found.lid.is_none() {
            let beside = Self::of_key(data);
            found = Self {
                jid: found.jid.or(beside.jid),
                phone: found.phone.or(beside.phone),
                lid: found.lid.or(beside.lid),
            };
        }
        found
    }

    /// The addresses that one JID (or bare number) stands for.
    pub fn of_jid(jid: &str) -> Self {
        let mut found = Self::default();
        found.add(jid);
        found
    }

    /// What to give as `number` of a send: the phone's JID, else the LID.
    pub fn recipient(&self) -> Option<&str> {
        self.jid.as_deref().or(self.lid.as_deref())
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.phone.is_none() && self.lid.is_none()
    }

    fn add(&mut self, jid: &str) {
        match Kind::of(jid) {
            Kind::Phone(user) => {
                if self.phone.is_none()
                    && let Some(number) = phone::canonical(user)
                {
                    self.jid = Some(format!("{user}@s.whatsapp.net"));
                    self.phone = Some(number);
                }
            }
            Kind::Lid(user) => {
                self.lid.get_or_insert_with(|| format!("{user}@lid"));
            }
            Kind::Group
            | Kind::Broadcast
            | Kind::Newsletter
            | Kind::Bot
            | Kind::System
            | Kind::Unknown => {}
        }
    }
}

/// What kind of chat a JID names. Users come without device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Phone(&'a str),
    Lid(&'a str),
    Group,
    Broadcast,
    Newsletter,
    Bot,
    /// WhatsApp itself.
    System,
    Unknown,
}

impl<'a> Kind<'a> {
    pub(super) fn of(jid: &'a str) -> Self {
        let jid = jid.trim();
        if jid.is_empty() || jid.len() > MAX_JID {
            return Self::Unknown;
        }
        let (user, server) = jid.split_once('@').unwrap_or((jid, ""));
        // `5511988887777:12@s.whatsapp.net` and `…_1:12@…` name a device of the same person.
        let user = user.split([':', '_']).next().unwrap_or(user);
        let digits = !user.is_empty() && user.bytes().all(|b| b.is_ascii_digit());
        match server {
            "g.us" => Self::Group,
            "broadcast" => Self::Broadcast,
            "newsletter" => Self::Newsletter,
            "bot" => Self::Bot,
            // WhatsApp's own announcements, and the numbers of its assistants.
            "s.whatsapp.net" | "c.us" if user == "0" => Self::System,
            "s.whatsapp.net" | "c.us" if is_assistant(user) => Self::Bot,
            "lid" | "hosted.lid" if digits => Self::Lid(user),
            // The gateway takes 18 digits and more for a group's.
            "" if digits && user.len() >= 18 => Self::Group,
            "s.whatsapp.net" | "c.us" | "hosted" if digits => Self::Phone(user),
            // The EVOLUTION channel repeats the number as it was given.
            "" if phone::canonical(user).is_some() => Self::Phone(user.trim_start_matches('+')),
            _ => Self::Unknown,
        }
    }
}

/// The ranges in which WhatsApp numbers its own assistants: fictitious, so nobody's phones.
fn is_assistant(user: &str) -> bool {
    user.len() == 11 && (user.starts_with("1313555") || user.starts_with("131655500"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_version_s_way_of_naming_a_lid_chat_comes_to_the_same_person() {
        const PHONE: &str = "5511988887777@s.whatsapp.net";
        const LID: &str = "123456789012345@lid";
        #[rustfmt::skip]
        let cases = [
            ("phone alone",     json!({ "remoteJid": PHONE }),                            true,  false),
            ("2.3.0",           json!({ "remoteJid": LID, "senderPn": PHONE }),           true,  true),
            ("2.3.1 to 2.3.4",  json!({ "remoteJid": PHONE, "previousRemoteJid": LID }),  true,  true),
            ("2.3.5 and 2.3.6", json!({ "remoteJid": LID, "remoteJidAlt": PHONE }),       true,  true),
            ("2.3.7",           json!({ "remoteJid": PHONE, "remoteJidAlt": PHONE }),     true,  false),
            ("LID alone",       json!({ "remoteJid": LID, "participant": "" }),           false, true),
            ("a device",        json!({ "remoteJid": "5511988887777:3@s.whatsapp.net" }), true,  false),
            ("wrong types",     json!({ "remoteJid": 5, "remoteJidAlt": [PHONE] }),       false, false),
        ];
        for (label, key, phone, lid) in cases {
            let found = Addresses::of_key(&key);
            assert_eq!(found.phone.as_deref(), phone.then_some("+5511988887777"), "{label}");
            assert_eq!(found.jid.as_deref(), phone.then_some(PHONE), "{label}");
            assert_eq!(found.lid.as_deref(), lid.then_some(LID), "{label}");
        }
    }

    #[test]
    fn the_digits_of_a_lid_are_never_taken_for_a_phone() {
        let found = Addresses::of_jid("5511988887777@lid");
        assert_eq!(found.phone, None);
        assert_eq!(found.recipient(), Some("5511988887777@lid"));
    }

    #[test]
    fn chats_that_are_no_persons_are_told_apart() {
        #[rustfmt::skip]
        let cases = [
            ("120363025246125888@g.us",       Kind::Group),
            ("120363025246125888",            Kind::Group),
            ("status@broadcast",              Kind::Broadcast),
            ("120363111111111111@newsletter", Kind::Newsletter),
            ("867051314767696@bot",           Kind::Bot),
            ("13135550002@c.us",              Kind::Bot),
            ("0@s.whatsapp.net",              Kind::System),
            ("abc@s.whatsapp.net",            Kind::Unknown),
            ("",                              Kind::Unknown),
            ("5511988887777",                 Kind::Phone("5511988887777")),
        ];
        for (jid, expected) in cases {
            assert_eq!(Kind::of(jid), expected, "{jid}");
        }
    }

    #[test]
    fn the_number_to_send_to_is_the_one_whatsapp_gave() {
        let found = Addresses::of_jid("553188887777@s.whatsapp.net");
        assert_eq!(found.phone.as_deref(), Some("+5531988887777"));
        assert_eq!(found.recipient(), Some("553188887777@s.whatsapp.net"));
    }
}
