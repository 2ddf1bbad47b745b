//! The many ways in which people say the same thing.

use super::world::{World, march};
use crate::domain::conversation::Effect;
use crate::domain::locale::Language;

/// Where a conversation stands when something is said.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Nothing was said yet.
    Nothing,
    /// The services are listed: haircut, color, manicure.
    Services,
    /// Times for a haircut: today at 11:00 and 13:00, tomorrow at 9:00.
    Times,
    /// The second of them is held.
    Held,
    /// It was confirmed a moment ago.
    Booked,
    /// A haircut with Bruno on Thursday at 14:45 is spoken of.
    Booking,
    /// Whether it shall be cancelled is asked.
    Cancelling,
    /// Whether it shall move to Friday at 9:00 is asked.
    Moving,
    /// It was reminded of a day ahead.
    Reminded,
}

use Before::{Booked, Booking, Cancelling, Held, Moving, Nothing, Reminded, Services, Times};

fn world(language: Language, before: Before) -> World {
    let mut world = World::new(language);
    let service = if language == Language::English { "haircut" } else { "corte" };
    let said: &[&str] = match before {
        Nothing => &[],
        Services => &["menu"],
        Times => &[service],
        Held => &[service, "2"],
        Booked => &[service, "2", "1"],
        Booking | Cancelling | Moving | Reminded => {
            world = world.booked(march(12, 14, 45), "K7F29");
            match (before, language) {
                (Cancelling, Language::English) => &["hi", "cancel"],
                (Cancelling, _) => &["hi", "cancelar"],
                (Moving, Language::English) => &["hi", "move it to friday at 9"],
                (Moving, Language::Portuguese) => &["hi", "muda pra sexta às 9h"],
                (Moving, Language::Spanish) => &["hi", "cambiar al viernes a las 9"],
                (Reminded, _) => &[],
                (_, _) => &["hi"],
            }
        }
    };
    for text in said {
        world.say(text);
    }
    if matches!(before, Reminded) {
        world.notify("reminder", Some(24 * 60 * 60));
    }
    world
}

/// What a text comes to: words of the answer, or the effect that it has.
#[derive(Debug)]
enum Comes {
    To(&'static str),
    Does(fn(&Effect) -> bool),
}

use Comes::{Does, To};

const CONFIRMS: Comes = Does(|effect| matches!(effect, Effect::Confirm { .. }));
const HOLDS: Comes = Does(|effect| matches!(effect, Effect::Hold { .. }));
const CANCELS: Comes = Does(|effect| matches!(effect, Effect::Cancel { .. }));
const MOVES: Comes = Does(|effect| matches!(effect, Effect::Move { .. }));
const OPTS_OUT: Comes = Does(|effect| *effect == Effect::OptOut);
const CALLS_A_PERSON: Comes = Does(|effect| *effect == Effect::HandOff);

fn check(language: Language, cases: &[(Before, Comes, &[&str])]) {
    let mut wrong = Vec::new();
    for (before, comes, texts) in cases {
        for text in *texts {
            let mut world = world(language, *before);
            let answer = world.say(text);
            let as_meant = match comes {
                To(words) => answer.contains(words),
                Does(effect) => world.effects.iter().any(effect),
            };
            if !as_meant {
                wrong.push(format!("{before:?} {text:?}: {answer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[rustfmt::skip]
fn english_wordings() {
    check(Language::English, &[
        (Nothing, To("Which service do you mean?"), &["do you have anything today?", "hi, I'd like to book with Ana tomorrow afternoon", "any openings this week?"]),
        (Nothing, To("What would you like to book?"), &["I need an appointment", "I want to make an appointment please", "what are your prices?", "what services do you have?", "hi there, how are you?", "good morning!"]),
        (Nothing, To("Saturday 14 March, morning:"), &["can I get a haircut on saturday morning?", "I want to book a haircut, saturday morning please"]),
        (Nothing, To("Manicure, 40 min"), &["do you do nails?", "I'd like a manicure", "nails please"]),
        (Nothing, To("Haircut: $40, 45 min."), &["how much is a haircut?", "price of a haircut?"]),
        (Nothing, To("Wednesday 11 March, 3:00 PM is free"), &["hey can you fit me in for a cut tomorrow around 3?", "haircut tomorrow 3pm"]),
        (Services, To("Color, 2 h."), &["2", "2 please", "option 2 please", "I'll take the second one", "the second one", "number two", "I'll take the 2nd", "color", "2️⃣"]),
        (Services, CALLS_A_PERSON, &["can I talk to a human please", "can I speak with Ana?", "I want to talk to a real person", "customer service", "0"]),
        (Times, HOLDS, &["the first one", "I'll take the second one", "let's go with 2", "2 please", "the last one", "the 1 pm one", "at 9 am", "the 11:00 one"]),
        (Times, To("3:00 PM:"), &["can we do 3pm?", "at 3", "3 pm works"]),
        (Times, To("Wednesday 11 March"), &["does tomorrow work?", "tomorrow afternoon", "tomorrow"]),
        (Times, To("More free times:"), &["anything later?", "another day", "more options", "none of these work", "I can't do those", "no", "9", "show more"]),
        (Times, To("First free times:"), &["anyone is fine", "any time works", "first available", "as soon as possible"]),
        (Times, To("All right, nothing was booked."), &["never mind", "forget it", "I changed my mind", "cancel"]),
        (Times, To("What would you like to book?"), &["I made a mistake", "oops wrong service", "go back", "I want a different service"]),
        (Times, To("Take your time"), &["one moment", "let me check", "not sure", "just a sec"]),
        (Times, To("You can book with Ana and Bruno."), &["who's available?", "with whom?"]),
        (Held, CONFIRMS, &["yes", "yep", "yes please", "sounds good", "that works", "perfect", "great", "confirmed", "ok book it", "sure thing", "let's do it", "looks good", "1", "ok", "👍"]),
        (Held, To("Which day and time suit you?"), &["no", "no thanks", "I can't", "different time", "a bit later", "earlier?", "wrong day", "2"]),
        (Held, To("4:00 PM"), &["can we make it 4pm instead?", "4pm please"]),
        (Held, To("Please check:"), &["how much?", "thanks"]),
        (Held, To("120 Flower St."), &["where are you located?", "what's the address?"]),
        (Held, To("nothing was booked"), &["cancel", "never mind", "3"]),
        (Booking, To("Cancel this booking?"), &["I want to cancel", "I need to cancel my appointment", "I can't make it", "something came up"]),
        (Booking, To("Haircut with Bruno, now Thursday 12 March, 2:45 PM."), &["I need to reschedule", "can I change my appointment?", "can we move it to friday?", "can I come later?"]),
        (Booking, To("(K7F29)"), &["what time is my appointment?", "when is my haircut?", "do I have a booking?"]),
        (Booking, To("What would you like to book?"), &["I want to book another one", "book again"]),
        (Booking, To("See you then"), &["thanks!", "see you thursday", "thank you so much", "see you then"]),
        (Booking, CALLS_A_PERSON, &["I'm running late", "call me please"]),
        (Booking, To("The team can tell you"), &["do you take cards?", "is there parking?"]),
        (Booked, To("See you then"), &["thank you so much", "cool", "see you then", "great, thanks", "ok"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn portuguese_wordings() {
    check(Language::Portuguese, &[
        (Nothing, To("Qual serviço você quer?"), &["quero marcar com a Ana amanhã de tarde", "tem vaga hoje?", "oi, tem horário pra hoje?", "oi boa tarde tudo bem? queria saber se tem horário amanhã"]),
        (Nothing, To("O que você quer agendar?"), &["quero marcar um horário", "bom dia, gostaria de marcar", "queria agendar", "qual o preço?", "tabela de preços", "quais serviços vocês têm?", "oi, tudo bem?", "boa noite"]),
        (Nothing, To("Corte, 45 min."), &["gostaria de agendar um corte", "preciso cortar o cabelo urgente", "corte o quanto antes"]),
        (Nothing, To("Manicure, 40 min."), &["vocês fazem unha?", "queria fazer as unhas"]),
        (Nothing, To("Corte: R$ 80, 45 min."), &["quanto tá o corte?", "quanto custa o corte?", "qual o valor do corte?"]),
        (Nothing, To("Sábado, 14 de março, de manhã:"), &["dá pra marcar um corte pra sábado de manhã?"]),
        (Nothing, HOLDS, &["Olá! Gostaria de agendar uma coloração com a Ana na quinta às 14h", "corte amanhã às 15h"]),
        (Services, To("Coloração, 2 h."), &["2", "quero a 2", "2 por favor", "opção 2", "a segunda", "o segundo", "pode ser a 2", "número 2", "a segunda opção"]),
        (Services, CALLS_A_PERSON, &["quero falar com uma pessoa", "me chama um atendente", "quero falar com o dono", "posso falar com a Ana?", "0"]),
        (Times, HOLDS, &["o primeiro", "pode ser o segundo", "quero o último", "o primeiro que tiver", "quero a 2", "o das 13h", "às 9h", "pode ser às 11?"]),
        (Times, To("15h:"), &["pode ser às 15?", "às 15h", "3 da tarde"]),
        (Times, To("Quarta-feira, 11 de março"), &["pode ser amanhã?", "amanhã de tarde", "amanhã"]),
        (Times, To("Mais horários livres:"), &["tem mais tarde?", "tem mais cedo?", "outro dia", "mais opções", "tem outros?", "nenhum desses", "não posso nesses", "não", "9"]),
        (Times, To("Primeiros horários livres:"), &["qualquer um", "tanto faz", "o quanto antes"]),
        (Times, To("nada foi agendado"), &["não quero mais", "deixa pra lá", "esquece", "desisti", "cancelar"]),
        (Times, To("O que você quer agendar?"), &["me enganei", "errei", "voltar", "quero outro serviço", "mudar o serviço"]),
        (Times, To("Sem pressa"), &["só um minuto", "espera", "pera", "já volto", "vou ver e te aviso", "não sei"]),
        (Times, To("Você pode agendar com Ana e Bruno."), &["com quem?", "quem atende?"]),
        (Held, CONFIRMS, &["sim", "s", "isso", "isso mesmo", "pode confirmar", "confirmado", "pode ser", "perfeito", "ótimo", "blz", "ok pode marcar", "tá bom", "ta certo", "👍", "sim por favor", "quero sim", "bora", "fechou", "1"]),
        (Held, To("Que dia e horário ficam bons?"), &["não", "nao posso", "outro horário", "mais tarde", "pode ser mais cedo?", "errei o dia", "me enganei", "2"]),
        (Held, To("16h"), &["muda pra 16h", "melhor às 16h"]),
        (Held, To("nada foi agendado"), &["cancela", "não quero mais", "deixa pra lá", "3"]),
        (Held, To("Rua das Flores, 120"), &["onde fica?", "qual o endereço?"]),
        (Booking, To("Quer cancelar este horário?"), &["quero cancelar", "preciso desmarcar", "não vou poder ir", "não vou conseguir ir na quinta", "surgiu um imprevisto"]),
        (Booking, To("hoje marcado para quinta-feira, 12 de março"), &["quero remarcar", "preciso mudar meu horário", "dá pra mudar pra sexta?", "tem como adiar?", "dá pra trocar pra mais tarde?", "posso ir mais tarde?"]),
        (Booking, To("(K7F29)"), &["que horas é meu horário?", "quando é meu horário?", "meus agendamentos", "tenho horário marcado?"]),
        (Booking, To("O que você quer agendar?"), &["quero marcar outro", "quero agendar mais um", "quero marcar de novo"]),
        (Booking, To("Até lá"), &["obrigada!", "valeu", "até quinta", "brigadão"]),
        (Booking, CALLS_A_PERSON, &["vou me atrasar", "me liga por favor"]),
        (Booking, To("Isso a equipe responde"), &["aceita cartão?", "tem estacionamento?"]),
        (Booked, To("Até lá"), &["obrigada", "brigadão", "até amanhã", "ok", "👍", "perfeito", "show"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn spanish_wordings() {
    check(Language::Spanish, &[
        (Nothing, To("¿Qué servicio quieres?"), &["¿tienen hora hoy?", "hola, quiero una cita con Ana mañana por la tarde", "¿hay cupo para mañana?"]),
        (Nothing, To("¿Qué quieres reservar?"), &["necesito una hora", "¿qué precios tienen?", "¿qué servicios tienen?", "quisiera agendar por favor", "hola, ¿cómo están?", "buenas tardes"]),
        (Nothing, To("Manicura, 40 min."), &["¿hacen uñas?", "quiero una manicura"]),
        (Nothing, To("Corte: $18.000, 45 min."), &["¿cuánto cuesta el corte?", "precio del corte"]),
        (Nothing, To("Corte, 45 min."), &["un corte cuanto antes", "quiero un corte"]),
        (Services, To("Color, 2 h."), &["2", "quiero la 2", "la 2 por favor", "opción 2", "la segunda", "número 2", "me quedo con la segunda"]),
        (Services, CALLS_A_PERSON, &["quiero hablar con una persona", "¿puedo hablar con Ana?", "asesor", "0"]),
        (Times, HOLDS, &["la primera", "la primera que haya", "me quedo con la segunda", "quiero la 2", "la última", "la de las 13:00", "a las 9"]),
        (Times, To("15:00:"), &["¿puede ser a las 15?", "a las 3 de la tarde"]),
        (Times, To("iércoles 11 de marzo"), &["¿puede ser mañana?", "mañana en la tarde"]),
        (Times, To("Más horas libres:"), &["¿hay más tarde?", "¿algo más temprano?", "otro día", "más opciones", "ninguna me sirve", "no puedo en esas", "no", "9"]),
        (Times, To("Primeras horas libres:"), &["cualquiera", "cuando sea", "cuanto antes", "lo antes posible"]),
        (Times, To("no se reservó nada"), &["olvídalo", "ya no quiero", "cancelar"]),
        (Times, To("¿Qué quieres reservar?"), &["me equivoqué", "volver", "me equivoqué de servicio", "quiero otro servicio"]),
        (Times, To("Sin apuro"), &["un momento", "no sé", "espera"]),
        (Times, To("Puedes reservar con Ana y Bruno."), &["¿con quién?", "¿quién atiende?"]),
        (Held, CONFIRMS, &["sí", "dale", "perfecto", "está bien", "me parece bien", "listo", "confirmado", "sí por favor", "ok dale", "genial", "1", "claro"]),
        (Held, To("¿Qué día y hora te acomodan?"), &["no", "no puedo", "otra hora", "más tarde", "me equivoqué de día", "2"]),
        (Held, To("16:00"), &["mejor a las 16"]),
        (Held, To("no se reservó nada"), &["cancelar", "olvídalo", "3"]),
        (Held, To("Calle Las Flores 120"), &["¿dónde queda?", "¿cuál es la dirección?"]),
        (Booking, To("¿Cancelo esta reserva?"), &["quiero cancelar", "no puedo ir", "me surgió un imprevisto", "no voy a poder ir el jueves"]),
        (Booking, To("ahora el jueves 12 de marzo"), &["quiero cambiar mi hora", "necesito cambiar la cita", "¿se puede pasar al viernes?", "¿puedo ir más tarde?"]),
        (Booking, To("(K7F29)"), &["¿a qué hora es mi cita?", "¿cuándo es mi hora?", "¿tengo alguna cita?"]),
        (Booking, To("¿Qué quieres reservar?"), &["quiero reservar otra"]),
        (Booking, To("Hasta entonces"), &["¡gracias!", "nos vemos el jueves", "muchas gracias"]),
        (Booking, CALLS_A_PERSON, &["voy a llegar tarde"]),
        (Booking, To("Eso te lo dice el equipo"), &["¿aceptan tarjeta?"]),
        (Booked, To("Hasta entonces"), &["muchas gracias", "genial", "nos vemos", "ok"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn english_chat() {
    check(Language::English, &[
        (Nothing, OPTS_OUT, &["please stop sending me messages", "stop texting me", "no more reminders", "stop please"]),
        (Nothing, To("We are open"), &["open sunday?", "whats your hours"]),
        (Services, To("Haircut, 45 min."), &["1 pls", "haircutttt", "id like to get my hair cut", "number one", "option 1 thanks"]),
        (Times, HOLDS, &["i'll take the first one pls", "number 2 pls", "2 is good", "any of them", "any of those is fine", "you choose"]),
        (Times, To("Take your time"), &["let me ask my husband and get back to you", "i will talk to my mum and let you know, one moment", "let me check my calendar"]),
        (Times, To("nothing was booked"), &["nvm", "forget it, sorry", "never mind thanks"]),
        (Times, To("What would you like to book?"), &["sorry wrong one", "oops sorry"]),
        (Times, To("First free times:"), &["whoever's available", "i don't mind", "whichever"]),
        (Held, CONFIRMS, &["yesss", "kk", "that's perfect", "lovely thanks", "book me in", "i'll take it", "✅", "👌", "no problem, book it", "brilliant cheers"]),
        (Held, To("Which day and time suit you?"), &["actually no", "not that one sorry"]),
        (Held, To("Manicure, 40 min."), &["change it to a manicure"]),
        (Booked, To("See you then"), &["thanks so much, see you thursday", "tysm", "❤️", "🙏🙏", "perfect see you then", "cheers mate"]),
        (Booked, To("Your booking:"), &["is it confirmed?", "when is it again?", "what's my code", "don't cancel it", "keep it"]),
        (Booking, To("Cancel this booking?"), &["won't make it thursday", "something's come up", "hi, sadly I have to cancel thursday"]),
        (Booking, To("now Thursday 12 March"), &["can we make it friday instead?", "need to resched", "i don't want to cancel, i want to move it"]),
        (Booking, To("What would you like to book?"), &["need another one for my son"]),
        (Booking, CALLS_A_PERSON, &["running 10 mins late"]),
        (Booking, To("See you then"), &["i'll be there thursday"]),
        (Cancelling, CANCELS, &["yes cancel", "sadly yes", "yeah sorry", "cancel it please", "go ahead"]),
        (Cancelling, To("Nothing has changed"), &["keep it", "don't cancel", "i don't want to cancel", "changed my mind", "never mind", "actually no", "no keep it"]),
        (Cancelling, To("now Thursday 12 March"), &["friday instead", "actually can i move it instead"]),
        (Cancelling, To("Cancel this booking?"), &["cancel"]),
        (Moving, MOVES, &["yes", "move it", "sure, do it"]),
        (Moving, To("Nothing has changed"), &["keep thursday", "leave it as it was", "forget it"]),
        (Reminded, To("See you then"), &["ill be there!", "on my way", "for sure", "thanks for the reminder", "keep it"]),
        (Reminded, To("Cancel this booking?"), &["sorry can't make it", "i'll have to cancel sorry"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn portuguese_chat() {
    check(Language::Portuguese, &[
        (Nothing, OPTS_OUT, &["para de me mandar mensagem", "quero parar de receber lembretes", "não quero mais receber mensagens", "sair por favor"]),
        (Nothing, To("Abrimos"), &["oi, vcs trabalham sábado?", "que horas vcs fecham?"]),
        (Services, To("Corte, 45 min."), &["corteee", "1 pfvr", "esse primeiro aí", "só o corte msm"]),
        (Services, To("Rua das Flores, 120"), &["queria o corte, mas antes me diz onde vcs ficam"]),
        (Times, HOLDS, &["qualquer um desses", "pode ser o primeiro então", "2 pode ser", "você escolhe"]),
        (Times, To("Sem pressa"), &["vou falar com meu marido e te aviso", "deixa eu ver aqui na agenda"]),
        (Times, To("nada foi agendado"), &["deixa quieto, obg", "não quero mais não", "deixa pra lá, valeu"]),
        (Times, To("O que você quer agendar?"), &["desculpa, mandei errado"]),
        (Times, To("Primeiros horários livres:"), &["com quem for", "o que vc tiver mais cedo"]),
        (Held, CONFIRMS, &["simmm", "ok confirmado", "isso msm", "eh isso", "com ctz", "show de bola", "✅", "👌", "quero", "exato"]),
        (Held, To("Que dia e horário ficam bons?"), &["nao quero esse horario", "não, quero outro"]),
        (Held, To("Manicure, 40 min."), &["troca pra manicure"]),
        (Booked, To("Até lá"), &["perfeito, até quinta", "brigaduuu", "bjs", "😊", "show, obrigada pela atenção", "ok obg 😘"]),
        (Booked, To("O seu horário:"), &["quando é mesmo?", "que horas ficou?", "qual meu código?", "tá confirmado?", "não cancela meu horário hein"]),
        (Booking, To("Quer cancelar este horário?"), &["n vou conseguir ir quinta", "não vai rolar quinta", "oi, tudo bem? infelizmente vou ter q desmarcar"]),
        (Booking, To("hoje marcado para quinta-feira, 12 de março"), &["consigo adiantar meu horário?", "não quero cancelar, quero mudar"]),
        (Booking, To("O que você quer agendar?"), &["quero um pra minha mãe tb"]),
        (Booking, To("(K7F29)"), &["q horas é meu corte msm?"]),
        (Booking, To("Até lá"), &["vou sim quinta"]),
        (Cancelling, CANCELS, &["pode cancelar", "sim, cancela", "quero cancelar sim", "infelizmente sim"]),
        (Cancelling, To("Nada mudou"), &["manter", "não cancela", "não quero cancelar", "mudei de ideia", "deixa como está", "melhor não", "deixa quieto"]),
        (Moving, MOVES, &["sim", "pode mudar", "pode trocar"]),
        (Moving, To("Nada mudou"), &["mantém quinta", "deixa como estava"]),
        (Reminded, To("Até lá"), &["tô indo", "estarei aí, obg", "obrigada por lembrar", "pode contar", "✅"]),
        (Reminded, To("Quer cancelar este horário?"), &["n vou conseguir ir", "vou ter que desmarcar infelizmente"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn spanish_chat() {
    check(Language::Spanish, &[
        (Nothing, OPTS_OUT, &["dejen de mandarme mensajes", "no quiero recibir más recordatorios", "quiero darme de baja", "baja por favor"]),
        (Services, To("Corte, 45 min."), &["el 1 porfa", "el primero porfis", "1 xfa"]),
        (Times, HOLDS, &["cualquiera de esas", "la 2 po", "la primera porfa", "elige tú"]),
        (Times, To("Sin apuro"), &["voy a hablar con mi hija y te digo", "le pregunto a mi marido y te aviso", "déjame revisar mi agenda"]),
        (Times, To("no se reservó nada"), &["olvídalo, gracias", "ya no, gracias"]),
        (Times, To("Primeras horas libres:"), &["con quien sea", "la que sea", "apenas se pueda"]),
        (Held, CONFIRMS, &["siii", "dale nomás", "ya po", "órale", "resérvamela", "vale perfecto", "confírmame porfa", "👌"]),
        (Held, To("Manicura, 40 min."), &["cambiar a manicura"]),
        (Booked, To("Hasta entonces"), &["muchas gracias, nos vemos el jueves", "perfecto, hasta el jueves", "❤️", "bendiciones"]),
        (Booked, To("Tu reserva:"), &["¿está confirmada?", "¿a qué hora quedó?", "¿cuál es mi código?", "no la canceles", "mantenla"]),
        (Booking, To("¿Cancelo esta reserva?"), &["no llego el jueves", "estoy enferma, no voy"]),
        (Booking, To("ahora el jueves 12 de marzo"), &["no quiero cancelar, quiero cambiar", "¿puedo ir más temprano?"]),
        (Booking, To("¿Qué quieres reservar?"), &["quiero otra hora para mi hijo"]),
        (Booking, CALLS_A_PERSON, &["voy a llegar 10 min tarde"]),
        (Cancelling, CANCELS, &["sí, cancela", "si, anúlala", "lamentablemente sí", "dale"]),
        (Cancelling, To("Nada ha cambiado"), &["no, déjala", "quiero mantenerla", "no la canceles", "no quiero cancelar", "cambié de idea", "mejor no"]),
        (Moving, MOVES, &["sí", "cámbiala"]),
        (Moving, To("Nada ha cambiado"), &["déjala como estaba", "mantener el jueves"]),
        (Reminded, To("Hasta entonces"), &["confirmo asistencia", "gracias por avisar", "ahí estaré el jueves"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_only_sounds_like_it_does_nothing_of_the_kind() {
    let unharmed = |language: Language, before: Before, texts: &[&str]| {
        for text in texts {
            let mut world = world(language, before);
            let answer = world.say(text);
            let harm = world.effects.iter().find(|effect| {
                matches!(effect, Effect::OptOut | Effect::HandOff | Effect::Cancel { .. } | Effect::Confirm { .. })
            });
            assert!(harm.is_none() && !answer.contains("Cancel this") && !answer.contains("Quer cancelar") && !answer.contains("¿Cancelo"), "{text}: {harm:?} {answer}");
        }
    };
    unharmed(Language::English, Booking, &["don't cancel my appointment", "please do not cancel it", "i can't stop smiling", "is there a bus stop nearby?"]);
    unharmed(Language::English, Held, &["is that with ana? yes or no", "what's your cancellation policy?", "don't book it yet"]);
    unharmed(Language::Portuguese, Booking, &["não quero cancelar", "não precisa cancelar não", "para de graça kkk", "não vou cancelar"]);
    unharmed(Language::Portuguese, Held, &["não cancela não", "confirma se tem estacionamento?", "ainda não confirma"]);
    unharmed(Language::Spanish, Booking, &["no quiero cancelar mi hora", "no voy a cancelar", "no la canceles por favor"]);
    unharmed(Language::Spanish, Held, &["todavía no confirmes", "no me la canceles"]);
}
