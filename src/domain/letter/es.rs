//! Spanish; neither tú nor usted.

use super::Shipped;

pub(super) const LETTERS: [Shipped; 8] = [
    Shipped {
        key: "reminder",
        subject: "{when} {at}: {tenant}",
        sms: "{tenant}: {when} {at}{% if what %}, {what}{% endif %}{% if place %}, {place}{% endif %}.{% if phone %} ¿Otra hora? {phone}{% endif %}",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\n{when} {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCódigo {code}.{% if phone %} Para cambiar la hora: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_confirmed",
        subject: "Confirmado: {day}, {time}",
        sms: "{tenant}: reserva confirmada: {day} {at}{% if what %}, {what}{% endif %}. Código {code}.",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\nLa reserva está confirmada.\n\n{when} {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCódigo {code}.{% if phone %} Para cambiar la hora: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_moved",
        subject: "Nueva hora: {day}, {time}",
        sms: "{tenant}: la reserva tiene nueva hora: {day} {at}{% if what %}, {what}{% endif %}.{% if phone %} ¿Otra hora? {phone}{% endif %}",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\nLa reserva tiene nueva hora.\n\n{when} {at}{% if what %}: {what}{% endif %}{% if place %}\n{place}{% endif %}\n\nCódigo {code}.{% if phone %} Si no viene bien: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_cancelled",
        subject: "Cancelado: {day}, {time}",
        sms: "{tenant}: la reserva del {day} {at} está cancelada.{% if phone %} ¿Nueva hora? {phone}{% endif %}",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\nLa reserva del {day} {at} está cancelada{% if what %}: {what}{% endif %}.{% if phone %}\n\nPara una nueva hora: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_arrived",
        subject: "Bienvenida: {tenant}",
        sms: "{tenant}: el equipo ya sabe de la llegada.",
        email: "El equipo ya sabe de la llegada.",
    },
    Shipped {
        key: "booking_completed",
        subject: "Gracias por la visita",
        sms: "{tenant}: ¡gracias por la visita!{% if phone %} Para una nueva hora: {phone}{% endif %}",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\nGracias por la visita a {tenant}.{% if phone %}\n\nPara una nueva hora: {phone}.{% endif %}",
    },
    Shipped {
        key: "booking_no_show",
        subject: "La hora del {day}",
        sms: "{tenant}: la hora del {day} {at} quedó sin usar.{% if phone %} Para una nueva hora: {phone}{% endif %}",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\nLa hora del {day} {at} quedó sin usar.{% if phone %}\n\nPara una nueva hora: {phone}.{% endif %}",
    },
    Shipped {
        key: "recall",
        subject: "Ha pasado un tiempo: {tenant}",
        sms: "{tenant}: ha pasado un tiempo desde la última visita.{% if phone %} Para una nueva hora: {phone}{% endif %}",
        email: "¡Hola{% if name %}, {name}{% endif %}!\n\nHa pasado un tiempo desde la última visita a {tenant}.{% if phone %}\n\nPara una nueva hora: {phone}.{% endif %}",
    },
];

pub(super) const UNSUBSCRIBE: &str = "No recibir más correos de {tenant}";
