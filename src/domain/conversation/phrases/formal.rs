//! What a tenant who speaks formally says instead: Spanish with "usted", Portuguese without "você"
//! (the customer's gender, which "o senhor" and "a senhora" ask for, is not known), English without
//! "Hi". Texts that address nobody are not here: they are said as they are.

use crate::domain::locale::Language;

/// Key and template of each text that differs.
pub(super) const fn formal(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::English => ENGLISH,
        Language::Portuguese => PORTUGUESE,
        Language::Spanish => SPANISH,
    }
}

const ENGLISH: &[(&str, &str)] = &[
    ("intro_named", "Hello {name}. I am the booking assistant of {of_tenant}."),
    ("intro", "Hello. I am the booking assistant of {of_tenant}."),
    (
        "reminder_day",
        "Hello{name}. {when} {at}: {what}{place}. 1 I will be there, 2 Change time, 3 Cancel",
    ),
    (
        "reminder_day_private",
        "Hello{name}. {when} {at}{place}. 1 I will be there, 2 Change time, 3 Cancel",
    ),
    (
        "reminder_general_private",
        "Hello{name}. {when} {at}{place}. Write CHANGE or CANCEL if you need another time.",
    ),
    (
        "reminder_general",
        "Hello{name}. {when} {at}: {what}{place}. Write CHANGE or CANCEL if you need another time.",
    ),
];

const PORTUGUESE: &[(&str, &str)] = &[
    ("intro_named", "Olá, {name}. Sou a assistente de agendamento {of_tenant}."),
    ("intro", "Olá. Sou a assistente de agendamento {of_tenant}."),
    ("ask_service", "O que deseja agendar?"),
    ("which_service", "Qual serviço deseja?"),
    (
        "one_person_at_a_time",
        "Por aqui agendo uma pessoa de cada vez: {service} uma vez. Para várias pessoas, a equipe pode ajudar.",
    ),
    ("too_many_services", "Posso agendar até {count} serviços em uma visita. Quais deseja?"),
    (
        "ask_when",
        "{service}, {duration}. Que dia e horário são convenientes? Pode escrever com as suas palavras, por exemplo \"quinta à tarde\".",
    ),
    (
        "ask_when_together",
        "{services}, {duration} no total. Que dia e horário são convenientes? Pode escrever com as suas palavras, por exemplo \"quinta à tarde\".",
    ),
    ("no_more_times", "São esses os horários livres. Que dia prefere?"),
    ("nobody_called", "Não temos ninguém chamado {name}. É possível agendar com {list}."),
    ("yesterday_is_past", "Ontem já passou, então procurei de hoje em diante. Que dia prefere?"),
    ("day_is_past", "{day} já passou, então procurei de hoje em diante. Que dia prefere?"),
    ("is_past", "Isso já passou, então procurei de hoje em diante. Que dia prefere?"),
    ("no_such_day", "Esse dia ou horário não existe. Que dia e horário prefere?"),
    ("which_weekday", "Qual {weekday} deseja?"),
    ("which_weekday_at", "Qual {weekday} deseja, {at}?"),
    ("which_date", "Qual data deseja?"),
    ("which_time", "Qual horário deseja?"),
    ("check", "Por favor, confira:"),
    ("holding_until", "Este horário está reservado até {time}."),
    ("will_remind", "Enviaremos lembretes {list} antes."),
    ("taken", "Lamento, o horário de {weekday} {at} acabou de ser ocupado. Nada foi agendado."),
    (
        "old_time_stays",
        "Lamento, esse horário acabou de ser ocupado. O seu continua como estava: {what}.",
    ),
    ("no_bookings", "Não há horários marcados. Escreva AGENDAR quando quiser um."),
    (
        "too_late",
        "Por aqui é possível mudar ou cancelar um horário até {notice} antes do início. Para este, a equipe pode ajudar.",
    ),
    ("move_to", "Mudo para {day}, {time}? O horário de {weekday} continua seu até a confirmação."),
    (
        "move_to_with",
        "Mudo para {day}, {time}, com {staff}? O horário de {weekday} continua seu até a confirmação.",
    ),
    (
        "handed_over",
        "Vou encaminhar a conversa para a equipe, para não haver demora. Alguém responde por aqui, em geral em até 20 min.\nEscreva MENU se quiser voltar ao agendamento.",
    ),
    ("opted_out", "Pronto. Não enviaremos mais lembretes nem novidades {of_tenant}."),
    ("opted_in", "Pronto. Voltaremos a enviar lembretes {of_tenant}."),
    ("welcome_back", "É um prazer receber o seu contato novamente."),
    ("welcome_back_named", "É um prazer receber o seu contato novamente, {name}."),
    ("you_have", "Há um horário marcado: {day}, {time}."),
    ("leave_or_stop", "O que prefere?"),
    ("still_there", "Podemos continuar? É só responder por aqui quando quiser:"),
    ("staff_are", "É possível agendar com {list}."),
    ("one_number", "Vou facilitar. Por favor, envie um número:"),
    ("question_service", "Qual serviço prefere?"),
    ("question_time", "Qual horário prefere?"),
    ("question_other", "O que deseja fazer?"),
    (
        "reminder_day",
        "Olá{name}. {when}, {at}: {what}{place}. 1 Estarei lá, 2 Mudar horário, 3 Cancelar",
    ),
    (
        "reminder_day_private",
        "Olá{name}. {when}, {at}{place}. 1 Estarei lá, 2 Mudar horário, 3 Cancelar",
    ),
    (
        "reminder_general_private",
        "Olá{name}. {when}, {at}{place}. Escreva REMARCAR ou CANCELAR se precisar de outro horário.",
    ),
    (
        "reminder_general",
        "Olá{name}. {when}, {at}: {what}{place}. Escreva REMARCAR ou CANCELAR se precisar de outro horário.",
    ),
    (
        "recall",
        "Olá{name}. Aqui é a assistente {of_tenant}. Faz um tempo desde a última visita. Escreva AGENDAR quando quiser um horário, SAIR para não receber mais mensagens como esta.",
    ),
];

const SPANISH: &[(&str, &str)] = &[
    ("intro_named", "Buenas, {name}. Soy la asistente de reservas de {of_tenant}."),
    ("intro", "Buenas. Soy la asistente de reservas de {of_tenant}."),
    ("ask_service", "¿Qué desea reservar?"),
    ("which_service", "¿Qué servicio desea?"),
    (
        "one_person_at_a_time",
        "Aquí reservo para una persona a la vez: {service} una vez. Para varias personas le puede ayudar el equipo.",
    ),
    ("too_many_services", "Puedo reservar hasta {count} servicios en una visita. ¿Cuáles desea?"),
    (
        "ask_when",
        "{service}, {duration}. ¿Qué día y hora le acomodan? Escríbalo a su manera, por ejemplo \"jueves por la tarde\".",
    ),
    (
        "ask_when_together",
        "{services}, {duration} en total. ¿Qué día y hora le acomodan? Escríbalo a su manera, por ejemplo \"jueves por la tarde\".",
    ),
    ("price_untold", "{service}: {duration}. El precio se lo dice el equipo."),
    ("ask_day", "¿Qué día y hora le acomodan?"),
    ("no_more_times", "Esas son las horas libres. ¿Qué día prefiere?"),
    ("nobody_called", "No tenemos a nadie que se llame {name}. Puede reservar con {list}."),
    ("yesterday_is_past", "Ayer ya pasó, así que busqué desde hoy. ¿Qué día prefiere?"),
    ("day_is_past", "El {day} ya pasó, así que busqué desde hoy. ¿Qué día prefiere?"),
    ("is_past", "Eso ya pasó, así que busqué desde hoy. ¿Qué día prefiere?"),
    ("no_such_day", "Ese día u hora no existe. ¿Qué día y hora prefiere?"),
    ("which_weekday", "¿Qué {weekday} quiere decir?"),
    ("which_weekday_at", "¿Qué {weekday} quiere decir, {at}?"),
    ("which_date", "¿Qué fecha quiere decir?"),
    ("which_time", "¿Qué hora quiere decir?"),
    ("check", "Por favor, revise:"),
    ("holding_until", "Le guardo esta hora hasta {time}."),
    ("will_remind", "Le recordaré {list} antes."),
    ("write_any_time", "Escriba CAMBIAR o CANCELAR cuando quiera."),
    ("write_stop", "Escriba CAMBIAR o CANCELAR cuando quiera, BAJA para no recibir recordatorios."),
    (
        "old_time_stays",
        "Lo siento, esa hora se ocupó recién. Su reserva sigue como estaba: {what}.",
    ),
    ("released", "Liberé la hora que le guardaba."),
    ("nothing_booked", "De acuerdo, no se reservó nada. Escriba RESERVAR cuando quiera una hora."),
    (
        "nothing_to_cancel",
        "No hay nada abierto que cancelar. Escriba RESERVAR cuando quiera una hora.",
    ),
    (
        "canceled",
        "Cancelada. {the_service} del {day} {at} ya no está reservad{o} y no habrá recordatorios.\nEscriba RESERVAR cuando quiera una nueva hora.",
    ),
    ("no_bookings", "No tiene reservas. Escriba RESERVAR cuando quiera una hora."),
    ("your_booking", "Su reserva:"),
    ("your_bookings", "Sus reservas:"),
    (
        "too_late",
        "Aquí se puede cambiar o cancelar una reserva hasta {notice} antes de que empiece. Para esta, el equipo le puede ayudar.",
    ),
    (
        "move_to",
        "¿Lo cambio al {day} {at}? La hora del {weekday} sigue siendo suya hasta que confirme.",
    ),
    (
        "move_to_with",
        "¿Lo cambio al {day} {at}, con {staff}? La hora del {weekday} sigue siendo suya hasta que confirme.",
    ),
    ("thanks_alone", "De nada. Escriba RESERVAR cuando quiera una hora."),
    (
        "handed_over",
        "Le paso con el equipo para que no pierda tiempo. Alguien responde por aquí, normalmente en 20 min.\nEscriba MENÚ si quiere volver a reservar por su cuenta.",
    ),
    ("opted_out", "Listo. No recibirá más recordatorios ni novedades de {tenant}."),
    ("still_on", "Su reserva del {day} {at} sigue en pie."),
    ("all_still_on", "Sus {count} reservas siguen en pie."),
    ("write_start", "Escriba ALTA para volver a recibir recordatorios."),
    ("opted_in", "Listo. Volverá a recibir recordatorios de {tenant}."),
    ("left_message", "Les dejé su mensaje."),
    ("write_menu", "Escriba MENÚ si quiere volver a la reserva."),
    ("hours_untold", "El equipo le dirá cuándo abrimos."),
    ("address_untold", "El equipo le dirá cómo llegar."),
    ("welcome_back", "Qué gusto saludarle de nuevo."),
    ("welcome_back_named", "Qué gusto saludarle de nuevo, {name}."),
    ("you_have", "Tiene el {day}, {time}."),
    ("leave_or_stop", "¿Qué prefiere?"),
    ("chat_ended", "Está bien, terminamos por ahora. Escriba RESERVAR cuando quiera una hora."),
    ("continue_booking", "¿Sigo con su reserva?"),
    ("still_there", "¿Sigue ahí? Puede continuar por aquí cuando quiera:"),
    ("late", "Disculpe la demora, sus mensajes llegaron con retraso."),
    ("staff_are", "Puede reservar con {list}."),
    ("team_knows", "Eso se lo dice el equipo: escriba PERSONA para hablar con alguien."),
    (
        "miss_service",
        "No entendí el servicio. Puede escribir su nombre, por ejemplo \"{example}\".",
    ),
    (
        "miss_when",
        "No entendí el día o la hora. Puede escribirlo así: \"jueves por la tarde\" o \"mañana a las 15:00\".",
    ),
    ("miss_confirm", "No entendí. ¿Confirmo esta hora? Puede escribir \"sí\" o \"cambiar hora\"."),
    ("miss_completed", "No entendí. Puede escribir CAMBIAR, CANCELAR o RESERVAR."),
    ("one_number", "Lo hago más fácil. Envíe un número:"),
    ("cannot_listen", "Todavía no puedo escuchar audios. ¿Lo escribe, o envía un número?"),
    ("cannot_listen_alone", "Todavía no puedo escuchar audios. ¿Lo escribe?"),
    ("question_service", "¿Qué servicio prefiere?"),
    ("question_time", "¿Qué hora prefiere?"),
    ("question_other", "¿Qué desea hacer?"),
    ("menu_again", "Ese número no está en la lista. Elija uno de estos:"),
    (
        "reminder_day_private",
        "Buenas{name}. {when} {at}{place}. 1 Ahí estaré, 2 Cambiar hora, 3 Cancelar",
    ),
    (
        "reminder_general_private",
        "Buenas{name}. {when} {at}{place}. Escriba CAMBIAR o CANCELAR si necesita otra hora.",
    ),
    (
        "reminder_day",
        "Buenas{name}. {when} {at}: {what}{place}. 1 Ahí estaré, 2 Cambiar hora, 3 Cancelar",
    ),
    (
        "reminder_general",
        "Buenas{name}. {when} {at}: {what}{place}. Escriba CAMBIAR o CANCELAR si necesita otra hora.",
    ),
    ("reminder_quarter", "su hora es en 15 minutos: {time}{place}."),
    ("confirmed_by_staff", "Su reserva está confirmada: {what}. Código {code}."),
    (
        "moved_by_staff",
        "Tuvimos que mover su reserva: ahora {day} {at}. 1 OK, 2 Otra hora, 3 Cancelar",
    ),
    ("moved_as_asked", "Cambiada, como pidió: ahora {day} {at}. 1 OK, 2 Otra hora, 3 Cancelar"),
    (
        "canceled_as_asked",
        "Cancelada, como pidió: {day}, {time}. 1 Nueva hora, 0 Hablar con alguien",
    ),
    ("arrived", "Le damos la bienvenida. El equipo ya sabe de su llegada."),
    (
        "thanks_for_visit",
        "Gracias por su visita a {tenant}. Escriba RESERVAR cuando quiera una nueva hora.",
    ),
    (
        "missed_visit",
        "Le esperábamos el {day} {at}. Escriba RESERVAR cuando quiera una nueva hora.",
    ),
    (
        "recall",
        "Buenas{name}. Ha pasado un tiempo desde su última visita a {tenant}. Escriba RESERVAR cuando quiera una hora, BAJA para no recibir más mensajes como este.",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::overrides::check;
    use super::super::{PARTICLES, shipped};
    use super::*;

    #[test]
    fn a_formal_text_replaces_one_that_exists_and_tells_as_much() {
        for language in Language::ALL {
            let texts = formal(language);
            for (at, (key, template)) in texts.iter().enumerate() {
                assert!(!PARTICLES.contains(key), "{key}");
                assert_eq!(check(language, key, template), [""; 0], "{language:?} {key}");
                assert!(texts[at + 1..].iter().all(|(other, _)| other != key), "{key} twice");
                let all = shipped(language).all();
                let informal = all.iter().find(|(known, ..)| known == key).map(|found| found.1);
                assert_ne!(informal, Some(*template), "{language:?} {key} does not differ");
            }
        }
    }

    #[test]
    fn nobody_is_addressed_informally_by_a_formal_tenant() {
        let informal: [(Language, &[&str]); 2] = [
            (Language::Portuguese, &["você", "Você", "Oi", "Poxa"]),
            (
                Language::Spanish,
                &[
                    "tú",
                    "te",
                    "ti",
                    "tu",
                    "tus",
                    "tuya",
                    "Te",
                    "Tu",
                    "Tus",
                    "quieres",
                    "puedes",
                    "Puedes",
                    "escribas",
                    "Escribe",
                    "escribes",
                    "envías",
                    "Envía",
                    "elige",
                    "Elige",
                    "Revisa",
                    "tienes",
                    "Tienes",
                    "prefieres",
                    "Escríbelo",
                    "necesitas",
                    "pierdas",
                    "confirmes",
                    "recibirás",
                    "Volverás",
                    "Sigues",
                    "quieras",
                    "Hola",
                    "verte",
                ],
            ),
        ];
        for (language, words) in informal {
            for (key, template, _) in shipped(language).all() {
                let said = formal(language)
                    .iter()
                    .find(|(own, _)| *own == key)
                    .map_or(template, |own| own.1);
                let found =
                    said.split(|c: char| !c.is_alphanumeric()).find(|word| words.contains(word));
                assert_eq!(found, None, "{language:?} {key}: {said}");
            }
        }
    }
}
