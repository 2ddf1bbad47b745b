// Invented customers, and words in the language of each business.

// Numbers of fictional or plausible ranges, by country. `#` is a digit made up on the spot.
const COUNTRIES = {
  BR: { numbers: '5511 9####-####', people: [['Marina', '5511988887777'], ['João', '5521977776666'], ['Camila', '5531966665555']] },
  PT: { numbers: '351 91# ### ###', people: [['Inês', '351912345678'], ['Tiago', '351913456789']] },
  US: { numbers: '1212 555-01##', people: [['Grace', '12125550143'], ['Daniel', '13235550178'], ['Maya', '17865550162']] },
  GB: { numbers: '447700 900###', people: [['Olivia', '447700900143'], ['Arthur', '447700900178']] },
  ES: { numbers: '34 6## ### ###', people: [['Lucía', '34611223344'], ['Hugo', '34622334455']] },
  CL: { numbers: '569 #### ####', people: [['Valentina', '56987654321'], ['Matías', '56976543210'], ['Antonia', '56965432109']] },
};

const LANGUAGES = {
  en: {
    country: 'US',
    newcomers: ['Nora', 'Ethan', 'Ruby', 'Leo', 'Alice', 'Owen'],
    message: 'Message', today: 'Today', yesterday: 'Yesterday', typing: 'typing…', online: 'online',
    greeting: 'Hi', request: (service) => `${service} tomorrow at 3pm`, service: 'Haircut', mine: 'My bookings',
  },
  pt: {
    country: 'BR',
    newcomers: ['Renata', 'Felipe', 'Bianca', 'Otávio', 'Lívia', 'Caio'],
    message: 'Mensagem', today: 'Hoje', yesterday: 'Ontem', typing: 'digitando…', online: 'online',
    greeting: 'Oi', request: (service) => `${service} amanhã às 15h`, service: 'Corte', mine: 'Meus horários',
  },
  es: {
    country: 'CL',
    newcomers: ['Josefa', 'Tomás', 'Emilia', 'Vicente', 'Isidora', 'Bruno'],
    message: 'Mensaje', today: 'Hoy', yesterday: 'Ayer', typing: 'escribiendo…', online: 'en línea',
    greeting: 'Hola', request: (service) => `${service} mañana a las 15`, service: 'Corte', mine: 'Mis citas',
  },
};

const split = (locale) => locale.split('-');
export const words = (locale) => LANGUAGES[split(locale)[0]] ?? LANGUAGES.en;
const country = (locale) => COUNTRIES[split(locale)[1]] ?? COUNTRIES[words(locale).country];

/** Who may write to a business of this locale, each `{ name, phone }`, phone in digits. */
export const customers = (locale) => country(locale).people.map(([name, phone]) => ({ name, phone }));

/** Somebody whom the business has never heard of. */
export function newcomer(locale) {
  const names = words(locale).newcomers;
  const digits = country(locale).numbers.replace(/[ -]/gu, '');
  return {
    name: names[Math.floor(Math.random() * names.length)],
    phone: digits.replace(/#/gu, () => Math.floor(Math.random() * 10)),
  };
}

/** Three first messages: a greeting, a whole request in one line, a question. */
export function openings(tenant) {
  const language = words(tenant.locale);
  return [language.greeting, language.request(tenant.services?.[0] ?? language.service), language.mine];
}

/** `+55 11 98888-7777`; digits of an unknown country stay together. */
export function shown(phone) {
  const groups = [
    [/^(55)(\d{2})(\d{4,5})(\d{4})$/u, '+$1 $2 $3-$4'],
    [/^(1)(\d{3})(\d{3})(\d{4})$/u, '+$1 $2 $3-$4'],
    [/^(44)(\d{4})(\d{6})$/u, '+$1 $2 $3'],
    [/^(56)(9)(\d{4})(\d{4})$/u, '+$1 $2 $3 $4'],
    [/^(34|351)(\d{3})(\d{3})(\d{3})$/u, '+$1 $2 $3 $4'],
  ];
  const found = groups.find(([pattern]) => pattern.test(phone));
  return found ? phone.replace(found[0], found[1]) : `+${phone}`;
}
