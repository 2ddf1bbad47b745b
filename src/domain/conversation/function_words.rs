//! Words that hold sentences together, in all three languages, as customers mix them.
//!
//! None of them is a slip of the finger for the name of a service: "una" is not "uñas". They are
//! written small, without accents; an ñ stays what it is.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::phrases::words;
use super::text::folded_words;
use crate::domain::locale::Language;

/// Articles, pronouns, prepositions, conjunctions, numbers, and the verbs that go with a request.
const WORDS: [&str; 3] = [
    // English.
    "a an the this that these those i me my mine you your yours he him his she her hers it its we \
     us our they them their who whom what which when where why how and or but if so than then as \
     of to for from by with without at in on off out up into over under after before between \
     until about around near not no yes please can could may might must shall should will would \
     do does did done be am is are was were been have has had get got go come make made want need \
     like love take give put let see say ask book know thing things time times some any all each \
     every much many more most less least few one ones two three four five six seven eight nine \
     ten eleven twelve first second third last next now today tonight tomorrow day days week \
     month morning afternoon evening night noon hour hours minute minutes half here there only \
     also too very just again still hi hello hey ok thanks",
    // Portuguese.
    "o os a as um uma uns umas eu me mim meu meus minha minhas tu te ti teu tua voce voces seu \
     seus sua suas ele ela eles elas nos nosso nossa lhe que quem qual quais quando onde como \
     quanto quanta porque e ou mas se de do da dos das em no na nos nas por pelo pela pelos pelas \
     para pra pro pras pros com sem ate sobre entre apos antes depois desde ao aos ser sou era \
     foi esta estao estou ter tem tenho tinha vou vai vamos ir fazer faz faca feito quero queria \
     quer gostaria posso pode poderia preciso precisa marcar agendar reservar ver dar da sim nao \
     isso isto esse essa esses essas este estas aquele aquela ai aqui la ja so mais menos muito \
     muita pouco todo toda todos todas algum alguma outro outra outros outras vez vezes hora \
     horas dia dias semana mes manha tarde noite hoje amanha agora meia meio dois duas tres \
     quatro cinco seis sete oito nove dez onze doze primeiro primeira segundo terceiro quarto \
     quinto sexto ultimo proximo proxima oi ola bom boa por favor obrigado obrigada coisa",
    // Spanish.
    "el la los las lo un una unos unas uno yo me mi mis tu tus te ti su sus usted ustedes el ella \
     ellos ellas nos nosotros que quien cual cuales cuando donde como cuanto cuanta porque y e o u \
     pero si sino de del al en por para pra con sin hasta sobre entre tras antes despues desde \
     ser soy es era fue esta estoy estan tener tengo tiene tienes hay ir voy va vamos hacer hago \
     hace hacerme quiero quisiera quieres necesito puedo puede puedes podria reservar agendar \
     pedir ver dar doy da no eso esto ese esa esos esas este estos estas aquel aquella ahi aqui \
     alla ya solo mas menos muy mucho mucha poco todo toda todos todas algo alguna alguno otro \
     otra otros otras vez veces hora horas dia dias semana mes mañana tarde noche hoy ahora media \
     medio dos tres cuatro cinco seis siete ocho nueve diez once doce primero primera segundo \
     tercero cuarto quinto sexto ultimo proximo proxima manana hola buenas buenos gracias favor cosa \
     pregunta cita turno",
];

/// The words of one language, small and without accents but with their ñ.
pub(super) fn function_words(language: Language) -> impl Iterator<Item = &'static str> {
    let of = match language {
        Language::English => WORDS[0],
        Language::Portuguese => WORDS[1],
        Language::Spanish => WORDS[2],
    };
    of.split_whitespace()
}

/// Whether a word, small and without accents but with its ñ, only holds a sentence together or says
/// when.
pub(super) fn is_function_word(spelled: &str) -> bool {
    static ALL: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let mut all: HashSet<String> =
            WORDS.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned).collect();
        for language in Language::ALL {
            let words = words(language);
            let calendar = [
                &words.weekdays[..],
                &words.weekdays_spoken,
                &words.weekdays_short,
                &words.months,
                &words.months_short,
            ];
            all.extend(calendar.concat().into_iter().flat_map(folded_words));
            let ordinals = words.ordinals.iter().flat_map(|words| words.iter());
            all.extend(ordinals.flat_map(|word| folded_words(word)));
        }
        all
    });
    ALL.contains(spelled)
}

#[cfg(test)]
mod tests {
    use super::super::text::spelled_words;
    use super::*;

    #[test]
    fn words_are_written_as_they_are_compared() {
        for word in WORDS.iter().flat_map(|words| words.split_whitespace()) {
            assert_eq!(spelled_words(word), [word], "{word}");
        }
    }

    #[test]
    fn a_tilde_makes_another_word() {
        assert!(is_function_word("unas") && !is_function_word("uñas"));
        assert!(is_function_word("jueves") && is_function_word("segunda"));
    }
}
