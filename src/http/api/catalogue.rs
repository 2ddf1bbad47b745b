//! Services and staff.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::Query;
use super::key::Caller;
use super::problem::{KeyedProblems, Problem};
use crate::db::bookings;
use crate::domain::catalogue::{Catalogue, Service, Staff};
use crate::http::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list_services)).routes(routes!(list_staff))
}

/// A service or a member of staff, by its stable key and its name at the time of reading.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Named {
    #[schema(example = "ana")]
    pub(super) key: String,
    #[schema(example = "Ana")]
    pub(super) name: String,
}

impl From<&Service> for Named {
    fn from(service: &Service) -> Self {
        Self { key: service.key.clone(), name: service.name.clone() }
    }
}

impl From<&Staff> for Named {
    fn from(member: &Staff) -> Self {
        Self { key: member.key.clone(), name: member.name.clone() }
    }
}

/// Everything on offer, in the order of the menu.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceList {
    services: Vec<ServiceItem>,
}

/// A service on offer.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceItem {
    #[schema(example = "corte")]
    key: String,
    #[schema(example = "Corte")]
    name: String,
    /// Other words customers use for it.
    synonyms: Vec<String>,
    /// As tenant files write it: `45m`, `1h30m`.
    #[schema(example = "45m", pattern = r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$")]
    duration: String,
    #[schema(example = 2700, minimum = 1)]
    duration_seconds: i64,
    /// Time of the member of staff that is kept free before the start.
    #[schema(example = 0, minimum = 0)]
    buffer_before_seconds: i64,
    /// Time of the member of staff that is kept free after the end.
    #[schema(example = 600, minimum = 0)]
    buffer_after_seconds: i64,
    /// A decimal number; null: not told.
    #[schema(example = "80.00", pattern = r"^\d+\.\d\d$")]
    price: Option<String>,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    /// Customers at once with one member of staff.
    #[schema(example = 1, minimum = 1)]
    capacity: u16,
}

/// Everybody at work, in the order of the menu.
#[derive(Debug, Serialize, ToSchema)]
struct StaffList {
    staff: Vec<StaffItem>,
}

/// A member of staff.
#[derive(Debug, Serialize, ToSchema)]
struct StaffItem {
    #[schema(example = "ana")]
    key: String,
    #[schema(example = "Ana")]
    name: String,
    /// Keys of the services they do.
    #[schema(example = json!(["corte", "manicure"]))]
    services: Vec<String>,
}

/// List the services on offer
///
/// Retired services are not listed.
#[utoipa::path(
    get, path = "/services", tag = "catalogue",
    responses((status = 200, description = "Services, in the order of the menu", body = ServiceList), KeyedProblems),
)]
async fn list_services(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Json<ServiceList>, Problem> {
    query.finish()?;
    let catalogue = load(&app, &caller).await?;
    let services = catalogue.services.iter().map(|service| item(service, &catalogue)).collect();
    Ok(Json(ServiceList { services }))
}

/// List the staff at work
///
/// Retired staff are not listed, nor are retired services among what they do.
#[utoipa::path(
    get, path = "/staff", tag = "catalogue",
    responses((status = 200, description = "Staff, in the order of the menu", body = StaffList), KeyedProblems),
)]
async fn list_staff(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Json<StaffList>, Problem> {
    query.finish()?;
    let catalogue = load(&app, &caller).await?;
    let services = |member: &Staff| {
        let does = |service: &&Service| member.services.contains(&service.id);
        catalogue.services.iter().filter(does).map(|service| service.key.clone()).collect()
    };
    let staff = catalogue.staff.iter().map(|member| StaffItem {
        key: member.key.clone(),
        name: member.name.clone(),
        services: services(member),
    });
    Ok(Json(StaffList { staff: staff.collect() }))
}

async fn load(app: &App, caller: &Caller) -> Result<Catalogue, Problem> {
    let mut db = caller.begin(app).await?;
    let catalogue = bookings::catalogue(&mut db).await?;
    db.rollback().await?;
    Ok(catalogue)
}

fn item(service: &Service, catalogue: &Catalogue) -> ServiceItem {
    ServiceItem {
        key: service.key.clone(),
        name: service.name.clone(),
        synonyms: service.synonyms.clone(),
        duration: length(service.duration),
        duration_seconds: service.duration.num_seconds(),
        buffer_before_seconds: service.buffer_before.num_seconds(),
        buffer_after_seconds: service.buffer_after.num_seconds(),
        price: service
            .price
            .map(|hundredths| format!("{}.{:02}", hundredths / 100, hundredths % 100)),
        currency: catalogue.tenant.currency.clone(),
        capacity: service.capacity,
    }
}

/// A length of time as tenant files write it; hours are not made days.
fn length(time: TimeDelta) -> String {
    let seconds = time.num_seconds();
    let mut text = String::new();
    for (unit, count) in [("h", seconds / 3600), ("m", seconds / 60 % 60), ("s", seconds % 60)] {
        if count != 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0m".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_in_tenant_files() {
        let written =
            [(45 * 60, "45m"), (5400, "1h30m"), (86_400, "24h"), (3601, "1h1s"), (0, "0m")];
        for (seconds, text) in written {
            assert_eq!(length(TimeDelta::seconds(seconds)), text);
        }
    }
}
