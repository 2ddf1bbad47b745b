//! The tables of a tenant file, and the rules that hold between their fields.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use toml::de::DeValue;

use super::notifications::notifications;
use super::reading::{Element, Reader, Section};
use super::values::{self, Read, length, line, name, short_length};
use super::{Closure, Instance, Member, QuietHours, Service, TenantFile, TimeOff};
use crate::domain::catalogue::{BookingRules, Opening, Span, WeekHours};

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const HOUR: TimeDelta = TimeDelta::hours(1);
const DAY: TimeDelta = TimeDelta::days(1);
/// Two years: the longest horizon, and a bound on every notice.
const TWO_YEARS: TimeDelta = TimeDelta::days(731);

/// In ISO order, Monday first.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const HOURS_EXAMPLE: &str = "{ mon = [\"09:00-12:00\", \"13:00-18:00\"] }";

/// The whole file; none only where a problem was reported.
pub(super) fn tenant(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<TenantFile> {
    let top = &mut section;
    let slug = top.required(reader, "slug", "\"studio-lua\"", values::slug);
    let tenant_name = top.required(reader, "name", "\"Studio Lua\"", name("Studio Lua"));
    let locale = top.required(reader, "locale", "\"pt-BR\"", values::locale);
    let timezone = top.required(reader, "timezone", "\"America/Sao_Paulo\"", values::timezone);
    let currency = top.required(reader, "currency", "\"BRL\"", values::currency);
    let address = top.optional(reader, "address", line(300, "Rua das Flores, 120"));
    let phone = top.optional(reader, "phone", values::phone);
    let formal = top.optional(reader, "tone", values::tone).unwrap_or(false);
    let (privacy, keep_messages) = privacy(reader, top);
    let instance = instance(reader, top, slug.as_deref());
    let (rules, quiet_hours) = booking(reader, top);
    let notifications = notifications(reader, top);
    let hours_are_given = top.has("hours");
    let hours = top
        .table(reader, "hours", HOURS_EXAMPLE)
        .map_or_else(WeekHours::default, |table| week(reader, table));
    let closures = closures(reader, top);
    let (services, keys) = services(reader, top);
    let staff = staff(reader, top, keys.as_ref(), timezone);
    if !hours_are_given && staff.iter().any(|member| member.hours.is_none()) {
        let reason = "missing; write [hours] with the days of the week, such as mon = \
                      [\"09:00-18:00\"], or give every member of staff hours of their own";
        reader.report(None, "hours".to_owned(), reason.to_owned());
    }
    section.close(reader);
    Some(TenantFile {
        slug: slug?,
        name: tenant_name?,
        locale: locale?,
        timezone: timezone?,
        currency: currency?,
        address,
        phone,
        formal,
        privacy,
        keep_messages,
        instance: instance?,
        rules,
        quiet_hours,
        notifications,
        hours,
        closures,
        services,
        staff,
    })
}

/// Where the file gives none: short enough that nobody feels it, and no machine's rhythm, since the
/// sender varies it.
const SEND_GAP: TimeDelta = TimeDelta::milliseconds(300);
/// `privacy = true`, or the table `[privacy]`: whether reminders are discreet, and how long texts are
/// kept.
fn privacy(reader: &mut Reader<'_>, parent: &mut Section<'_>) -> (bool, TimeDelta) {
    let a_year = DAY * 365;
    if !parent.is_table("privacy") {
        let discreet = parent.optional(reader, "privacy", values::flag).unwrap_or(false);
        return (discreet, a_year);
    }
    let Some(mut table) = parent.table(reader, "privacy", "[privacy]") else {
        return (false, a_year);
    };
    let discreet = table.optional(reader, "discreet_reminders", values::flag).unwrap_or(false);
    let keep = table.optional(reader, "keep_messages", length(DAY, DAY * 3653, "365d"));
    table.close(reader);
    (discreet, keep.unwrap_or(a_year))
}

fn instance(
    reader: &mut Reader<'_>,
    parent: &mut Section<'_>,
    slug: Option<&str>,
) -> Option<Instance> {
    let mut given = Instance {
        name: slug.unwrap_or_default().to_owned(),
        api_key_env: None,
        send_gap: SEND_GAP,
        typing: true,
    };
    let Some(mut table) = parent.table(reader, "instance", "[instance]") else {
        return Some(given).filter(|instance| !instance.name.is_empty());
    };
    let written = table.optional(reader, "name", line(100, "studio-lua"));
    given.api_key_env = table.optional(reader, "api_key_env", values::variable);
    let gap = short_length(TimeDelta::zero(), HOUR, "500ms");
    given.send_gap = table.optional(reader, "send_gap", gap).unwrap_or(SEND_GAP);
    given.typing = table.optional(reader, "typing", values::flag).unwrap_or(true);
    table.close(reader);
    given.name = written.or_else(|| slug.map(str::to_owned))?;
    Some(given)
}

fn booking(
    reader: &mut Reader<'_>,
    parent: &mut Section<'_>,
) -> (BookingRules, Option<QuietHours>) {
    let mut rules = BookingRules {
        slot_interval: MINUTE * 15,
        min_notice: HOUR,
        horizon: DAY * 60,
        hold: MINUTE * 10,
        cancel_notice: HOUR * 2,
        reminders: vec![DAY, HOUR, MINUTE * 15],
    };
    let Some(mut table) = parent.table(reader, "booking", "[booking]") else {
        return (rules, None);
    };
    let (none, second) = (TimeDelta::zero(), TimeDelta::seconds(1));
    let fields = [
        ("slot_interval", length(MINUTE, DAY, "15m"), &mut rules.slot_interval),
        ("min_notice", length(none, TWO_YEARS, "1h"), &mut rules.min_notice),
        ("horizon", length(second, TWO_YEARS, "60d"), &mut rules.horizon),
        ("hold", length(second, DAY, "10m"), &mut rules.hold),
        ("cancel_notice", length(none, TWO_YEARS, "2h"), &mut rules.cancel_notice),
    ];
    for (field, read, rule) in fields {
        if let Some(length) = table.optional(reader, field, read) {
            *rule = length;
        }
    }
    if rules.min_notice >= rules.horizon {
        let (field, reason) = if table.has("min_notice") {
            ("min_notice", "must be shorter than horizon (60d where left out), such as \"1h\"")
        } else {
            ("horizon", "must be longer than min_notice (1h where left out), such as \"60d\"")
        };
        let reason = format!("{reason}; else no time can be booked");
        reader.report(table.line_of(reader, field), table.path_of(field), reason);
    }
    if let Some(elements) = table.list(reader, "reminders", "[\"24h\", \"1h\", \"15m\"]") {
        rules.reminders = each(reader, &elements, length(MINUTE, DAY * 365, "24h"));
        // Longest first, which is also what finds one that stands there twice as 60m and 1h.
        rules.reminders.sort_by(|a, b| b.cmp(a));
        if rules.reminders.windows(2).any(|pair| pair[0] == pair[1]) {
            let reason = "the same length twice; write each once, such as [\"24h\", \"1h\"]";
            let line = table.line_of(reader, "reminders");
            reader.report(line, table.path_of("reminders"), reason.to_owned());
        }
    }
    let quiet_hours = table.optional(reader, "quiet_hours", values::quiet_hours).flatten();
    table.close(reader);
    (rules, quiet_hours)
}

/// The openings of a week; those of a day in order, and none inside another.
fn week(reader: &mut Reader<'_>, mut table: Section<'_>) -> WeekHours {
    let mut openings = Vec::new();
    for (weekday, day) in (1_u8..).zip(WEEKDAYS) {
        let list = table.list(reader, day, "[\"09:00-12:00\", \"13:00-18:00\"]");
        let mut free_from = 0;
        for element in list.unwrap_or_default() {
            let Some((opens, closes)) = one(reader, &element, values::opening) else { continue };
            if opens < free_from {
                let (hours, minutes) = (free_from / 60, free_from % 60);
                let reason = format!(
                    "must not begin before {hours:02}:{minutes:02}, when the one before it ends; \
                     write the parts of a day in order, such as [\"09:00-12:00\", \"13:00-18:00\"]"
                );
                reader.report(Some(element.line), element.path, reason);
            }
            free_from = free_from.max(closes);
            openings.push(Opening { weekday, opens, closes });
        }
    }
    table.close(reader);
    WeekHours { openings }
}

fn closures(reader: &mut Reader<'_>, parent: &mut Section<'_>) -> Vec<Closure> {
    let mut closures: Vec<Closure> = Vec::new();
    for element in parent.list(reader, "closures", "[[closures]]").unwrap_or_default() {
        let example = "{ date = \"2026-12-25\", reason = \"Natal\" }";
        let Some(mut table) = Section::of(reader, &element, example) else { continue };
        let day = table.required(reader, "date", "\"2026-12-25\"", values::date);
        let reason = table.optional(reader, "reason", line(200, "Natal"));
        if let Some(day) = day {
            if closures.iter().any(|closure| closure.day == day) {
                let reason = format!("{day} is closed already; write each day once");
                reader.report(table.line_of(reader, "date"), table.path_of("date"), reason);
            }
            closures.push(Closure { day, reason });
        }
        table.close(reader);
    }
    closures
}

/// The services, and their keys where all of them could be read.
fn services(
    reader: &mut Reader<'_>,
    parent: &mut Section<'_>,
) -> (Vec<Service>, Option<HashSet<String>>) {
    let (mut services, mut keys) = (Vec::new(), UniqueKeys::default());
    for element in at_least_one(reader, parent, "services", "key, name and duration") {
        let example = "[[services]]";
        let Some(mut table) = Section::of(reader, &element, example) else { continue };
        let key = keys.read(reader, &mut table, "corte");
        let service_name = table.required(reader, "name", "\"Corte\"", name("Corte"));
        let synonyms = table.list(reader, "synonyms", "[\"corte de cabelo\"]").unwrap_or_default();
        let synonyms = each(reader, &synonyms, name("corte de cabelo"));
        let longest = length(TimeDelta::seconds(1), DAY, "45m");
        let duration = table.required(reader, "duration", "\"45m\"", longest);
        let [buffer_before, buffer_after] = ["buffer_before", "buffer_after"].map(|field| {
            table.optional(reader, field, length(TimeDelta::zero(), DAY, "10m")).unwrap_or_default()
        });
        let price = table.optional(reader, "price", values::price);
        let capacity = table.optional(reader, "capacity", values::capacity).unwrap_or(1);
        table.close(reader);
        if let (Some(key), Some(name), Some(duration)) = (key, service_name, duration) {
            services.push(Service {
                key,
                name,
                synonyms,
                duration,
                buffer_before,
                buffer_after,
                price,
                capacity,
            });
        }
    }
    (services, keys.all())
}

fn staff(
    reader: &mut Reader<'_>,
    parent: &mut Section<'_>,
    services: Option<&HashSet<String>>,
    zone: Option<Tz>,
) -> Vec<Member> {
    let (mut staff, mut keys) = (Vec::new(), UniqueKeys::default());
    for element in at_least_one(reader, parent, "staff", "key, name and services") {
        let Some(mut table) = Section::of(reader, &element, "[[staff]]") else { continue };
        let key = keys.read(reader, &mut table, "ana");
        let member_name = table.required(reader, "name", "\"Ana\"", name("Ana"));
        let does = member_services(reader, &mut table, services);
        let phone = table.optional(reader, "phone", values::phone);
        let email = table.optional(reader, "email", values::email);
        let agenda = table.optional(reader, "agenda", values::time);
        if agenda.is_some() && phone.is_none() && email.is_none() {
            let reason =
                "goes nowhere; write phone = \"+5511999990000\" or email = \"ana@example.org\"";
            let line = table.line_of(reader, "agenda");
            reader.report(line, table.path_of("agenda"), reason.to_owned());
        }
        let hours = table.table(reader, "hours", HOURS_EXAMPLE).map(|own| week(reader, own));
        if hours.as_ref().is_some_and(|own| own.openings.is_empty()) {
            let reason = "no opening; write at least one, such as { mon = [\"09:00-12:00\"] }, or \
                          leave the field out for the tenant's hours";
            let line = table.line_of(reader, "hours");
            reader.report(line, table.path_of("hours"), reason.to_owned());
        }
        let time_off = time_off(reader, &mut table, zone);
        table.close(reader);
        if let (Some(key), Some(name)) = (key, member_name) {
            staff.push(Member { key, name, services: does, phone, email, agenda, hours, time_off });
        }
    }
    staff
}

/// What a member of staff does; `offered` is none where the services are in doubt themselves.
fn member_services(
    reader: &mut Reader<'_>,
    member: &mut Section<'_>,
    offered: Option<&HashSet<String>>,
) -> Vec<String> {
    if !member.has("services") {
        let _: Option<()> =
            member.required(reader, "services", "[\"corte\"]", |_| Err(String::new()));
        return Vec::new();
    }
    let mut keys: Vec<String> = Vec::new();
    for element in member.list(reader, "services", "[\"corte\"]").unwrap_or_default() {
        let Some(key) = one(reader, &element, values::key) else { continue };
        if offered.is_some_and(|offered| !offered.contains(&key)) {
            let reason = format!("no service has the key {key:?}; write one of [[services]]");
            reader.report(Some(element.line), element.path, reason);
        } else if keys.contains(&key) {
            let reason = format!("{key:?} is here already; write each service once");
            reader.report(Some(element.line), element.path, reason);
        } else {
            keys.push(key);
        }
    }
    keys
}

fn time_off(reader: &mut Reader<'_>, member: &mut Section<'_>, zone: Option<Tz>) -> Vec<TimeOff> {
    let example = "{ from = \"2026-12-24T12:00\", to = \"2026-12-26T09:00\" }";
    let mut all = Vec::new();
    for element in member.list(reader, "time_off", example).unwrap_or_default() {
        let Some(mut table) = Section::of(reader, &element, example) else { continue };
        let from = table.required(reader, "from", "\"2026-12-24T12:00\"", values::local_time);
        let to = table.required(reader, "to", "\"2026-12-26T09:00\"", values::local_time);
        let reason = table.optional(reader, "reason", line(200, "férias"));
        if let (Some(from), Some(to)) = (from, to) {
            let span = away(from, to, zone.unwrap_or(Tz::UTC)).filter(|span| span.start < span.end);
            if let Some(during) = span {
                all.push(TimeOff { during, reason });
            } else {
                let reason = "must be later than from, such as \"2026-12-26T09:00\"".to_owned();
                reader.report(table.line_of(reader, "to"), table.path_of("to"), reason);
            }
        }
        table.close(reader);
    }
    all
}

/// The moments between two local times. One that the clocks leap over means the end of the leap;
/// of one that comes twice, the reading that makes the absence longer.
fn away(from: NaiveDateTime, to: NaiveDateTime, zone: Tz) -> Option<Span> {
    let find = |local: NaiveDateTime, later: bool| -> Option<DateTime<Utc>> {
        // The longest leap known is a whole day: Samoa had no 30 December 2011.
        let mut candidates = (0..=1440).filter_map(|minutes| {
            let local = local.checked_add_signed(TimeDelta::minutes(minutes))?;
            let readings = zone.from_local_datetime(&local);
            if later { readings.latest() } else { readings.earliest() }
        });
        candidates.next().map(|moment| moment.with_timezone(&Utc))
    };
    Some(Span { start: find(from, false)?, end: find(to, true)? })
}

/// The keys of a list's tables, each allowed once.
#[derive(Default)]
struct UniqueKeys {
    seen: HashSet<String>,
    unread: bool,
}

impl UniqueKeys {
    fn read(
        &mut self,
        reader: &mut Reader<'_>,
        table: &mut Section<'_>,
        example: &str,
    ) -> Option<String> {
        let key = table.required(reader, "key", &format!("{example:?}"), values::key);
        self.unread |= key.is_none();
        let key = key?;
        if !self.seen.insert(key.clone()) {
            let reason = format!("{key:?} is taken by an earlier one; write another");
            reader.report(table.line_of(reader, "key"), table.path_of("key"), reason);
        }
        Some(key)
    }

    /// All keys; none where one could not be read, or there is none.
    fn all(self) -> Option<HashSet<String>> {
        Some(self.seen).filter(|seen| !self.unread && !seen.is_empty())
    }
}

/// The elements of a list that must not be empty.
fn at_least_one<'d>(
    reader: &mut Reader<'_>,
    parent: &mut Section<'d>,
    field: &'static str,
    fields: &str,
) -> Vec<Element<'d>> {
    let given = parent.has(field);
    let elements = parent.list(reader, field, &format!("[[{field}]]"));
    if !given || elements.as_ref().is_some_and(Vec::is_empty) {
        let reason = format!("missing; write at least one [[{field}]] with {fields}");
        reader.report(parent.line_of(reader, field), parent.path_of(field), reason);
    }
    elements.unwrap_or_default()
}

/// Those elements that can be read.
fn each<T>(
    reader: &mut Reader<'_>,
    elements: &[Element<'_>],
    read: impl Fn(&DeValue<'_>) -> Read<T>,
) -> Vec<T> {
    elements.iter().filter_map(|element| one(reader, element, &read)).collect()
}

fn one<T>(
    reader: &mut Reader<'_>,
    element: &Element<'_>,
    read: impl Fn(&DeValue<'_>) -> Read<T>,
) -> Option<T> {
    read(element.value)
        .map_err(|reason| reader.report(Some(element.line), element.path.clone(), reason))
        .ok()
}
