//! English.

use super::Shipped;

pub(super) const LETTERS: [Shipped; 8] = [
    Shipped {
        key: "reminder",
        subject: "{when} {at}: {tenant}",
        sms: "{tenant}: {when} {at}{% if what %}, {what}{% endif %}{% if place %}, {place}{% endif %}.{% if phone %} Another time? {phone}{% endif %}",
        email: "Hi{% if name %} {name}{% endif %}!\n\n{when} {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCode {code}.{% if phone %} If you need another time: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_confirmed",
        subject: "Confirmed: {day}, {time}",
        sms: "{tenant}: your booking is confirmed: {day} {at}{% if what %}, {what}{% endif %}. Code {code}.",
        email: "Hi{% if name %} {name}{% endif %}!\n\nYour booking is confirmed.\n\n{when} {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCode {code}.{% if phone %} If you need another time: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_moved",
        subject: "New time: {day}, {time}",
        sms: "{tenant}: your booking has a new time: {day} {at}{% if what %}, {what}{% endif %}.{% if phone %} Another time? {phone}{% endif %}",
        email: "Hi{% if name %} {name}{% endif %}!\n\nYour booking has a new time.\n\n{when} {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCode {code}.{% if phone %} If it does not suit you: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_cancelled",
        subject: "Canceled: {day}, {time}",
        sms: "{tenant}: your booking of {day} {at} is canceled.{% if phone %} New time? {phone}{% endif %}",
        email: "Hi{% if name %} {name}{% endif %}!\n\nYour booking of {day} {at} is canceled{% if what %}: {what}{% endif %}.{% if phone %}\n\nFor a new time: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_arrived",
        subject: "Welcome to {tenant}",
        sms: "{tenant}: welcome! The team knows that you are here.",
        email: "Welcome! The team knows that you are here.",
    },
    Shipped {
        key: "booking_completed",
        subject: "Thank you for your visit",
        sms: "{tenant}: thank you for your visit!{% if phone %} For a new time: {phone}{% endif %}",
        email: "Hi{% if name %} {name}{% endif %}!\n\nThank you for your visit to {tenant}.{% if phone %}\n\nFor a new time: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_no_show",
        subject: "We missed you on {day}",
        sms: "{tenant}: we missed you on {day} {at}.{% if phone %} For a new time: {phone}{% endif %}",
        email: "Hi{% if name %} {name}{% endif %}!\n\nWe missed you on {day} {at}.{% if phone %}\n\nFor a new time: {phone}.{% endif %}",
    },
    Shipped {
        key: "recall",
        subject: "It has been a while: {tenant}",
        sms: "{tenant}: it has been a while since your last visit.{% if phone %} For a new time: {phone}{% endif %}",
        email: "Hi{% if name %} {name}{% endif %}!\n\nIt has been a while since your last visit to {tenant}.{% if phone %}\n\nFor a new time: {phone}.{% endif %}",
    },
];

pub(super) const UNSUBSCRIBE: &str = "Get no more e-mails from {tenant}";
