//! Lists of bookings: pages and filters.

use serde_json::{Value, json};

use super::{MARINA, OTHER, booked, id, of};
use crate::support::api::{Api, a_cut, a_cut_with_ana};
use crate::support::stack::Stack;

#[tokio::test]
async fn a_list_comes_in_pages_that_new_bookings_do_not_disturb() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    for hour in 9..12 {
        for staff in ["ana", "bruno"] {
            let mut body = a_cut(&format!("2026-03-12T{hour:02}:00:00-03:00"), MARINA);
            body["staff"] = json!(staff);
            booked(&api, body).await;
        }
    }
    let first = api.get("/bookings?limit=2").await.body;
    let after = |page: &Value| {
        format!("/bookings?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())
    };
    // One that comes before what was read, one that comes after it.
    booked(&api, a_cut_with_ana("2026-03-11T09:00:00-03:00", OTHER)).await;
    booked(&api, a_cut_with_ana("2026-03-13T09:00:00-03:00", OTHER)).await;
    let mut pages = vec![first];
    while !pages.last().unwrap()["next_cursor"].is_null() {
        let next = api.get(&after(pages.last().unwrap())).await;
        assert_eq!(next.status, 200, "{next:?}");
        pages.push(next.body);
    }
    let sizes: Vec<_> =
        pages.iter().map(|page| page["bookings"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 2, 2, 1]);
    let seen: Vec<_> = pages
        .iter()
        .flat_map(|page| page["bookings"].as_array().unwrap())
        .map(|booking| (booking["starts_at"].as_str().unwrap(), id(booking)))
        .collect();
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "by start, then id: {seen:?}");
}

#[tokio::test]
async fn a_list_is_filtered_by_everything_it_says_it_is() {
    let stack = Stack::new().await;
    let api = Api::of(&stack, "studio-lua").await;
    let cut = booked(&api, a_cut_with_ana("2026-03-12T09:00:00-03:00", MARINA)).await;
    let mut colour = a_cut("2026-03-12T10:00:00-03:00", OTHER);
    colour["service"] = json!("cor");
    let colour = booked(&api, colour).await;
    let mut bruno = a_cut("2026-03-13T09:00:00-03:00", MARINA);
    bruno["staff"] = json!("bruno");
    let bruno = booked(&api, bruno).await;
    api.patch(&of(&bruno), json!({"status": "cancelled"})).await;
    let code = cut["code"].as_str().unwrap().to_lowercase();
    #[rustfmt::skip]
    let cases = [
        (String::new(),                                            vec![&cut, &colour, &bruno]),
        ("?from=2026-03-12T10:00:00-03:00".into(),                 vec![&colour, &bruno]),
        ("?to=2026-03-12T10:00:00-03:00".into(),                   vec![&cut]),
        ("?from=2026-03-12T13:00:00Z&to=2026-03-13T00:00:00Z".into(), vec![&colour]),
        ("?status=cancelled".into(),                               vec![&bruno]),
        ("?status=confirmed,cancelled".into(),                     vec![&cut, &colour, &bruno]),
        ("?status=confirmed&status=cancelled".into(),              vec![&cut, &colour, &bruno]),
        ("?staff=ana".into(),                                      vec![&cut, &colour]),
        ("?staff=nobody".into(),                                   vec![]),
        ("?service=cor".into(),                                    vec![&colour]),
        ("?phone=%2B5511988887777".into(),                         vec![&cut, &bruno]),
        ("?phone=551188887777".into(),                             vec![&cut, &bruno]),
        (format!("?code={code}"),                                  vec![&cut]),
        ("?staff=ana&service=corte&status=confirmed".into(),       vec![&cut]),
    ];
    for (query, expected) in cases {
        let answer = api.get(&format!("/bookings{query}")).await;
        assert_eq!(answer.status, 200, "{query} {answer:?}");
        let got: Vec<_> = answer.body["bookings"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(got, expected.iter().map(|booking| id(booking)).collect::<Vec<_>>(), "{query}");
    }
    let wrong = api.get("/bookings?limit=201&cursor=x&status=held,gone&code=K7F2C&page=2").await;
    assert_eq!(wrong.wrong_fields(), ["status", "code", "limit", "cursor", "page"]);
}
