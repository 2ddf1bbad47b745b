//! Brazilian Portuguese; neither formal nor informal.

use super::Shipped;

pub(super) const LETTERS: [Shipped; 8] = [
    Shipped {
        key: "reminder",
        subject: "{when}, {at}: {tenant}",
        sms: "{tenant}: {when}, {at}{% if what %}, {what}{% endif %}{% if place %}, {place}{% endif %}.{% if phone %} Outro horário? {phone}{% endif %}",
        email: "Olá{% if name %}, {name}{% endif %}!\n\n{when}, {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCódigo {code}.{% if phone %} Para mudar o horário: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_confirmed",
        subject: "Confirmado: {day}, {time}",
        sms: "{tenant}: o seu horário está confirmado: {day}, {at}{% if what %}, {what}{% endif %}. Código {code}.",
        email: "Olá{% if name %}, {name}{% endif %}!\n\nO seu horário está confirmado.\n\n{when}, {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCódigo {code}.{% if phone %} Para mudar o horário: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_moved",
        subject: "Novo horário: {day}, {time}",
        sms: "{tenant}: o seu horário mudou: agora {day}, {at}{% if what %}, {what}{% endif %}.{% if phone %} Outro horário? {phone}{% endif %}",
        email: "Olá{% if name %}, {name}{% endif %}!\n\nO seu horário mudou.\n\nAgora {day}, {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCódigo {code}.{% if phone %} Se não for bom: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_cancelled",
        subject: "Cancelado: {day}, {time}",
        sms: "{tenant}: o seu horário de {day}, {at}, foi cancelado.{% if phone %} Novo horário? {phone}{% endif %}",
        email: "Olá{% if name %}, {name}{% endif %}!\n\nO seu horário de {day}, {at}, foi cancelado{% if what %}: {what}{% endif %}.{% if phone %}\n\nPara um novo horário: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_arrived",
        subject: "Boas-vindas: {tenant}",
        sms: "{tenant}: boas-vindas! A equipe já sabe da sua chegada.",
        email: "Boas-vindas! A equipe já sabe da sua chegada.",
    },
    Shipped {
        key: "booking_completed",
        subject: "Agradecemos a sua visita",
        sms: "{tenant}: agradecemos a sua visita!{% if phone %} Para um novo horário: {phone}{% endif %}",
        email: "Olá{% if name %}, {name}{% endif %}!\n\nAgradecemos a sua visita.{% if phone %}\n\nPara um novo horário: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_no_show",
        subject: "Sentimos a sua falta: {day}",
        sms: "{tenant}: sentimos a sua falta no horário de {day}, {at}.{% if phone %} Para um novo horário: {phone}{% endif %}",
        email: "Olá{% if name %}, {name}{% endif %}!\n\nSentimos a sua falta no horário de {day}, {at}.{% if phone %}\n\nPara um novo horário: {phone}.{% endif %}",
    },
    Shipped {
        key: "recall",
        subject: "Faz um tempo: {tenant}",
        sms: "{tenant}: faz um tempo desde a sua última visita.{% if phone %} Para um novo horário: {phone}{% endif %}",
        email: "Olá{% if name %}, {name}{% endif %}!\n\nFaz um tempo desde a sua última visita.{% if phone %}\n\nPara um novo horário: {phone}.{% endif %}",
    },
];

pub(super) const UNSUBSCRIBE: &str = "Não receber mais e-mails de {tenant}";
