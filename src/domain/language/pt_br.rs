//! Brazilian Portuguese: its words about when.
#![cfg_attr(
    not(test),
    expect(clippy::enum_glob_use, reason = "a lexicon names senses on every line")
)]

use crate::domain::temporal::Sense::*;
use crate::domain::temporal::{DayPart, Edge, Feast, Sense, Source, Unit};

pub(super) static SOURCE: Source = Source {
    words: WORDS,
    suffixes: &[
        (&[Ordinal(0), WeekdaySuffix], "a"),
        (&[Ordinal(0)], "o|ro|ra"),
        (&[Meridiem(false)], "am"),
        (&[Meridiem(true)], "pm"),
        (&[Unit(Unit::Minute)], "m"),
    ],
    typos: "segunda|terca|quarta|quinta|sexta|sabado|domingo|janeiro|fevereiro|abril|junho|julho|\
            agosto|setembro|outubro|novembro|dezembro|amanha|manha|tarde|noite|semana|proxima|\
            proximo|depois",
    endings: "",
    real_words: "marco|marcos|quarto|quinto|sexto|terco|terra|terceiro|amanda|abrir|abriu|abro|\
                 abril|quita|quinze|sextas|segundo|manhas|mana|minha|maria|banha|ganha|sabida|sabida|\
                 sabia|sabendo|domingas|noiva|noites|noivo|tardes|tanto|tarda|parte|carde|gosto|\
                 agora|semanal|terna|testa|farde|proximos|sesta|cesta|festa|senha|manda|manga|\
                 mancha|lanha|amanhar|quanta|quantas|quando|quase|junto|juros|julia|julio|sabados|\
                 somana|dormindo|tarda|verde|sede|serve|torta|perca|terei|depor|conta|manhe|noitada|\
                 sextou|sabedo|quitar|dorme|nome|novo",
    dot_is_clock: true,
    half_before_hour: false,
    article_names_day: false,
    at_means_to: true,
};

#[rustfmt::skip]
static WORDS: &[(&[Sense], &str)] = &[
    (&[Weekday(0), Ordinal(2)], "segunda"),
    (&[Weekday(0)], "segundas|seg"),
    (&[Weekday(1)], "terca|tercas"),
    (&[ShortWeekday(1)], "ter"),
    (&[Weekday(2), Ordinal(4)], "quarta"),
    (&[Weekday(2)], "quartas|qua"),
    (&[Weekday(3), Ordinal(5)], "quinta"),
    (&[Weekday(3)], "quintas|qui"),
    (&[Weekday(4), Ordinal(6)], "sexta"),
    (&[Weekday(4)], "sextas|sex|sextou"),
    (&[Weekday(5)], "sabado|sabados|sab|sabadao"),
    (&[Weekday(6)], "domingo|domingos|dom|domingao"),
    (&[WeekdaySuffix], "feira|f|feiras"),
    (&[Month(1)], "janeiro|jan"),
    (&[Month(2)], "fevereiro|fev"),
    (&[Month(3)], "marco|mar"),
    (&[Month(4)], "abril|abr"),
    (&[Month(5)], "maio|mai"),
    (&[Month(6)], "junho|jun"),
    (&[Month(7)], "julho|jul"),
    (&[Month(8)], "agosto|ago"),
    (&[Month(9)], "setembro|set"),
    (&[Month(10)], "outubro|out"),
    (&[Month(11)], "novembro|nov"),
    (&[Month(12)], "dezembro"),

    (&[RelativeDay(0)], "hoje|hj|hje|hoj|dia de hoje"),
    (&[RelativeDay(1)], "amanha|amanhan|amanh|amh|amnh|amanhaa|dia seguinte"),
    (&[RelativeDay(2)], "depois de amanha|depois d amanha|dps de amanha|dps amanha|depois amanha"),
    (&[RelativeDay(-1)], "ontem|onti"),
    (&[RelativeDay(-2)], "anteontem|antes de ontem"),
    (&[RelativeDay(7)], "de hoje a oito|hoje a oito|de hoje a oito dias"),
    (&[Feast(Feast::Fixed(12, 25))], "natal|dia de natal"),
    (&[Feast(Feast::Fixed(12, 24))], "vespera de natal|vespera do natal|noite de natal"),
    (&[Feast(Feast::Fixed(1, 1))], "ano novo|dia de ano novo"),
    (&[Feast(Feast::Fixed(12, 31))], "vespera de ano novo|vespera do ano novo|reveillon|virada do ano|\
        virada"),
    (&[Feast(Feast::Easter(0))], "pascoa|domingo de pascoa"),
    (&[Feast(Feast::Easter(-2))], "sexta feira santa|sexta santa"),
    (&[Feast(Feast::Easter(-47))], "carnaval|terca de carnaval|terca feira de carnaval"),
    (&[Feast(Feast::Easter(60))], "corpus christi"),
    (&[Feast(Feast::Fixed(11, 2))], "finados|dia de finados"),

    (&[Now], "agora|agora mesmo|neste momento|nesse momento|neste instante|nesse instante|\
        imediatamente|agorinha|nesse exato momento|neste exato momento"),
    (&[AloneNow], "ja"),
    (&[Noon], "meio dia|meiodia|ao meio dia|do meio dia|o meio dia"),
    (&[Midnight], "meia noite|meianoite|a meia noite|da meia noite"),
    (&[Part(DayPart::Morning)], "manha|manhas|de manha|da manha|pela manha|na manha|a manha|\
        de manhazinha|manhazinha|parte da manha|na parte da manha|pela parte da manha|\
        periodo da manha|no periodo da manha|turno da manha|madrugada|da madrugada|de madrugada|\
        na madrugada|pela madrugada|cedinho|bem cedo|logo cedo|d manha|de manha cedo|de manha bem cedo"),
    (&[Part(DayPart::Afternoon)], "de tarde|da tarde|a tarde|pela tarde|na tarde|tardinha|de tardinha|\
        a tardinha|parte da tarde|na parte da tarde|pela parte da tarde|periodo da tarde|\
        no periodo da tarde|turno da tarde|tardezinha|de tardezinha|d tarde|as tardes|tardes"),
    (&[Part(DayPart::Night)], "noite|de noite|da noite|a noite|pela noite|na noite|noitinha|de noitinha|\
        a noitinha|parte da noite|na parte da noite|periodo da noite|no periodo da noite|d noite"),
    (&[PartAfterDay(DayPart::Morning)], "cedo"),
    (&[PartAfterDay(DayPart::Afternoon)], "tarde"),
    (&[Custom(12, 14)], "hora do almoco|na hora do almoco|no almoco|horario de almoco|\
        no horario do almoco|no horario de almoco"),
    (&[Custom(13, 17)], "depois do almoco|apos o almoco|dps do almoco"),
    (&[Custom(17, 21)], "depois do trabalho|apos o trabalho|depois do expediente"),
    (&[Meridiem(false)], "am"),
    (&[Meridiem(true)], "pm"),
    (&[HourMark], "h|hs|hrs|hr|em ponto|hras"),
    (&[HourMark, Unit(Unit::Hour)], "hora|horas"),
    (&[Half], "meia"),
    (&[Roughly], "mais ou menos|e pouco|e pouquinho|por ai"),

    (&[Number(0)], "zero"),
    (&[Number(1), Article], "um|uma"),
    (&[Number(2)], "dois|duas"),
    (&[Number(3)], "tres"),
    (&[Number(4)], "quatro"),
    (&[Number(5)], "cinco"),
    (&[Number(6)], "seis"),
    (&[Number(7)], "sete"),
    (&[Number(8)], "oito"),
    (&[Number(9)], "nove"),
    (&[Number(10), Month(12)], "dez"),
    (&[Number(11)], "onze"),
    (&[Number(12)], "doze"),
    (&[Number(13)], "treze"),
    (&[Number(14)], "quatorze|catorze"),
    (&[Number(15)], "quinze"),
    (&[Number(16)], "dezesseis|dezasseis"),
    (&[Number(17)], "dezessete|dezassete"),
    (&[Number(18)], "dezoito"),
    (&[Number(19)], "dezenove|dezanove"),
    (&[Number(20)], "vinte"),
    (&[Number(30)], "trinta"),
    (&[Number(40)], "quarenta"),
    (&[Number(50)], "cinquenta"),
    (&[Number(60)], "sessenta"),
    (&[Thousand], "mil"),
    (&[Ordinal(1)], "primeiro|primeira"),
    (&[Ordinal(2)], "segundo"),
    (&[Ordinal(3)], "terceiro|terceira"),
    (&[Ordinal(4)], "quarto"),
    (&[Ordinal(5)], "quinto"),
    (&[Ordinal(6)], "sexto"),
    (&[Ordinal(7)], "setimo|setima"),
    (&[Ordinal(8)], "oitavo|oitava"),
    (&[Ordinal(9)], "nono|nona"),
    (&[Ordinal(10)], "decimo|decima"),
    (&[Ordinal(20)], "vigesimo|vigesima"),
    (&[Ordinal(30)], "trigesimo|trigesima"),
    (&[Unit(Unit::Minute)], "minuto|minutos|min|mins|minutinhos"),
    (&[Unit(Unit::Day)], "dia|dias"),
    (&[Unit(Unit::Week)], "semana|semanas"),
    (&[Unit(Unit::Fortnight)], "quinzena|quinzenas"),
    (&[Unit(Unit::Month)], "mes|meses"),
    (&[Unit(Unit::Year)], "ano|anos"),
    (&[Unit(Unit::Weekend)], "fim de semana|final de semana|fds|finde|fim d semana|fins de semana|\
        finais de semana|findi"),

    (&[At, The], "as"),
    (&[At], "pelas|la pelas|la para as|por volta das|por volta de|por volta da|por volta do|umas|\
        aproximadamente|perto das|cerca das|cerca de|sao|tipo|tipo umas|la pras|as umas|por umas|\
        em torno das|em torno de|la por|por volta d"),
    (&[Of, From, At], "das"),
    (&[On], "no|na|nos|nas|numa"),
    (&[The], "o|os"),
    (&[Of, From], "de|do|da|dos|d"),
    (&[In], "em|daqui a|daqui|dentro de|dentro d|daqui uns|daqui umas|daki a"),
    (&[Since, At], "desde as|a partir das|apartir das"),
    (&[Since], "desde|comecando|iniciando"),
    (&[Since, From], "a partir de|a partir do|a partir da|a partir|apartir de|a contar de"),
    (&[To], "a|ao|aos"),
    (&[Until, At], "ate as|nao depois das"),
    (&[Until], "ate|ate o|ate a|ate os|no maximo ate|no maximo|nao mais que|\
        no mais tardar"),
    (&[ToHour, At], "pras|para as"),
    (&[ToHour, Filler], "para|pra|pro|p|pr|para a|para o"),
    (&[Between], "entre|entre os|entre o|entre a"),
    (&[Between, At], "entre as"),
    (&[And], "e|mas"),
    (&[Or], "ou"),
    (&[After, At], "nao antes das"),
    (&[After], "nao antes de|nao antes do"),
    (&[After, Past, At], "depois das|apos as|dps das|passado das|passando das|passadas as"),
    (&[After, Past], "depois da|depois do|depois de|apos o|apos|dps de|dps do|mais tarde que|passadas"),
    (&[After, Later], "depois|dps"),
    (&[Before, At], "antes das|antes de as"),
    (&[Before], "antes da|antes do|antes de|antes"),
    (&[Onward], "em diante|pra frente|para frente|adiante|ou depois|ou mais tarde"),
    (&[Later, Edge(Edge::End)], "mais tarde"),
    (&[Ago], "ha|faz|atras"),
    (&[This], "este|esta|esse|essa|neste|nesta|nesse|nessa|deste|desta|desse|dessa|atual|nest|ness"),
    (&[Next], "que vem|q vem|proximo|proxima|proximos|proximas|prox|seguinte|seguintes|que entra|\
        ke vem|que ven|vindouro|vindoura|qvem"),
    (&[Previous], "passado|passada|retrasado|retrasada"),
    (&[Final, Previous], "ultimo|ultima|ultimos|ultimas"),
    (&[Rest], "resto|restante"),
    (&[Edge(Edge::Start)], "comeco|inicio|comecinho|primeiras horas|logo|iniciozinho"),
    (&[Edge(Edge::Start), PartAfterDay(DayPart::Morning)], "primeira hora"),
    (&[Edge(Edge::Middle)], "meio|metade|meados|meiados"),
    (&[Edge(Edge::End)], "fim|final|finalzinho|fins|finais|ultimas horas|ultima hora|fimzinho"),

    // Words that end what was said about when.
    (&[Nothing], "ate agora|por agora|agora nao|com|sem|porque|pq"),

    (&[Not, At], "ao inves das|em vez das"),
    (&[MaybeNot], "nao"),
    (&[Not], "exceto|menos na|menos no|ao inves de|ao inves do|ao inves da|em vez de|em vez do|em vez da|nao posso|nao da|nao consigo|nao pode ser|nao vai dar|nao rola|menos|\
        sem ser|nao quero|n posso|nao poderei|n da|nao serve|nao pode|nao vou poder|nao vou conseguir"),
    (&[Instead], "ou melhor|alias|quer dizer|na verdade|melhor|corrigindo|digo|desculpa|perdao|ops|\
        prefiro|pensando bem|em vez disso"),
    (&[Nothing], "bom dia|boa tarde|boa noite|bom fim de semana|boa semana|bom final de semana|bom fds|\
        feliz natal|feliz ano novo|feliz pascoa|otima semana|otimo dia|bom feriado|\
        otimo fim de semana|outro dia|todo dia|todos os dias|algum dia|dia a dia|dia inteiro|\
        dia todo|tao tarde|muito tarde|bom mes|bom ano|otima tarde|otima noite|boa madrugada|\
        segunda via|segunda vez|de vez em quando|uma vez|ate logo|ate mais|mais cedo ou mais tarde|\
        de uma vez|um por um|um a um|antes tarde|um dos|uma das|primeira vez|mil e uma|terca parte|\
        segunda mao|dia das maes|dia dos pais|dia das criancas|dia dos namorados|tenha um bom dia|\
        tenha uma boa|tenham uma boa|por hora|por dia|por semana|por mes|por ano|na hora|em cima da hora|\
        toda hora|meia hora antes|qualquer hora|qualquer dia|bom domingo|bom sabado|boa sexta|boa segunda|\
        boa quinta|boa quarta|boa terca|proximos dias|nos proximos dias"),
    (&[Place], "rua|avenida|av|travessa|alameda|praca|rodovia|estrada|viaduto|largo|esquina"),
    (&[Name], "nome de|nome da|nome do|meu nome e|me chamo|meu nome|sou o|sou a|aqui e o|aqui e a"),
    (&[Counted], "pessoas|pessoa|adultos|adulto|criancas|crianca|vezes|vez|reais|real|conto|contos|\
        por cento|km|quilometros|metros|quilos|kg|alunos|estrelas|vagas|parcelas|parcela|andares|\
        via|rodada|onda|opcao|parte|lugar|lugares|filhos|filhas|filho|filha|clientes|itens|fotos|amigos|\
        amigas|unidades|cortes|sessoes|sessao|fase|turma|etapa|chance|serie|edicao|dose|\
        temporada|categoria|classe|marcha|instancia|geracao|tentativa|coluna|vias|graus|\
        ml|gramas|dolares|euros|reservas|servicos|procedimentos|opiniao|posicao|chamada|\
        estrela|pontos|camada|consultas|acompanhantes|convidados|pacientes"),
    (&[Label], "sala|apto|apartamento|ap|numero|num|n|nr|bloco|pag|capitulo|edificio|\
        lote|mesa|codigo|protocolo|cpf|cnpj|rg|cep|conta|agencia|nota|boleto|predio|\
        casa|quadra|placa|ramal|valor|preco|us|rs"),
    (&[Counted, Label], "andar|pagina|linha|pedido|loja|unidade"),
    (&[Filler], "por favor|pfv|pfvr|pf|pls|obrigado|obrigada|obg|oi|ola|tem|tem como|pode|pode ser|ok|\
        sim|seria|certo|acho|eu|horario|mesmo|so|vaga|alguma|algum|la|ai|dar|da pra|fica|ficaria|\
        disponivel|livre|talvez|serve|consigo|gente|blz|beleza|tudo bem|tb|tambem|ainda|exatamente|\
        certinho|possivel|se possivel|se der|por gentileza|gentileza|marcar|agendar|quero|queria|gostaria"),
];

#[cfg(test)]
mod tests {
    use crate::domain::language::meant;

    #[test]
    fn portuguese_is_understood_as_it_is_written_in_chats() {
        #[rustfmt::skip]
        let cases = [
            // written on Monday, 23 November 2026 at 10:15     what it means
            ("oi, queria marcar pra amanhã às 3 da tarde", "2026-11-24 15:00"),
            ("amh 15hs",                                   "2026-11-24 15:00"),
            ("hj no fim da tarde",                         "2026-11-23 afternoon"),
            ("depois de amanhã à noite",                   "2026-11-25 night"),
            ("2a feira 14hs",                              "2026-11-30 14:00"),
            ("ter 24 15h",                                 "2026-11-24 15:00"),
            ("sexta q vem de tarde",                       "2026-12-04 afternoon, 2026-11-27 afternoon"),
            ("quarta da semana que vem",                   "2026-12-02"),
            ("de segunda a sexta",                         "2026-11-30..2026-12-04"),
            ("sábado umas 11",                             "2026-11-28 11:00"),
            ("segnda 14h",                                 "2026-11-30 14:00"),
            ("quita feira as 10",                          "2026-11-26 10:00"),
            ("25/12 às 14h",                               "2026-12-25 14:00"),
            ("5 de dez 9h",                                "2026-12-05 09:00"),
            ("dia 10 do mês que vem",                      "2026-12-10"),
            ("primeira segunda de dezembro",               "2026-12-07"),
            ("dia trinta",                                 "2026-11-30"),
            ("às nove e meia",                             "09:30"),
            ("quinze pras três",                           "14:45"),
            ("meio-dia e meia",                            "12:30"),
            ("uma e meia da tarde",                        "13:30"),
            ("das 14 às 16",                               "14:00..16:00"),
            ("entre as 2 e as 4 da tarde",                 "14:00..16:00"),
            ("quinta depois das 6",                        "2026-11-26 18:00.."),
            ("até as 18h",                                 "..18:00"),
            ("a partir de quarta",                         "2026-11-25.."),
            ("daqui 15 min",                               "2026-11-23 10:30"),
            ("daqui a duas semanas",                       "2026-12-07"),
            ("fim de semana",                              "2026-11-28..2026-11-29"),
            ("natal",                                      "2026-12-25"),
            ("amanhã não posso, quinta às 10",             "2026-11-26 10:00"),
            ("não tem sábado?",                            "2026-11-28"),
            ("15h, ou melhor, 16h",                        "16:00"),
            ("segunda via do boleto",                      ""),
            ("boa tarde, somos 3 pessoas",                 ""),
            ("rua 25 de março, 100",                       ""),
            ("há 2 anos",                                  ""),
            ("quero uma consulta amanhã às 3",        "2026-11-24 15:00"),
            ("9h30-11h na sexta",                     "2026-11-27 09:30..11:00"),
            ("sexta às onze com a Ana",               "2026-11-27 11:00"),
            ("às 17h no máximo",                      "..17:00"),
            ("tarde de sexta",                        "2026-11-27 afternoon"),
            ("daqui a uma hora e quinze",             "2026-11-23 11:30"),
            ("segunda depois do natal",               "2026-12-28"),
            ("terça vinte e quatro às dez",           "2026-11-24 10:00"),
            ("das 5 pras 6",                          "17:00..18:00"),
            ("10 dez-12 jan",                         "2026-12-10..2027-01-12"),
        ];
        for (text, meaning) in cases {
            assert_eq!(meant("pt-BR", text), meaning, "{text}");
        }
    }
}
