//! Which scope of a key a request needs: told by its method and route, here and in the description.

use axum::http::Method;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;

use crate::db::keys::Scope;

/// Where the routes of the API stand.
const BASE: &str = "/api/v1";
/// Changes of what is below these need [`Scope::Operate`]: they change how the tenant runs.
const OPERATED: &[&str] = &["/staff", "/services", "/instances", "/flags", "/keys"];

/// The scope that a request of this method to this route (a pattern, such as `/bookings/{id}` below
/// `/api/v1`) needs.
pub(super) fn needed(method: &Method, route: &str) -> Scope {
    let route = route.strip_prefix(BASE).unwrap_or(route);
    let is_below = |part: &str| {
        route.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if *method == Method::GET || *method == Method::HEAD {
        Scope::Read
    } else if OPERATED.iter().any(|part| is_below(part)) {
        Scope::Operate
    } else {
        Scope::Write
    }
}

/// Writes each operation's scope into the description, as the role that its key needs.
pub(super) fn describe(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            let scope = needed(&method, path).as_str();
            operation.security = Some(vec![SecurityRequirement::new("key", [scope])]);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_is_read_changing_is_write_and_how_the_tenant_runs_is_operate() {
        let cases = [
            (Method::GET, "/api/v1/bookings", Scope::Read),
            (Method::HEAD, "/api/v1/instances", Scope::Read),
            (Method::POST, "/api/v1/bookings", Scope::Write),
            (Method::PATCH, "/api/v1/bookings/{id}", Scope::Write),
            (Method::POST, "/api/v1/conversations/{id}/messages", Scope::Write),
            (Method::POST, "/api/v1/staff/{key}/calendar", Scope::Operate),
            (Method::DELETE, "/api/v1/staff/{key}/calendar", Scope::Operate),
            (Method::PATCH, "/api/v1/instances/{name}", Scope::Operate),
            (Method::POST, "/api/v1/stafford", Scope::Write),
        ];
        for (method, route, scope) in cases {
            assert_eq!(needed(&method, route), scope, "{method} {route}");
        }
    }
}
