//! A mail as bytes (RFC 5322, MIME): text, the same as HTML, and a calendar file.

use std::time::SystemTime;

use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};

use crate::channel::{CalendarFile, Envelope, Unsubscribe};

/// The mail and its Message-ID. `None`: an address or a header that no mail can have.
pub(super) fn message(
    envelope: &Envelope,
    from: &Address,
    to: &Address,
) -> Option<(Vec<u8>, String)> {
    // Servers without SMTPUTF8 refuse others, and most are.
    if !to.to_string().is_ascii() || !from.to_string().is_ascii() {
        return None;
    }
    let id = format!("<{}@{}>", envelope.id, from.domain());
    let name = Some(one_line(&envelope.from_name)).filter(|name| !name.is_empty());
    let mut builder = Message::builder()
        .from(Mailbox::new(name.clone(), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&envelope.subject))
        .message_id(Some(id.clone()))
        .date(SystemTime::from(envelope.created_at));
    if let Some(reply_to) = &envelope.reply_to {
        builder = builder.reply_to(Mailbox::new(name, reply_to.parse().ok()?));
    }
    let readable = MultiPart::alternative_plain_html(plain(envelope), html(envelope));
    let mut message = match &envelope.calendar {
        Some(file) => {
            builder.multipart(MultiPart::mixed().multipart(readable).singlepart(attached(file)?))
        }
        None => builder.multipart(readable),
    }
    .ok()?;
    let headers = message.headers_mut();
    // RFC 3834: no out-of-office note answers it.
    headers.insert_raw(raw("Auto-Submitted", "auto-generated")?);
    if let Some(Unsubscribe { link, .. }) = &envelope.unsubscribe {
        headers.insert_raw(raw("List-Unsubscribe", &format!("<{link}>"))?);
        headers.insert_raw(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")?);
    }
    Some((message.formatted(), id))
}

fn raw(name: &str, value: &str) -> Option<HeaderValue> {
    let name = HeaderName::new_from_ascii(name.to_owned()).ok()?;
    let fits = value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    fits.then(|| HeaderValue::new(name, value.to_owned()))
}

fn attached(file: &CalendarFile) -> Option<SinglePart> {
    let kind = format!("text/calendar; charset=utf-8; method={}", file.method);
    let kind = ContentType::parse(&kind).ok()?;
    Some(Attachment::new(file.name.clone()).body(file.text.clone(), kind))
}

fn plain(envelope: &Envelope) -> String {
    match &envelope.unsubscribe {
        Some(Unsubscribe { link, words }) => format!("{}\n\n--\n{words}: {link}\n", envelope.text),
        None => format!("{}\n", envelope.text),
    }
}

/// Colours are the reader's own, light or dark.
fn html(envelope: &Envelope) -> String {
    let mut body = String::new();
    for paragraph in envelope.text.split("\n\n").filter(|part| !part.trim().is_empty()) {
        let lines: Vec<_> = paragraph.trim().lines().map(escaped).collect();
        body.extend(["<p>", &lines.join("<br>\n"), "</p>\n"]);
    }
    if let Some(Unsubscribe { link, words }) = &envelope.unsubscribe {
        let (link, words) = (escaped(link), escaped(words));
        let style = "margin-top:2em;font-size:.85em";
        body.extend(["<p style=\"", style, "\"><a href=\"", &link, "\">", &words, "</a></p>\n"]);
    }
    format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\
         <title>{}</title></head>\n\
         <body style=\"font:16px/1.5 sans-serif;max-width:36em;margin:1em\">\n\
         <p><b>{}</b></p>\n{body}</body></html>\n",
        escaped(&envelope.subject),
        escaped(&envelope.from_name),
    )
}

pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A name or a subject cannot end its header and begin another.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `None`: no UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high * 16 + low);
            rest = after;
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: Uuid::from_u128(7),
            tenant_id: Uuid::from_u128(1),
            to: "marina@example.com".to_owned(),
            from_name: "Studio Lua".to_owned(),
            reply_to: Some("contato@studiolua.example".to_owned()),
            subject: "Amanhã às 15h: corte com Inês".to_owned(),
            text: "Oi, Marina!\n\nAmanhã, quinta-feira, 12 de março, às 15h.\nRua <Flores>"
                .to_owned(),
            calendar: Some(CalendarFile {
                name: "K7F2A.ics".to_owned(),
                method: "PUBLISH",
                text: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned(),
            }),
            unsubscribe: Some(Unsubscribe {
                link: "https://pontual.example/unsubscribe/abc".to_owned(),
                words: "Não receber mais".to_owned(),
            }),
            created_at: "2026-03-11T18:00:00Z".parse().unwrap(),
        }
    }

    fn written(envelope: &Envelope) -> String {
        let from = "no-reply@pontual.example".parse().unwrap();
        let to = envelope.to.parse().unwrap();
        String::from_utf8(message(envelope, &from, &to).unwrap().0).unwrap()
    }

    fn headers(mail: &str) -> Vec<(String, String)> {
        let head = mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let lines = head.split("\r\n").map(|line| line.split_once(": ").unwrap());
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_second_try_is_the_same_message_to_its_receiver() {
        let (first, second) = (headers(&written(&envelope())), headers(&written(&envelope())));
        let same = |name: &str| {
            let of = |all: &[(String, String)]| all.iter().find(|h| h.0 == name).unwrap().1.clone();
            assert_eq!(of(&first), of(&second), "{name}");
            of(&first)
        };
        assert_eq!(same("Message-ID"), "<00000000-0000-0000-0000-000000000007@pontual.example>");
        assert_eq!(same("Date"), "Wed, 11 Mar 2026 18:00:00 +0000");
        assert_eq!(same("Auto-Submitted"), "auto-generated");
    }

    #[test]
    fn one_click_ends_it_and_answers_go_to_the_tenant() {
        let all = headers(&written(&envelope()));
        let of = |name: &str| all.iter().find(|h| h.0 == name).unwrap().1.clone();
        assert_eq!(of("List-Unsubscribe"), "<https://pontual.example/unsubscribe/abc>");
        assert_eq!(of("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        assert!(of("From").contains("Studio Lua") && of("From").contains("no-reply@"));
        assert!(of("Reply-To").contains("contato@studiolua.example"));
    }

    #[test]
    fn a_name_cannot_bring_in_headers_of_its_own() {
        let evil = Envelope {
            from_name: "Lua\r\nBcc: all@example.com".to_owned(),
            subject: "Hi\nBcc: all@example.com\r\n\r\n<html>".to_owned(),
            ..envelope()
        };
        let mail = written(&evil);
        assert!(headers(&mail).iter().all(|(name, _)| name != "Bcc"), "{mail}");
        assert!(headers(&mail).iter().any(|(name, _)| name == "Content-Type"), "{mail}");
        let from = "no-reply@pontual.example".parse().unwrap();
        let to: Address = "marina@example.com".parse().unwrap();
        let link = "https://x\r\nBcc: all@example.com".to_owned();
        let unsubscribe = Some(Unsubscribe { link, words: String::new() });
        assert!(message(&Envelope { unsubscribe, ..envelope() }, &from, &to).is_none());
    }

    #[test]
    fn what_people_wrote_is_no_html() {
        let html = html(&Envelope { subject: "<b>\"&'".to_owned(), ..envelope() });
        assert!(html.contains("Rua &lt;Flores&gt;"), "{html}");
        assert!(html.contains("<title>&lt;b&gt;&quot;&amp;&#39;</title>"), "{html}");
        assert!(html.contains("<p>Oi, Marina!</p>\n<p>Amanhã"), "{html}");
    }

    #[test]
    fn the_calendar_file_says_what_it_does_to_calendars() {
        let mail = written(&envelope());
        assert!(mail.contains("text/calendar; charset=utf-8; method=PUBLISH"), "{mail}");
        assert!(mail.contains("filename=\"K7F2A.ics\""), "{mail}");
        let without = written(&Envelope { calendar: None, ..envelope() });
        assert!(!without.contains("text/calendar"), "{without}");
    }

    #[test]
    fn a_password_is_read_as_it_was_encoded() {
        for (encoded, decoded) in
            [("p%40ss", "p@ss"), ("100%", "100%"), ("%zz", "%zz"), ("%C3%A9", "é"), ("a+b", "a+b")]
        {
            assert_eq!(percent_decoded(encoded).as_deref(), Some(decoded), "{encoded}");
        }
        assert_eq!(percent_decoded("%FF"), None);
    }
}
