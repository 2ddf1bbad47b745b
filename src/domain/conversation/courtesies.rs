//! Thanks and farewells, which nobody need answer.

use super::phrases::words;
use super::text::{Text, folded_words};
use super::{Message, MessageKind};
use crate::domain::locale::Language;

/// Agrees with what was said, before thanks.
const AGREEING: &str = "ok okay great perfect lovely cool good nice awesome fine alright amazing \
     perfeito otimo excelente beleza certo entendi combinado show maravilha legal \
     perfecto genial listo vale dale bueno entendido estupendo buenisimo";

/// Stands around thanks and farewells.
const AROUND: &str = "thank thanks you so very much a lot have nice day good night evening weekend the too for \
     your help everything bye see then \
     muito muita obrigado obrigada obg brigado brigada mesmo tudo por pela ajuda bom boa dia noite \
     tarde um uma tchau ate logo voce tambem abraco abracos beijos \
     muchas mil gracias todo ayuda buen buena tardes dias noches chao chau adios hasta luego igual \
     que tenga tengas un";

/// A longer text may ask for something.
const FAREWELL_WORDS_MAX: usize = 5;

/// Whether messages are thanks or farewells and nothing else, in whatever language.
pub(super) fn are_all(messages: &[Message]) -> bool {
    messages.iter().all(is_one)
}

fn is_one(message: &Message) -> bool {
    match message.kind {
        MessageKind::Sticker | MessageKind::Reaction => true,
        MessageKind::Text => message.text.as_deref().is_some_and(|text| says_one(&Text::new(text))),
        MessageKind::Choice
        | MessageKind::Audio
        | MessageKind::Image
        | MessageKind::Video
        | MessageKind::Document
        | MessageKind::Location
        | MessageKind::Contact
        | MessageKind::Other => false,
    }
}

fn says_one(text: &Text) -> bool {
    if text.raw.contains('?') {
        return false;
    }
    let courteous = |word: &String| {
        AGREEING.split_whitespace().chain(AROUND.split_whitespace()).any(|known| known == word)
            || word == "👍"
    };
    Language::ALL.into_iter().map(words).any(|words| {
        let farewell =
            text.begins_with_any(words.see_you) && text.words().len() <= FAREWELL_WORDS_MAX;
        let thanks =
            words.thanks.iter().any(|thanks| text.has(thanks) && !folded_words(thanks).is_empty());
        text.is_any(&["👍"])
            || farewell
            || (thanks && text.words().iter().all(courteous))
            || text.is_any(words.thanks)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thanks_and_farewells_need_no_answer() {
        for text in [
            "perfect, thank you",
            "ok thanks!",
            "Thank you so much 🙏",
            "👍",
            "see you thursday",
            "perfeito, muito obrigada",
            "obrigada, até logo!",
            "perfecto, muchas gracias",
            "gracias, chao",
        ] {
            assert!(says_one(&Text::new(text)), "{text}");
        }
    }

    #[test]
    fn thanks_with_a_wish_or_a_question_wait_for_an_answer() {
        for text in [
            "thanks, and how much is it",
            "thank you, can you move it to friday",
            "thanks?",
            "no",
            "yes",
            "ok",
            "obrigada, mas prefiro sexta",
            "gracias, pero no puedo el jueves",
            "",
        ] {
            assert!(!says_one(&Text::new(text)), "{text}");
        }
    }
}
