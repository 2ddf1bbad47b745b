//! Spanish: its words about when.
#![cfg_attr(
    not(test),
    expect(clippy::enum_glob_use, reason = "a lexicon names senses on every line")
)]

use crate::domain::temporal::Sense::*;
use crate::domain::temporal::{DayPart, Edge, Feast, Sense, Source, Unit};

pub(super) static SOURCE: Source = Source {
    words: WORDS,
    suffixes: &[
        (&[Ordinal(0)], "o|a|er|ro|ra|ero|do|da|to|ta|mo|no"),
        (&[Meridiem(false)], "am"),
        (&[Meridiem(true)], "pm"),
        (&[Unit(Unit::Minute)], "m"),
    ],
    typos: "lunes|martes|miercoles|jueves|viernes|sabado|domingo|enero|febrero|marzo|abril|mayo|junio|\
            julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre|manana|tarde|noche|semana|\
            proximo|proxima|pasado|mediodia",
    endings: "",
    real_words: "lunas|manzana|manzanas|marta|martas|partes|antes|nueves|huevos|jueces|enera|mayor|\
                 mayos|junto|julia|abrir|abrio|noches|coche|tardes|tarda|tardo|parte|marco|marcos|\
                 mares|semanal|sabida|sabido|sabana|manan|mana|domino|pasada|pesado|pisado|posado|\
                 casado|viernesanto|agotado|agosta|gusto|mucho|hermana|noria|luces|nueve|lunch|leche|\
                 nochera|verde|torta|carta|cartes|venera|dinero|martin|suenes|buenes|lunares|viene|\
                 vienes|vienen|nieves|lanas|ventana|campana|banana|mandan|manada|noticia|unes|tienes",
    dot_is_clock: true,
    half_before_hour: false,
    article_names_day: false,
    at_means_to: true,
};

#[rustfmt::skip]
static WORDS: &[(&[Sense], &str)] = &[
    (&[Weekday(0)], "lunes|lun"),
    (&[Weekday(1)], "martes|mart"),
    (&[Weekday(2)], "miercoles|mie|mier|mierc|miercole|mieercoles"),
    (&[Weekday(3)], "jueves|jue|juev"),
    (&[Weekday(4)], "viernes|vie|vier|viern"),
    (&[Weekday(5)], "sabado|sabados|sab"),
    (&[Weekday(6)], "domingo|domingos|dom"),
    (&[ShortWeekday(0)], "lu"),
    (&[ShortWeekday(3)], "ju"),
    (&[ShortWeekday(4)], "vi"),
    (&[Month(1)], "enero|ene"),
    (&[Month(2)], "febrero|feb"),
    (&[Month(3)], "marzo|mzo"),
    (&[Month(3), ShortWeekday(1)], "mar"),
    (&[Month(4)], "abril|abr"),
    (&[Month(5)], "mayo|may"),
    (&[Month(6)], "junio|jun"),
    (&[Month(7)], "julio|jul"),
    (&[Month(8)], "agosto|ago|agto"),
    (&[Month(9)], "septiembre|setiembre|sept|sep|set|septi"),
    (&[Month(10)], "octubre|oct"),
    (&[Month(11)], "noviembre|nov"),
    (&[Month(12)], "diciembre|dic"),

    (&[RelativeDay(0)], "hoy|dia de hoy"),
    (&[RelativeDay(1), PartAfterDay(DayPart::Morning)], "manana"),
    (&[RelativeDay(1)], "mnn|mnana|dia de manana|dia siguiente"),
    (&[RelativeDay(2)], "pasado manana|dia despues de manana|pasadomanana"),
    (&[RelativeDay(7)], "de hoy en ocho|de hoy en ocho dias|hoy en ocho"),
    (&[RelativeDay(-1)], "ayer|anoche"),
    (&[RelativeDay(-2)], "anteayer|antier|antes de ayer"),
    (&[Feast(Feast::Fixed(12, 25))], "navidad|dia de navidad|navidades"),
    (&[Feast(Feast::Fixed(12, 24))], "nochebuena|noche buena|vispera de navidad"),
    (&[Feast(Feast::Fixed(1, 1))], "ano nuevo|dia de ano nuevo"),
    (&[Feast(Feast::Fixed(12, 31))], "nochevieja|noche vieja|fin de ano|vispera de ano nuevo|\
        visperas de ano nuevo"),
    (&[Feast(Feast::Fixed(1, 6))], "dia de reyes|reyes magos"),
    (&[Feast(Feast::Easter(0))], "pascua|domingo de pascua|domingo de resurreccion"),
    (&[Feast(Feast::Easter(-2))], "viernes santo"),
    (&[Feast(Feast::Easter(-3))], "jueves santo"),

    (&[Now], "ahora|ahora mismo|ahorita|en este momento|en este instante|en este preciso instante|\
        en este preciso istante|en estos momentos|inmediatamente|de inmediato|ya mismo|\
        en este preciso momento|ahora ya|enseguida"),
    (&[AloneNow], "ya"),
    (&[Noon], "mediodia|medio dia|al mediodia|al medio dia|a mediodia|a medio dia|del mediodia|\
        del medio dia|de mediodia|el mediodia"),
    (&[Midnight], "medianoche|media noche|a medianoche|a media noche|la medianoche"),
    (&[Part(DayPart::Morning)], "por la manana|de la manana|en la manana|a la manana|x la manana|\
        la manana|por las mananas|mananas|de la mananita|mananita|madrugada|de la madrugada|\
        de madrugada|por la madrugada|en la madrugada|la madrugada|durante la manana|pa la manana|\
        tempranito|bien temprano|muy temprano|por la mananita"),
    (&[Part(DayPart::Afternoon)], "por la tarde|de la tarde|en la tarde|a la tarde|x la tarde|la tarde|\
        por las tardes|tardecita|la tardecita|tardes|durante la tarde|de tarde|pa la tarde|\
        pasado el mediodia|pasado mediodia|despues del mediodia|pasado el medio dia|despues de mediodia"),
    (&[Part(DayPart::Night)], "noche|por la noche|de la noche|en la noche|a la noche|x la noche|la noche|\
        por las noches|de noche|durante la noche|noches|nochecita"),
    (&[PartAfterDay(DayPart::Morning)], "temprano"),
    (&[PartAfterDay(DayPart::Afternoon)], "tarde"),
    (&[Custom(12, 14)], "hora de comer|hora de la comida|a la hora de comer|a la hora de la comida|\
        a la hora del almuerzo|hora del almuerzo|durante la comida|en el almuerzo|en la comida|\
        durante el almuerzo|hora de almuerzo"),
    (&[Custom(13, 17)], "despues de comer|despues de la comida|despues del almuerzo|despues de almuerzo|\
        despues de almorzar"),
    (&[Custom(17, 21)], "despues del trabajo|despues de trabajar"),
    (&[Meridiem(false)], "am"),
    (&[Meridiem(true)], "pm"),
    (&[HourMark], "h|hs|hrs|hr|en punto"),
    (&[HourMark, Unit(Unit::Hour)], "hora|horas|horitas"),
    (&[Half, Edge(Edge::Middle)], "media"),
    (&[Quarter, Ordinal(4)], "cuarto"),
    (&[Quarter], "cuartos"),
    (&[Past], "pasadas|pasadas las|pasadas de las"),
    (&[Less], "menos"),
    (&[Roughly], "mas o menos|y pico|aprox|aproximadamente"),

    (&[Number(0)], "cero|zero"),
    (&[Number(1), Article], "un|una"),
    (&[Number(1)], "uno"),
    (&[Number(2)], "dos|par"),
    (&[Number(3)], "tres"),
    (&[Number(4)], "cuatro"),
    (&[Number(5)], "cinco"),
    (&[Number(6)], "seis"),
    (&[Number(7)], "siete"),
    (&[Number(8)], "ocho"),
    (&[Number(9)], "nueve"),
    (&[Number(10)], "diez"),
    (&[Number(11)], "once"),
    (&[Number(12)], "doce"),
    (&[Number(13)], "trece"),
    (&[Number(14)], "catorce"),
    (&[Number(15)], "quince"),
    (&[Number(16)], "dieciseis"),
    (&[Number(17)], "diecisiete"),
    (&[Number(18)], "dieciocho"),
    (&[Number(19)], "diecinueve"),
    (&[Number(20)], "veinte"),
    (&[Number(21)], "veintiuno|veintiun|veintiuna"),
    (&[Number(22)], "veintidos"),
    (&[Number(23)], "veintitres"),
    (&[Number(24)], "veinticuatro"),
    (&[Number(25)], "veinticinco"),
    (&[Number(26)], "veintiseis"),
    (&[Number(27)], "veintisiete"),
    (&[Number(28)], "veintiocho"),
    (&[Number(29)], "veintinueve"),
    (&[Number(30)], "treinta"),
    (&[Number(40)], "cuarenta"),
    (&[Number(50)], "cincuenta"),
    (&[Number(60)], "sesenta"),
    (&[Thousand], "mil"),
    (&[Ordinal(1)], "primero|primer|primera|primeras"),
    (&[Ordinal(2)], "segundo|segunda"),
    (&[Ordinal(3)], "tercero|tercer|tercera"),
    (&[Ordinal(4)], "cuarta"),
    (&[Ordinal(5)], "quinto|quinta"),
    (&[Ordinal(6)], "sexto|sexta"),
    (&[Ordinal(7)], "septimo|septima"),
    (&[Ordinal(8)], "octavo|octava"),
    (&[Ordinal(9)], "noveno|novena"),
    (&[Ordinal(10)], "decimo|decima"),
    (&[Ordinal(20)], "vigesimo|vigesima"),
    (&[Ordinal(30)], "trigesimo|trigesima"),
    (&[Unit(Unit::Minute)], "minuto|minutos|min|mins|minutitos"),
    (&[Unit(Unit::Day)], "dia|dias"),
    (&[Unit(Unit::Week)], "semana|semanas"),
    (&[Unit(Unit::Fortnight)], "quincena|quincenas"),
    (&[Unit(Unit::Month)], "mes|meses"),
    (&[Unit(Unit::Year)], "ano|anos"),
    (&[Unit(Unit::Weekend)], "fin de semana|finde|fines de semana|fin de sem|finde semana"),

    (&[At, To], "a las|a la"),
    (&[At], "sobre las|sobre la|hacia las|hacia la|a eso de las|a eso de la|como a las|como a la|tipo|\
        alrededor de las|alrededor de la|alrededor de|cerca de las|son las|es la|son|a eso de|\
        como las|sobre|tipo las|a esos de las"),
    (&[At, The], "las"),
    (&[On, The], "el"),
    (&[The], "la|los|lo"),
    (&[Of, From], "de|d|do"),
    (&[Of, From, On], "del"),
    (&[In], "en|dentro de|de aqui a|de aca a|dentro de unos|dentro de unas|de aca en|dentro"),
    (&[Since], "desde|empezando|\
        comenzando|a primeros de"),
    (&[Since, From], "a partir de|a partir"),
    (&[Since, At], "desde las|desde la|a partir de las|a partir de la"),
    (&[To], "a|al"),
    (&[Until], "hasta|como maximo|como muy tarde|como tarde|como mucho|a mas tardar|no mas tarde de|no despues de|\
        no mas tarde de las|tan tarde como"),
    (&[Until, At], "hasta las|hasta la"),
    (&[ToHour, At], "para las|para la|pa las"),
    (&[ToHour, Filler], "para|pa|p"),
    (&[Between], "entre"),
    (&[Between, At], "entre las|entre la"),
    (&[And], "y|pero"),
    (&[Or], "o|u"),
    (&[After, Later, Past], "despues"),
    (&[After, At], "no antes de las"),
    (&[After], "no antes de|no antes del"),
    (&[After, Past, At], "despues de las|despues de la|luego de las|tras las"),
    (&[After, Past], "despues de|luego de|tras"),
    (&[Later, Edge(Edge::End)], "mas tarde|luego"),
    (&[Before, At], "antes de las|antes de la"),
    (&[Before], "antes de|antes"),
    (&[Onward], "en adelante|para adelante|en delante|o despues|o mas tarde"),
    (&[Ago], "hace|atras"),
    (&[This], "este|esta|estos|estas|ese|esa"),
    (&[Next], "que viene|q viene|que vienen|proximo|proxima|proximos|proximas|prox|siguiente|\
        siguientes|entrante|que entra|k viene|venidero|venidera"),
    (&[Previous, LoneDay(2)], "pasado"),
    (&[Previous], "pasada"),
    (&[Final, Previous], "ultimo|ultima|ultimos|ultimas"),
    (&[Rest], "resto"),
    (&[Edge(Edge::Start)], "principio|principios|inicio|inicios|comienzo|comienzos|\
        primeras horas|primeros|primera parte"),
    (&[Edge(Edge::Start), PartAfterDay(DayPart::Morning)], "primera hora|a primera hora"),
    (&[Edge(Edge::Middle)], "mediados|mitad|medio"),
    (&[Edge(Edge::End)], "fin|final|finales|fines|ultima hora|ultimas horas"),

    // Words that end what was said about when.
    (&[Filler], "unos|unas"),
    (&[Nothing], "hasta ahora|por ahora|ahora no|con|sin|porque|xq"),

    (&[Not, At], "en vez de las|en lugar de las"),
    (&[MaybeNot], "no"),
    (&[Not], "excepto|menos el|en vez de|en lugar de|salvo|no puedo|no me va bien|no me viene bien|no es posible|imposible|\
        no podre|no quiero|no me sirve|no me queda bien|tampoco|no va a poder ser"),
    (&[Instead], "mejor|mejor dicho|o mejor|perdon|digo|en realidad|quiero decir|prefiero|\
        o sea|mas bien|pensandolo bien|en vez de eso"),
    (&[Nothing], "buenos dias|buen dia|buenas tardes|buenas noches|buen fin de semana|feliz navidad|\
        feliz ano nuevo|buena semana|buen mes|todo el dia|todos los dias|otro dia|algun dia|\
        dia a dia|de vez en cuando|muy tarde|tarde o temprano|felices fiestas|feliz dia|buen ano|\
        segunda mano|una vez|otra vez|la primera vez|por hora|por dia|por semana|por mes|cada dia|\
        uno por uno|un dia de estos|feliz semana|lindo dia|buen finde|es tarde|demasiado tarde|\
        a ultimo momento|de una vez|tal vez|a la vez|mi primera vez|hasta luego|hasta pronto|\
        tal cual|todas las semanas|el otro dia|buen domingo|buen sabado|buen viernes|buen lunes|\
        cualquier dia|proximos dias|cualquier hora|las dos cosas|los dos|las dos juntas|llego tarde|llegar tarde"),
    (&[Place], "calle|avenida|av|avda|plaza|paseo|carretera|camino|pasaje|ruta|colonia|bulevar|c"),
    (&[Name], "nombre de|me llamo|mi nombre es|mi nombre|soy"),
    (&[Counted], "personas|persona|adultos|adulto|ninos|nino|estudiantes|estrellas|veces|vez|euros|\
        euro|pesos|dolares|por ciento|km|kilometros|metros|kilos|kg|ronda|opinion|opcion|parte|\
        grados|puntos|amigos|amigas|clientes|cortes|sesiones|sesion|plazas|lugares|via|\
        oportunidad|cosas|fotos|hijos|hijas|servicios|citas|invitados|huespedes|porciento|clases|\
        vuelta|fase|etapa|categoria|edicion|temporada|paso|intento|turnos|cuotas|litros"),
    (&[Label], "sala|habitacion|numero|num|nro|puerta|pagina|capitulo|codigo|mesa|casa|depto|\
        apto|local|bloque|oficina|dni|rut|edificio|linea|factura|pedido|portal|nif|telefono|\
        tel|movil|version|grupo|us"),
    (&[Counted, Label], "piso|planta"),
    (&[Filler], "por favor|porfa|porfavor|xfa|gracias|hola|ok|vale|si|puede|puede ser|podria|seria|\
        hueco|cita|turno|hora libre|tiene|tienen|tienes|hay|bien|va bien|me va bien|me viene bien|\
        disponible|libre|quizas|capaz|solo|tambien|exactamente|justo|igual|perfecto|genial|\
        buenas|si es posible|si se puede|quiero|quisiera|querria|me|jajaja|jaja|aun|todavia"),
];

#[cfg(test)]
mod tests {
    use crate::domain::language::meant;

    #[test]
    fn spanish_is_understood_as_it_is_written_in_chats() {
        #[rustfmt::skip]
        let cases = [
            // written on Monday, 23 November 2026 at 10:15     what it means
            ("hola! tienen hueco para mañana a las 5?",   "2026-11-24 17:00"),
            ("manana x la manana",                        "2026-11-24 morning"),
            ("pasado mañana temprano",                    "2026-11-25 morning"),
            ("mañana o pasado",                           "2026-11-24, 2026-11-25"),
            ("hoy por la noche",                          "2026-11-23 night"),
            ("el viernes que viene por la tarde",         "2026-12-04 afternoon, 2026-11-27 afternoon"),
            ("este viernes a las 6 y media",              "2026-11-27 18:30"),
            ("el martes de la próxima semana",            "2026-12-01"),
            ("de lunes a viernes",                        "2026-11-30..2026-12-04"),
            ("mar 24 nov 11h",                            "2026-11-24 11:00"),
            ("mié 25 a las 10",                           "2026-11-25 10:00"),
            ("juebes a las 5",                            "2026-11-26 17:00"),
            ("el 5 de diciembre a las 9:30",              "2026-12-05 09:30"),
            ("el 17 del 12",                              "2026-12-17"),
            ("veinticinco de noviembre",                  "2026-11-25"),
            ("último viernes del mes",                    "2026-11-27"),
            ("las cuatro menos diez",                     "15:50"),
            ("un cuarto para las tres",                   "14:45"),
            ("a la una y cuarto",                         "13:15"),
            ("12 del día",                                "12:00"),
            ("a medianoche",                              "00:00"),
            ("de 4 a 6 de la tarde",                      "16:00..18:00"),
            ("16-18h",                                    "16:00..18:00"),
            ("el miércoles antes de las 12",              "2026-11-25 ..12:00"),
            ("desde el lunes",                            "2026-11-30.."),
            ("en una hora y media",                       "2026-11-23 11:45"),
            ("dentro de 2 semanas",                       "2026-12-07"),
            ("los próximos 3 días",                       "2026-11-24..2026-11-26"),
            ("el fin de semana",                          "2026-11-28..2026-11-29"),
            ("nochebuena",                                "2026-12-24"),
            ("el martes no puedo, el miércoles a las 10", "2026-11-25 10:00"),
            ("el lunes, perdón, el martes",               "2026-11-24"),
            ("buenas tardes, somos 3 personas",           ""),
            ("calle 2 de mayo 14",                        ""),
            ("el segundo piso",                           ""),
            ("mi teléfono es 612 345 678",                ""),
            ("quiero una cita a las 3",               "15:00"),
            ("el 27 con Ana",                         "2026-11-27"),
            ("las 9 hs menos cuarto",                 "08:45"),
            ("9h30-11h",                              "09:30..11:00"),
            ("mar de la semana que viene",            "2026-12-01"),
            ("en tres cuartos de hora",               "2026-11-23 11:00"),
            ("en una hora y cuarto",                  "2026-11-23 11:30"),
            ("el viernes a las 5 como muy tarde",     "2026-11-27 ..17:00"),
            ("el viernes antes de navidad",           "2026-12-18"),
            ("vi a tu hermano",                       ""),
        ];
        for (text, meaning) in cases {
            assert_eq!(meant("es-ES", text), meaning, "{text}");
        }
    }
}
