//! The status machine, and codes.

use std::collections::HashSet;

use super::{Salon, refusal, refused};

const STATUSES: [&str; 6] = ["held", "confirmed", "arrived", "completed", "cancelled", "no_show"];

#[tokio::test]
async fn every_change_of_status_is_legal_or_refused_by_name() {
    let salon = Salon::open().await;
    #[rustfmt::skip]
    let legal = [
        ("held", "confirmed"), ("held", "cancelled"),
        ("confirmed", "arrived"), ("confirmed", "completed"), ("confirmed", "no_show"), ("confirmed", "cancelled"),
        ("arrived", "completed"), ("arrived", "no_show"), ("arrived", "cancelled"),
    ];
    let mut minutes = 0;
    for from in STATUSES {
        for to in STATUSES {
            minutes += 60;
            let [id] = salon.book(&[("corte", "ana", minutes)], None, from).await[..] else {
                panic!("one booking")
            };
            let changed = sqlx::query("update app.bookings set status = $2 where id = $1")
                .bind(id)
                .bind(to)
                .execute(&salon.stack.db.owner)
                .await;
            match changed {
                Ok(_) => assert!(from == to || legal.contains(&(from, to)), "{from} → {to}"),
                Err(error) => {
                    assert!(from != to && !legal.contains(&(from, to)), "{from} → {to}");
                    assert_eq!(refusal(&error), refused("23514", "bookings_status_moves_on"));
                }
            }
            let status: String =
                sqlx::query_scalar("select status from app.bookings where id = $1")
                    .bind(id)
                    .fetch_one(&salon.stack.db.owner)
                    .await
                    .unwrap();
            let expected = if legal.contains(&(from, to)) { to } else { from };
            assert_eq!(status, expected, "{from} → {to}");
        }
    }
    salon.assert_sound().await;
}

#[tokio::test]
async fn a_status_nobody_knows_is_refused_by_name() {
    let salon = Salon::open().await;
    let error = salon.try_book(&[("corte", "ana", 0)], None, "dreamt").await.unwrap_err();
    assert_eq!(refusal(&error), refused("23514", "bookings_status_is_known"));
}

#[tokio::test]
async fn two_thousand_codes_are_well_formed_and_no_two_alike() {
    const SIGNS: &str = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
    let salon = Salon::open().await;
    let lines: Vec<_> = (0..2_000).map(|n| ("corte", "ana", n * 60)).collect();
    salon.book(&lines, None, "held").await;
    let codes: Vec<String> = sqlx::query_scalar("select code from app.bookings")
        .fetch_all(&salon.stack.db.owner)
        .await
        .unwrap();
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 2_000);
    for code in codes {
        let values: Vec<usize> = code.chars().map(|sign| SIGNS.find(sign).unwrap()).collect();
        let (check, free) = values.split_last().unwrap();
        assert!([4, 6].contains(&free.len()), "{code}");
        let sum: usize = free.iter().enumerate().map(|(n, value)| (n + 2) * value).sum();
        assert_eq!(sum % SIGNS.len(), *check, "{code}");
    }
}
