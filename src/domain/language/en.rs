//! English: its words about when.
#![cfg_attr(
    not(test),
    expect(clippy::enum_glob_use, reason = "a lexicon names senses on every line")
)]

use crate::domain::temporal::Sense::*;
use crate::domain::temporal::{DayPart, Edge, Feast, Sense, Source, Unit};

pub(super) static SOURCE: Source = Source {
    words: WORDS,
    suffixes: &[
        (&[Ordinal(0)], "st|nd|rd|th"),
        (&[Meridiem(false)], "a|am"),
        (&[Meridiem(true)], "p|pm"),
        (&[Unit(Unit::Day)], "d"),
        (&[Unit(Unit::Minute)], "m"),
        (&[Roughly], "ish|ampm"),
        (&[RelativeDay(1)], "moro|morrow|mrw|mro|moz"),
        // The zone of an ISO moment.
        (&[Filler], "z"),
    ],
    typos: "monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|april|august|\
            september|october|november|december|tomorrow|today|morning|afternoon|evening|tonight|\
            weekend|midnight|christmas",
    endings: "ish",
    real_words: "money|monkey|toddy|toda|aprils|mourning|warning|moaning|sundry|saturated|turkey|\
                 weekends|weakened|morn|evenings|tody|fridge|frida|augustus|tonights|\
                 everything|opening",
    dot_is_clock: false,
    half_before_hour: true,
    article_names_day: true,
    at_means_to: false,
};

#[rustfmt::skip]
static WORDS: &[(&[Sense], &str)] = &[
    (&[Weekday(0)], "monday|mondays|mon"),
    (&[Weekday(1)], "tuesday|tuesdays|tue|tues"),
    (&[Weekday(2)], "wednesday|wednesdays|wed|weds|wednes"),
    (&[Weekday(3)], "thursday|thursdays|thu|thur|thurs"),
    (&[Weekday(4)], "friday|fridays|fri"),
    (&[Weekday(5)], "saturday|saturdays"),
    (&[Weekday(6)], "sunday|sundays"),
    (&[ShortWeekday(5)], "sat"),
    (&[ShortWeekday(6)], "sun"),
    (&[Month(1)], "january|jan"),
    (&[Month(2)], "february|feb|febr"),
    (&[Month(3)], "march|mar"),
    (&[Month(4)], "april|apr"),
    (&[Month(5)], "may"),
    (&[Month(6)], "june|jun"),
    (&[Month(7)], "july|jul"),
    (&[Month(8)], "august|aug"),
    (&[Month(9)], "september|sept|sep"),
    (&[Month(10)], "october|oct"),
    (&[Month(11)], "november|nov"),
    (&[Month(12)], "december|dec"),

    (&[RelativeDay(0)], "today|todays|tday"),
    (&[RelativeDay(1)], "tomorrow|tomorrows|tmrw|tmr|tmw|tmrrw|tomo|tomoz|tomorow|tommorow|tommorrow|\
        next day|following day"),
    (&[RelativeDay(2)], "day after tomorrow|day after tmrw|day after tmr|overmorrow"),
    (&[RelativeDay(-1)], "yesterday|last night|last evening"),
    (&[RelativeDay(-2)], "day before yesterday"),
    (&[Feast(Feast::Fixed(12, 25))], "christmas|xmas|christmas day|xmas day"),
    (&[Feast(Feast::Fixed(12, 24))], "christmas eve|xmas eve"),
    (&[Feast(Feast::Fixed(12, 26))], "boxing day"),
    (&[Feast(Feast::Fixed(1, 1))], "new years day|new year day|new years|new year"),
    (&[Feast(Feast::Fixed(12, 31))], "new years eve|new year eve|nye"),
    (&[Feast(Feast::Fixed(10, 31))], "halloween"),
    (&[Feast(Feast::Fixed(2, 14))], "valentines day|valentines"),
    (&[Feast(Feast::Easter(0))], "easter|easter sunday|easter day"),
    (&[Feast(Feast::Easter(1))], "easter monday"),
    (&[Feast(Feast::Easter(-2))], "good friday"),

    (&[Now], "now|right now|immediately|at present|at the present time|at this moment|straight away|\
        right away"),
    (&[Noon], "noon|midday|mid day|noontime"),
    (&[Midnight], "midnight|mid night"),
    (&[Part(DayPart::Morning)], "morning|mornings|in the morning|in the mornings|in morning|\
        of the morning|during the morning|first thing|first thing in the morning|midmorning"),
    (&[Part(DayPart::Afternoon)], "afternoon|afternoons|in the afternoon|in the afternoons|\
        in afternoon|of the afternoon|during the afternoon|arvo|midafternoon"),
    (&[Part(DayPart::Evening)], "evening|evenings|in the evening|in the evenings|in evening|\
        of the evening|during the evening"),
    (&[Part(DayPart::Night)], "night|nights|in the night|at night|nighttime|during the night"),
    (&[PartAfterDay(DayPart::Morning)], "morn|mornin"),
    (&[PartAfterDay(DayPart::Afternoon)], "aft"),
    (&[PartAfterDay(DayPart::Evening)], "eve"),
    (&[PartOfToday(DayPart::Night)], "tonight|tonite|tonights"),
    (&[Custom(12, 14)], "at lunch|lunchtime|lunch time|at lunchtime|during lunch|over lunch|\
        lunch hour|for lunch"),
    (&[Custom(13, 17)], "after lunch"),
    (&[Custom(17, 21)], "after work"),
    (&[Custom(15, 21)], "after school"),
    (&[Meridiem(false)], "am|in the am"),
    (&[Meridiem(true)], "pm|in the pm"),
    (&[HourMark], "h|oclock|o clock|sharp|on the dot"),
    (&[Half], "half"),
    (&[Quarter], "quarter"),
    (&[Past], "past"),
    (&[Roughly], "ish|or so|ampm"),

    (&[Number(0)], "zero|oh|ou|o"),
    (&[Number(1)], "one"),
    (&[Number(2)], "two|couple|pair"),
    (&[Number(3)], "three|few"),
    (&[Number(4)], "four"),
    (&[Number(5)], "five"),
    (&[Number(6)], "six"),
    (&[Number(7)], "seven|several"),
    (&[Number(8)], "eight"),
    (&[Number(9)], "nine"),
    (&[Number(10)], "ten"),
    (&[Number(11)], "eleven"),
    (&[Number(12)], "twelve"),
    (&[Number(13)], "thirteen"),
    (&[Number(14)], "fourteen"),
    (&[Number(15)], "fifteen"),
    (&[Number(16)], "sixteen"),
    (&[Number(17)], "seventeen"),
    (&[Number(18)], "eighteen"),
    (&[Number(19)], "nineteen"),
    (&[Number(20)], "twenty"),
    (&[Number(30)], "thirty"),
    (&[Number(40)], "forty|fourty"),
    (&[Number(45)], "three quarters"),
    (&[Number(50)], "fifty"),
    (&[Number(60)], "sixty"),
    (&[Thousand], "thousand"),
    (&[Ordinal(1)], "first"),
    (&[Ordinal(2)], "second"),
    (&[Ordinal(3)], "third"),
    (&[Ordinal(4)], "fourth"),
    (&[Ordinal(5)], "fifth"),
    (&[Ordinal(6)], "sixth"),
    (&[Ordinal(7)], "seventh"),
    (&[Ordinal(8)], "eighth"),
    (&[Ordinal(9)], "ninth"),
    (&[Ordinal(10)], "tenth"),
    (&[Ordinal(11)], "eleventh"),
    (&[Ordinal(12)], "twelfth"),
    (&[Ordinal(13)], "thirteenth"),
    (&[Ordinal(14)], "fourteenth"),
    (&[Ordinal(15)], "fifteenth"),
    (&[Ordinal(16)], "sixteenth"),
    (&[Ordinal(17)], "seventeenth"),
    (&[Ordinal(18)], "eighteenth"),
    (&[Ordinal(19)], "nineteenth"),
    (&[Ordinal(20)], "twentieth"),
    (&[Ordinal(30)], "thirtieth"),
    (&[Article], "a|an"),
    (&[Unit(Unit::Minute)], "minute|minutes|min|mins"),
    (&[Unit(Unit::Hour)], "hour|hours|hr|hrs"),
    (&[Unit(Unit::Day)], "day|days"),
    (&[Unit(Unit::Week)], "week|weeks|wk|wks"),
    (&[Unit(Unit::Fortnight)], "fortnight|fortnights"),
    (&[Unit(Unit::Month)], "month|months"),
    (&[Unit(Unit::Year)], "year|years|yr|yrs"),
    (&[Unit(Unit::Weekend)], "weekend|weekends|week end|wkend|wknd"),
    (&[Unit(Unit::WorkWeek)], "workweek|work week|working week|business week"),

    (&[At], "at|around|approximately|approx|about|at about|at around|its"),
    (&[On], "on"),
    (&[The], "the"),
    (&[Of], "of"),
    (&[In], "in|within"),
    (&[Since, From], "from"),
    (&[Since], "starting|starting from|starting on|starting at|since|as of|beginning on|commencing"),
    (&[To, ToHour], "to"),
    (&[To], "through|thru"),
    (&[Until, ToHour], "til|till"),
    (&[Until, ToHour], "until"),
    (&[Until], "by|no later than|not later than|as late as|up to|up until|at the latest by|not after|at the latest|latest|at latest|\
        at the very latest"),
    (&[Between], "between|in between|anywhere between"),
    (&[And], "and|n|but"),
    (&[Or], "or"),
    (&[After, Past], "after"),
    (&[After], "as early as|earliest|no sooner than|later than|at or after|on or after|not before|any time after|anytime after|no earlier than"),
    (&[Before, ToHour], "before"),
    (&[Onward], "at the earliest|at earliest|onward|onwards|or later|and later|or after|and after|or later on"),
    (&[Later, Edge(Edge::End)], "later"),
    (&[Later, Now], "from now|from right now"),
    (&[Later], "hence"),
    (&[Ago], "ago"),
    (&[This], "this|current"),
    (&[Next], "next|following|nxt"),
    (&[Coming], "coming|upcoming"),
    (&[AfterNext], "after next"),
    (&[Previous, Final], "last"),
    (&[Previous], "previous"),
    (&[Final], "final"),
    (&[Rest], "rest|remainder"),
    (&[Edge(Edge::Start)], "early|very early|bright and early|nice and early|beginning|start|earlier|beginning of|start of"),
    (&[Edge(Edge::Middle)], "mid|middle"),
    (&[Edge(Edge::End)], "late|end"),

    (&[Not], "any day but|any time but|anytime but|not|except|anything but|everything but|all but|instead of|rather than|cant|cannot|can not|cant do|cant make|cant make it|doesnt work|wont work|\
        no good|isnt good|is no good|not on|dont want|doesnt suit|cant come|not available|not free"),
    (&[Instead], "actually|i mean|or rather|no wait|wait|scratch that|sorry|instead|better|oops|\
        rather|correction|make that"),
    (&[Nothing], "good morning|good afternoon|good evening|good night|good day|great week|nice week|\
        good week|great weekend|nice weekend|good weekend|lovely weekend|great day|nice day|\
        lovely day|great evening|nice evening|happy new year|merry christmas|happy easter|\
        happy halloween|day after day|day by day|some day|the other day|all day|every day|one by one|\
        this one|that one|which one|the one|no one|the sun|why not|one to one|one on one|all night|\
        last time|next time|first time|one more|up to date|these days|those days|nowadays|\
        day to day|to day life|may i|may we|may be|may well|may you|long time|any second|next few days|next days|coming days"),
    // Words that end what was said about when.
    (&[Nothing], "by now|until now|till now|up to now|now and then|now and again|with|without|because|if|while|unless|cause|cuz|via"),
    (&[Place], "street|avenue|ave|road|drive|lane|boulevard|blvd|st"),
    (&[Name], "name is|under the name|in the name of|name of|my name|names"),
    (&[Counted], "people|persons|person|adults|adult|kids|kid|children|child|guests|guest|points|\
        percent|pct|dollars|dollar|bucks|euros|euro|pounds|usd|eur|stars|times|items|km|miles|kg|lbs|cm|\
        mm|meters|metres|degrees|floor|round|wave|time|option|seats|tickets|haircuts|sessions|\
        slots|pax|of us|of them|students|friends|opinion|chance|class|place|things|services|\
        reminders|messages|photos|copies|cuts|step|attempt|try|half of|wife|husband|language|\
        hand|visit|thought"),
    (&[Label], "room|page|chapter|apt|apartment|flat|suite|table|number|building|gate|level|unit|\
        ext|extension|bldg|item|figure|episode|season|invoice|order|code|version|abc|ssn|highway|\
        route|no|nr|iphone|windows"),
    (&[Filler], "please|pls|plz|thanks|thx|thank you|ok|okay|yes|yeah|yep|hi|hello|hey|for|free|\
        available|then|can|could|i|we|you|do|does|did|have|has|any|anything|how|what|when|need|want|maybe|perhaps|possibly|preferably|just|only|exactly|say|like|works|would|is|are|\
        be|also|though|too|somewhere|sometime|roughly|work|good|fine|perfect|great|so|ideally|if possible|\
        anytime|any time|some time|hope|me|us|it"),
];

#[cfg(test)]
mod tests {
    use crate::domain::language::meant;

    #[test]
    fn english_is_understood_as_it_is_written_in_chats() {
        #[rustfmt::skip]
        let cases = [
            // written on Monday, 23 November 2026 at 10:15     what it means
            ("hi! can I come in tomorrow at 3?",      "2026-11-24 15:00"),
            ("tmrw 10",                               "2026-11-24 10:00"),
            ("day after tomorrow, first thing",       "2026-11-25 morning"),
            ("next tues at half 4",                   "2026-12-01 16:30, 2026-11-24 16:30"),
            ("this coming monday",                    "2026-11-30"),
            ("friday week",                           "2026-12-04"),
            ("thrusday at 10",                        "2026-11-26 10:00"),
            ("wensday at noon",                       "2026-11-25 12:00"),
            ("mon-fri",                               "2026-11-30..2026-12-04"),
            ("sat morning or sun afternoon",          "2026-11-28 morning, 2026-11-29 afternoon"),
            ("tuesday pm",                            "2026-11-24 afternoon"),
            ("tonight at 7",                          "2026-11-23 19:00"),
            ("12/5 at 10:30am",                       "2026-12-05 10:30"),
            ("the 25th at 2",                         "2026-11-25 14:00"),
            ("06-Nov-27",                               "2027-11-06"),
            ("3 or 4pm tomorrow",                "2026-11-24 15:00, 2026-11-24 16:00"),
            ("dec 3-5",                               "2026-12-03..2026-12-05"),
            ("the first monday of december",          "2026-12-07"),
            ("the day before christmas",              "2026-12-24"),
            ("a quarter to noon",                     "11:45"),
            ("three quarters past nine am",           "09:45"),
            ("2-4pm",                                 "14:00..16:00"),
            ("monday 9 to 5",                         "2026-11-30 09:00..17:00"),
            ("not before 10",                         "10:00.."),
            ("by friday",                             "..2026-11-27"),
            ("before noon on saturday",               "2026-11-28 ..12:00"),
            ("in an hour and a half",                 "2026-11-23 11:45"),
            ("a week from friday",                    "2026-12-04"),
            ("3 fridays from now",                    "2026-12-11"),
            ("next week, how about wednesday?",       "2026-12-02"),
            ("this weekend",                          "2026-11-28..2026-11-29"),
            ("end of the month",                      "2026-11-21..2026-11-30"),
            ("can't do tuesday, thursday at 4 works", "2026-11-26 16:00"),
            ("friday, no wait, saturday",             "2026-11-28"),
            ("i can't on friday",                     ""),
            ("may I bring 2 friends?",                ""),
            ("the second one",                        ""),
            ("5th avenue, room 305",                  ""),
            ("ten to three",                          "14:50"),
            ("10 till 6 on thursday",                 "2026-11-26 10:00..18:00"),
            ("5pm at the latest",                     "..17:00"),
            ("after 5 tomorrow",                      "2026-11-24 17:00.."),
            ("from 3 to 4 in the p.m.",               "15:00..16:00"),
            ("3-ish tomorrow",                        "2026-11-24 15:00"),
            ("in two and a half hours",               "2026-11-23 12:45"),
            ("how about 3 fridays from now",          "2026-12-11"),
            ("around 10 to 12 december",              "2026-12-10..2026-12-12"),
            ("10 dec-12 jan 2027",                    "2026-12-10..2027-01-12"),
            ("next monday to next wednesday",         "2026-11-30..2026-12-02"),
            ("the monday after christmas",            "2026-12-28"),
            ("two weeks on friday",                   "2026-12-11"),
            ("a week today",                          "2026-11-30"),
            ("the weekend of december 5",             "2026-12-05..2026-12-06"),
            ("9 on saturday morning",                 "2026-11-28 09:00"),
            ("saturday - dec 5 - 10am",               "2026-12-05 10:00"),
            ("12 - 05 - 2026",                        "2026-12-05"),
            ("2026-12-05T14:30:00Z",                  "2026-12-05 14:30"),
            ("the 27th with Anna",                    "2026-11-27"),
            ("I work from 9 to 11",                   "09:00..11:00"),
            ("it takes from 2 to 3 weeks",            ""),
            ("he sat on the chair",                   ""),
            ("917 - 555 - 0142",                      ""),
            ("in 2-3 days",                           ""),
            ("not until now",                         ""),
        ];
        for (text, meaning) in cases {
            assert_eq!(meant("en-US", text), meaning, "{text}");
        }
    }
}
