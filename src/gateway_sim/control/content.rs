//! Customers' messages as each kind of instance and version writes them down.

use serde_json::{Value, json};

use super::super::shape::inbound::context;
use super::super::shape::noise;
use super::super::state::ChatMessage;
use super::super::version::{Integration, Version};
use super::Write;

/// A message, its type, and what stands beside it.
pub(super) struct Content {
    pub(super) message: Value,
    pub(super) kind: &'static str,
    pub(super) context: Option<Value>,
}

/// What is said, and in answer to what.
pub(super) struct Words<'a> {
    pub(super) write: &'a Write,
    pub(super) quoted: Option<&'a ChatMessage>,
    pub(super) jid: &'a str,
}

impl Words<'_> {
    pub(super) fn content(
        &self,
        integration: Integration,
        version: Version,
        owner: &str,
    ) -> Result<Content, &'static str> {
        if integration == Integration::Cloud {
            return self.on_cloud();
        }
        let write = self.write;
        let context = write.quoted.as_deref().map(|id| {
            let quoted = self.quoted.map(|quoted| (owner, json!({ "conversation": quoted.text })));
            context(id, quoted)
        });
        let of = |kind: &'static str, inner: Value| {
            let mut message = json!({});
            message[kind] = inner;
            Ok(Content { message, kind, context: context.clone() })
        };
        let media = |extra: Value| media(version, &write.text, extra);
        match write.kind.as_deref().unwrap_or("text") {
            "text" => of("conversation", json!(write.text)),
            "audio" => of(
                "audioMessage",
                media(json!({ "mimetype": "audio/ogg; codecs=opus", "ptt": true, "seconds": 4 })),
            ),
            "image" => of("imageMessage", media(json!({ "mimetype": "image/jpeg" }))),
            "video" => of("videoMessage", media(json!({ "mimetype": "video/mp4", "seconds": 3 }))),
            "document" => {
                let names = json!({
                    "mimetype": "application/pdf", "title": "guia.pdf", "fileName": "guia.pdf",
                });
                of("documentMessage", media(names))
            }
            "sticker" => {
                let picture = json!({ "mimetype": "image/webp", "isAnimated": false });
                of("stickerMessage", media(picture))
            }
            "location" => of(
                "locationMessage",
                json!({
                    "degreesLatitude": -23.5614, "degreesLongitude": -46.6559,
                    "name": write.text, "address": write.text,
                }),
            ),
            "contact" => of(
                "contactMessage",
                json!({ "displayName": write.text, "vcard": "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD" }),
            ),
            "reaction" => self.reaction(version),
            "choice" => of(
                "buttonsResponseMessage",
                json!({
                    "selectedButtonId": write.choice,
                    "selectedDisplayText": write.text,
                    "type": version.enumerated(1, "DISPLAY_TEXT"),
                    "contextInfo": context,
                }),
            ),
            "button" => {
                let parameters = json!({ "id": write.choice }).to_string();
                let flow = json!({ "name": "quick_reply", "paramsJson": parameters, "version": 1 });
                let body =
                    json!({ "text": write.text, "format": version.enumerated(0, "DEFAULT") });
                let inner = json!({
                    "body": body, "nativeFlowResponseMessage": flow, "contextInfo": context,
                });
                of("interactiveResponseMessage", inner)
            }
            "row" => of(
                "listResponseMessage",
                json!({
                    "title": write.text,
                    "listType": version.enumerated(1, "SINGLE_SELECT"),
                    "singleSelectReply": { "selectedRowId": write.choice },
                    "contextInfo": context,
                    "description": "",
                }),
            ),
            "vote" => self.vote(version),
            _ => Err("no such kind of message"),
        }
    }

    fn reaction(&self, version: Version) -> Result<Content, &'static str> {
        let id = self.write.quoted.as_ref().ok_or("a reaction needs what it is to: quoted")?;
        let inner = json!({
            "key": { "remoteJid": self.jid, "fromMe": self.answers_us(), "id": id },
            "text": self.write.text,
            "senderTimestampMs": version.long(1_795_395_721_368, false),
        });
        let message = json!({ "reactionMessage": inner });
        Ok(Content { message, kind: "reactionMessage", context: None })
    }

    /// A vote, which only the server can read: it tells the options' names if it can.
    fn vote(&self, version: Version) -> Result<Content, &'static str> {
        let id = self.write.quoted.as_ref().ok_or("a vote needs its poll: quoted")?;
        let mut vote = json!({
            "encPayload": version.bytes(&noise::<50>()), "encIv": version.bytes(&noise::<12>()),
        });
        if !self.write.undecryptable {
            vote["selectedOptions"] = json!(self.write.options);
        }
        let inner = json!({
            "pollCreationMessageKey":
                { "remoteJid": self.jid, "fromMe": self.answers_us(), "id": id },
            "vote": vote,
            "senderTimestampMs": version.long(1_795_395_797_000, false),
        });
        let message = json!({ "pollUpdateMessage": inner });
        Ok(Content { message, kind: "pollUpdateMessage", context: None })
    }

    fn answers_us(&self) -> bool {
        self.quoted.is_none_or(|quoted| quoted.from == super::super::Author::Business)
    }

    /// Cloud instances keep few fields; of what was tapped the title alone.
    fn on_cloud(&self) -> Result<Content, &'static str> {
        let write = self.write;
        let context = write.quoted.as_ref().map(|id| json!({ "stanzaId": id }));
        let mut message = json!({ "conversation": write.text });
        let kind = match write.kind.as_deref().unwrap_or("text") {
            "text" => "conversation",
            "row" | "button" | "choice" => "interactiveMessage",
            "reaction" => {
                let inner = json!({ "key": { "id": write.quoted }, "text": write.text });
                let message = json!({ "reactionMessage": inner });
                return Ok(Content { message, kind: "reactionMessage", context: None });
            }
            "location" => {
                let place = json!({ "degreesLatitude": -23.5614, "degreesLongitude": -46.6559 });
                message = json!({ "locationMessage": place });
                "locationMessage"
            }
            kind @ ("image" | "audio" | "video" | "document" | "sticker") => {
                let (field, mime) = match kind {
                    "image" => ("imageMessage", "image/jpeg"),
                    "audio" => ("audioMessage", "audio/ogg"),
                    "video" => ("videoMessage", "video/mp4"),
                    "document" => ("documentMessage", "application/pdf"),
                    _ => ("stickerMessage", "image/webp"),
                };
                message = json!({});
                message[field] = json!({
                    "id": "MEDIA1", "mime_type": mime, "sha256": "a", "caption": write.text,
                });
                field
            }
            _ => return Err("no such kind of message on a Cloud instance"),
        };
        if let Some(context) = &context {
            message["contextInfo"] = context.clone();
        }
        Ok(Content { message, kind, context })
    }
}

/// What all media have, and what this kind has besides.
fn media(version: Version, caption: &str, extra: Value) -> Value {
    let mut media = json!({
        "url": "https://mmg.whatsapp.net/v/t62",
        "directPath": "/v/t62",
        "mediaKey": version.bytes(&noise::<32>()),
        "fileSha256": version.bytes(&noise::<32>()),
        "fileLength": version.long(9012, true),
    });
    if !caption.is_empty() {
        media["caption"] = json!(caption);
    }
    if let (Value::Object(media), Value::Object(extra)) = (&mut media, extra) {
        media.extend(extra);
    }
    media
}
