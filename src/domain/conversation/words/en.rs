//! English.

use super::Words;

#[rustfmt::skip]
pub(super) const WORDS: Words = Words {
    opt_out: &["stop", "unsubscribe", "stop messages"],
    opt_in: &["start"],
    cancel: &[
        "cancel", "cancel booking", "cancel my booking", "cancel it", "i don't want it anymore",
        "never mind", "nevermind", "forget it", "forget about it", "i changed my mind",
        "changed my mind", "not anymore", "i give up", "leave it",
    ],
    change: &["change", "reschedule", "move", "change time", "change booking"],
    my_bookings: &["my bookings", "my appointments", "my booking", "my appointment"],
    menu: &[
        "menu", "start over", "hi", "hello", "hey", "good morning", "good afternoon",
        "good evening", "main menu",
    ],
    hello: &[
        "hi", "hello", "hey", "good morning", "good afternoon", "good evening", "hi there",
        "hello there", "hey there", "howdy", "hiya", "greetings",
    ],
    hello_beside: &[
        "hi", "hello", "there", "again", "everyone", "team", "how", "are", "you", "good", "morning",
        "afternoon", "evening", "day", "folks", "all",
    ],
    leave: &[],
    back: &[
        "back", "go back", "my mistake", "i made a mistake", "wrong one", "oops", "wrong option",
        "i was wrong", "mistake", "i picked the wrong one", "previous", "undo", "return",
    ],
    person: &["person", "human", "agent", "help", "talk to a person"],
    yes: &[
        "yes", "y", "ok", "okay", "confirm", "👍", "yeah", "yep", "sure", "i confirm", "perfect",
        "book it", "go ahead", "sounds good", "great", "ok great", "that works", "works for me",
        "thats fine", "fine", "correct", "right", "thats right", "absolutely", "of course", "yup",
        "ya", "yess", "cool", "good", "alright", "all right", "confirmed", "do it", "lets do it",
        "book that", "yes book it", "please do", "that is correct", "looks good", "all good",
        "perfect thanks", "sure thing",
    ],
    yes_beside: &[
        "please", "thanks", "thank", "you", "it", "that", "great", "is", "good", "fine", "yes",
        "confirm", "book", "do", "works", "perfect", "go", "ahead", "lets", "for", "me", "looks",
        "sounds", "so", "much", "correct", "right", "ok",
    ],
    coming: &[
        "i will be there", "ill be there", "i'll be there", "will be there", "see you then",
        "see you there", "see you tomorrow", "i am coming", "i'm coming", "ill come",
        "confirmed ill be there",
    ],
    not_coming_in: &[
        "not coming", "cant come", "can't come", "cannot come", "can't make it", "cannot make it",
        "wont be there", "won't be there", "will not be there", "something came up", "cant go",
        "unable to come", "unable to make", "not able to come", "not able to make",
    ],
    no: &[
        "no", "n", "nope", "no thanks", "no thank you", "not really", "none", "none of them", "nah",
        "neither",
    ],
    thanks: &[
        "thanks", "thank you", "thank you very much", "thx", "great thanks", "ok thanks",
        "thanks a lot", "many thanks", "thank you so much", "cheers", "ty", "tks", "awesome thanks",
        "perfect thank you", "bye", "goodbye", "have a nice day", "good bye", "thanks bye",
    ],
    book: &["book", "new booking", "new appointment", "make a booking", "appointment"],
    more: &[
        "more", "more times", "other times", "show more", "next", "anything else", "other options",
        "more options", "others", "something else", "none of these", "none of those", "what else",
    ],
    first_free: &[
        "first free", "first available", "as soon as possible", "asap", "any time", "anytime",
        "whenever", "earliest", "soonest", "first one available", "next available",
        "soonest available", "any day", "any time works", "anytime works", "whatever is available",
        "earliest available", "as early as possible", "first opening",
    ],
    any_staff: &["anyone", "anybody", "any staff", "whoever", "no preference"],
    change_in: &[
        "change", "reschedule", "move", "postpone", "push back", "move it", "another day instead",
        "switch", "push it", "change my", "different day",
    ],
    cancel_in: &["cancel", "call off", "cancel it", "cancelling", "canceling", "remove my booking"],
    my_bookings_in: &[
        "my bookings", "my appointments", "my booking", "my appointment", "when is my",
        "what time is my", "do i have an appointment", "do i have a booking", "my reservation",
        "my reservations", "do i have anything booked",
    ],
    person_in: &[
        "talk to someone", "talk to somebody", "talk to a person", "speak to someone",
        "speak to a person", "speak with someone", "talk with someone", "a human", "real person",
        "an agent", "customer service", "the manager", "the owner", "running late",
        "i will be late", "ill be late", "a bit late", "representative", "someone from the team",
        "the team",
    ],
    talk_in: &["talk to", "speak to", "speak with", "talk with", "call me", "contact the salon"],
    book_in: &[
        "book", "booking", "appointment", "reserve", "schedule", "what do you offer",
        "your services", "which services", "what services", "what do you do", "services",
    ],
    price_in: &[
        "how much", "price", "prices", "cost", "costs", "price list", "how expensive", "charge",
        "rates", "pricing",
    ],
    address_in: &[
        "address", "where are you", "where is the salon", "where is it", "where is the shop",
        "your location", "how do i get there", "how to get there", "where do i go", "where are u",
        "directions",
    ],
    hours_in: &[
        "opening hours", "business hours", "working hours", "what time do you open",
        "what time do you close", "when do you open", "when do you close", "when are you open",
        "until what time", "are you open", "do you open", "you guys open", "your hours",
        "how late are you open", "hours of operation", "till what time",
    ],
    staff_in: &[
        "who works", "who is available", "with whom", "who can i book", "which staff",
        "who does it", "your team", "who do you have", "whos available", "who is there",
        "whos working", "with who",
    ],
    team_in: &[
        "card", "cards", "cash", "parking", "park", "discount", "promotion", "wifi", "pay",
        "payment", "voucher", "gift card",
    ],
    wait: &[
        "wait", "one moment", "one minute", "just a minute", "a minute", "one sec", "just a sec",
        "hold on", "let me check", "let me see", "let me think", "i will let you know",
        "ill let you know", "i don't know", "not sure", "i am not sure", "im not sure",
        "give me a minute", "brb",
    ],
    hours: &["hours", "open", "opening times", "schedule"],
    unwanted_in: &[
        "don't want", "dont want", "do not want", "no longer want", "don't need", "do not need",
    ],
    joining: &["and", "plus", "n"],
    or: &["or"],
    also_in: &["also", "too", "as well", "add"],
    without_in: &["without", "remove", "drop", "take out", "take off", "skip", "leave out"],
    numbers: &["two", "three", "four", "five", "six"],
    other_time_in: &[
        "another time", "other time", "change time", "different time", "another day",
        "other options", "more options", "none of", "later", "earlier", "something else",
        "wrong day", "wrong time", "not that day", "not that time", "anything else", "other days",
        "other times", "doesnt work", "does not work", "cant at", "can't make that", "i cant",
        "can't do", "cant do", "not possible",
    ],
    pick_beside: &[
        "i", "want", "would", "like", "id", "ill", "will", "take", "please", "lets", "let", "us",
        "go", "with", "for", "choose", "pick", "prefer", "then", "ok", "yes", "thanks", "thank",
        "you", "do", "can", "have", "get", "me", "give", "maybe", "sounds", "good", "that", "works",
        "perfect", "great", "number", "option", "choice",
    ],
    other_service_in: &[
        "wrong service", "another service", "different service", "other service",
        "change the service", "change service", "something different",
    ],
    see_you: &["see you", "until"],
    before_number: &["option", "number", "the", "choice", "nr"],
    ordinals: [
        &["first", "the first", "one", "first one", "the first one"],
        &["second", "the second", "two", "second one", "the second one"],
        &["third", "the third", "three", "third one", "the third one"],
        &["fourth", "the fourth", "four", "fourth one", "the fourth one"],
        &["fifth", "the fifth", "five", "fifth one", "the fifth one"],
        &["sixth", "the sixth", "six", "sixth one", "the sixth one"],
        &["seventh", "the seventh", "seven", "seventh one", "the seventh one"],
        &["eighth", "the eighth", "eight", "eighth one", "the eighth one"],
    ],
    ordinals_like_days: [
        &["1st", "the 1st"],
        &["2nd", "the 2nd"],
        &["3rd", "the 3rd"],
        &["4th", "the 4th"],
        &["5th", "the 5th"],
        &["6th", "the 6th"],
        &["7th", "the 7th"],
        &["8th", "the 8th"],
    ],
    last: &["last", "the last", "last one", "the last one"],
    with: &["with", "by"],
    filler: &[
        "a", "an", "the", "i", "want", "would", "like", "to", "for", "my", "and", "please", "book",
        "need", "get", "have", "do", "you", "can", "on", "at", "in", "with", "some", "is", "it",
        "hi", "hello", "of", "thing", "time", "last", "know", "from", "appointment",
    ],
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    weekdays_spoken: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    weekdays_short: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    months: [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ],
    months_short: [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ],
};
