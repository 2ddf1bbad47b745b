//! What mail servers and the provider of SMS say, and what customers say to them.

use pontual::channel::email::Email;
use pontual::channel::error::{Misconfiguration, SendError};
use pontual::channel::{Channel as _, Envelope};
use reqwest::Method;
use uuid::Uuid;

use super::smtp::{FROM, Smtp};
use super::{MARINA, PUBLIC, World, book, run, sms, told, until};

#[tokio::test]
async fn a_server_that_defers_a_mail_is_asked_again_minutes_later() {
    let mut world = World::new().await;
    run(&world.stack, "update app.tenants set channels = '{email}'").await;
    world.smtp.set_mode("defer");
    book(&world.stack, MARINA, Some("marina@example.com"), 0).await;
    world.stack.work();
    until(&world.stack, "select status = 'queued' and due_at > queue.now() + interval '25 seconds' and exists (select from ops.jobs where kind = 'deliver_messages' and state = 'scheduled') from app.outbound_messages").await;
    world.smtp.set_mode("");
    run(&world.stack, "update app.outbound_messages set due_at = now() - interval '10 years';
                       update apalis.jobs set run_at = now() - interval '10 years' where job_type = 'deliver_messages' and status <> 'Done'").await;
    world.stack.settle().await;
    assert_eq!(world.smtp.mails().len(), 1);
}

#[tokio::test]
async fn one_click_ends_the_mails_and_a_look_does_not() {
    let mut world = World::new().await;
    run(&world.stack, "update app.tenants set channels = '{email}'").await;
    book(&world.stack, MARINA, Some("marina@example.com"), 0).await;
    world.stack.work();
    world.stack.settle().await;
    let mail = world.smtp.mails().remove(0);
    assert_eq!(mail["headers"]["list-unsubscribe-post"], "List-Unsubscribe=One-Click");
    let link = mail["headers"]["list-unsubscribe"].as_str().unwrap();
    let path = link.trim_matches(['<', '>']).strip_prefix(PUBLIC).unwrap();
    assert!(mail["html"].as_str().unwrap().contains(&format!("href=\"{PUBLIC}{path}\"")), "{mail}");
    let ask = |method: Method, path: String| {
        let request = world.stack.http.request(method, format!("{}{path}", world.stack.base));
        async move {
            let answer = request.body("List-Unsubscribe=One-Click").send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let (status, page) = ask(Method::GET, path.to_owned()).await;
    assert!(status == 200 && page.contains("Não receber mais e-mails de Studio Lua?"), "{page}");
    let ended = "select exists (select from app.channel_opt_outs)";
    assert!(!world.stack.value::<bool>(ended).await);
    // Of the proof, which stands at the end.
    let mut forged = path.to_owned();
    let at = forged.len() - 3;
    let other = if forged[at..].starts_with('A') { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    assert_eq!(ask(Method::POST, forged).await.0, 404);
    assert_eq!(ask(Method::POST, "/unsubscribe/nonsense".to_owned()).await.0, 404);
    let (status, page) = ask(Method::POST, path.to_owned()).await;
    assert!(status == 200 && page.contains("Pronto."), "{page}");
    assert!(world.stack.value::<bool>(ended).await);

    run(&world.stack, "update app.bookings set status = 'cancelled'").await;
    world.stack.settle().await;
    assert_eq!(world.smtp.mails().len(), 1);
    assert_eq!(told(&world.stack).await[1..], ["whatsapp: skipped, no way to reach the customer"]);
}

#[tokio::test]
async fn reports_of_an_sms_are_taken_only_from_the_provider() {
    let mut world = World::new().await;
    run(&world.stack, "update app.tenants set channels = '{sms}'").await;
    book(&world.stack, MARINA, None, 0).await;
    world.stack.work();
    world.stack.settle().await;
    let routes =
        pontual::http::sms::routes(&world.stack.channels, &world.stack.pool, world.stack.clock);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let callback = world.sms.accepted()[0].callback.clone().unwrap();
    let path = callback.strip_prefix(PUBLIC).unwrap().to_owned();
    let report = |status: &'static str, code: &'static str, token: &'static str| {
        let form = [("MessageStatus", status), ("ErrorCode", code)];
        let signed: Vec<_> = form.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        let signature = pontual::channel::sms::signature::sign(token, &callback, &signed).unwrap();
        let request = world
            .stack
            .http
            .post(format!("{base}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature)
            .body(format!("MessageStatus={status}&ErrorCode={code}"));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(report("delivered", "", "another-token").await, 403);
    assert_eq!(told(&world.stack).await, ["sms: sent"]);
    assert_eq!(report("delivered", "", sms::TOKEN).await, 204);
    assert_eq!(told(&world.stack).await, ["sms: delivered"]);
    assert_eq!(report("sending", "", sms::TOKEN).await, 204);
    assert_eq!(report("failed", "21610", sms::TOKEN).await, 204);
    assert_eq!(told(&world.stack).await, ["sms: delivered"], "whoever has it, has it");
    let ended: bool = world
        .stack
        .value("select exists (select from app.channel_opt_outs where channel = 'sms')")
        .await;
    assert!(ended, "they answered STOP");
}

#[tokio::test]
async fn a_server_that_wants_a_password_gets_it_and_a_wrong_one_is_told() {
    let smtp = Smtp::with_login();
    let envelope = Envelope {
        id: Uuid::now_v7(),
        tenant_id: Uuid::now_v7(),
        to: "marina@example.com".to_owned(),
        from_name: "Salão Ação".to_owned(),
        reply_to: None,
        subject: "Amanhã às 15h: coração & café 💇".to_owned(),
        text: "Olá, Conceição!".to_owned(),
        calendar: None,
        unsubscribe: None,
        created_at: pontual::clock::Clock::default().now(),
    };
    let right = Email::new(&smtp.url("lua:s3cret%2F%40@"), FROM).unwrap();
    right.send(&envelope).await.unwrap();
    let mail = smtp.mails().remove(0);
    assert_eq!(mail["headers"]["subject"], envelope.subject);
    assert_eq!(mail["headers"]["from"], format!("Salão Ação <{FROM}>"));
    assert_eq!(mail["plain"].as_str().unwrap().trim(), "Olá, Conceição!");
    for wrong in ["lua:wrong@", ""] {
        let error = Email::new(&smtp.url(wrong), FROM).unwrap().send(&envelope).await.unwrap_err();
        assert_eq!(error, SendError::Misconfigured { what: Misconfiguration::Key }, "{wrong}");
    }
    assert_eq!(smtp.mails().len(), 1);
}
