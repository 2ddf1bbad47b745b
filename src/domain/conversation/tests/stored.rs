//! Dialogues as they lie in `conversations.context`: what was written once stays readable.

use super::world::World;
use crate::domain::conversation::Dialogue;
use crate::domain::locale::Language;

#[test]
fn a_dialogue_of_any_state_is_read_back_from_what_is_stored() {
    #[rustfmt::skip]
    let stored = [
        ("{}", "greeting"),
        (r#"{"state":{"state":"greeting"}}"#, "greeting"),
        (r#"{"state":{"state":"service_selection","when":"amanhã"},"menu":{"number":1,"items":[{"digit":1,"label":"Corte","choice":{"choice":"service","service_id":"00000000-0000-0000-0000-000000000001"}}]},"misses":1,"with_person":false,"greeted":true,"last_turn":"2026-03-10T13:00:00Z"}"#, "service_selection"),
        (r#"{"state":{"state":"date_time","service_id":"00000000-0000-0000-0000-000000000001","staff_id":null,"wish":{"from":"2026-03-12","to":"2026-03-12","time":{"at":"14:45:00"},"not_before":null,"before":null},"near":null,"shown":["2026-03-12T17:45:00Z"],"moving":null},"menu":{"number":2,"items":[]}}"#, "date_time"),
        (r#"{"state":{"state":"date_time","service_id":"00000000-0000-0000-0000-000000000001","wish":{"time":{"between":{"from":"14:00:00","to":null}}}}}"#, "date_time"),
        (r#"{"state":{"state":"confirmation","staff_id":"00000000-0000-0000-0000-00000000000a","starts_at":"2026-03-12T17:45:00Z","plan":{"service_id":"00000000-0000-0000-0000-000000000001","wish":{"time":"morning"}}}}"#, "confirmation"),
        (r#"{"state":{"state":"completed","booking_id":"00000000-0000-0000-0000-000000000001","when":null}}"#, "completed"),
    ];
    for (json, name) in stored {
        let dialogue: Dialogue = serde_json::from_str(json).unwrap();
        assert_eq!(dialogue.state.name(), name, "{json}");
        let mut world = World::new(Language::English);
        world.dialogue = dialogue;
        assert!(!world.say("1").is_empty(), "{json}");
    }
}

#[test]
fn the_default_is_a_conversation_that_has_not_begun() {
    let empty: Dialogue = serde_json::from_str("{}").unwrap();
    assert_eq!(empty, Dialogue::default());
    assert_eq!(empty.state.name(), "greeting");
}
