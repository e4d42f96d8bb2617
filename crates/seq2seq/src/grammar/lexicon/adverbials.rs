//! Adverbs and fixed phrases of time, place, frequency and manner, and the words that open questions and clauses.

/// The times with which a phrase goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// The past only: yesterday.
    Past,
    /// The future only: tomorrow.
    Future,
    /// Either, as the verb says: on Monday.
    PastOrFuture,
    /// What is going on: now.
    Now,
    /// What happens again and again: every day.
    Habit,
}

/// A fixed phrase in both languages.
#[derive(Debug)]
pub struct Phrase {
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
}

const fn phrase(en: &'static str, fr: &'static str) -> Phrase {
    Phrase { en, fr }
}

/// A phrase of time.
#[derive(Debug)]
pub struct TimePhrase {
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
    /// The times with which it goes.
    pub period: Period,
}

const fn time(en: &'static str, fr: &'static str, period: Period) -> TimePhrase {
    TimePhrase { en, fr, period }
}

/// Phrases of time.
pub const TIMES: &[TimePhrase] = &[
    time("yesterday", "hier", Period::Past),
    time("last night", "hier soir", Period::Past),
    time("yesterday morning", "hier matin", Period::Past),
    time("last week", "la semaine dernière", Period::Past),
    time("last month", "le mois dernier", Period::Past),
    time("last year", "l'année dernière", Period::Past),
    time("last summer", "l'été dernier", Period::Past),
    time("this morning", "ce matin", Period::Past),
    time("on Monday", "lundi", Period::PastOrFuture),
    time("on Tuesday", "mardi", Period::PastOrFuture),
    time("on Wednesday", "mercredi", Period::PastOrFuture),
    time("on Thursday", "jeudi", Period::PastOrFuture),
    time("on Friday", "vendredi", Period::PastOrFuture),
    time("on Saturday", "samedi", Period::PastOrFuture),
    time("on Sunday", "dimanche", Period::PastOrFuture),
    time("today", "aujourd'hui", Period::PastOrFuture),
    time("tomorrow", "demain", Period::Future),
    time("tomorrow morning", "demain matin", Period::Future),
    time("next week", "la semaine prochaine", Period::Future),
    time("next month", "le mois prochain", Period::Future),
    time("next year", "l'année prochaine", Period::Future),
    time("tonight", "ce soir", Period::Future),
    time("soon", "bientôt", Period::Future),
    time("now", "maintenant", Period::Now),
    time("at the moment", "en ce moment", Period::Now),
    time("every day", "tous les jours", Period::Habit),
    time("every morning", "tous les matins", Period::Habit),
    time("every Sunday", "tous les dimanches", Period::Habit),
    time("in winter", "en hiver", Period::Habit),
    time("in summer", "en été", Period::Habit),
];

/// A unit of time, for `three days ago` and `in two weeks`.
#[derive(Debug)]
pub struct Span {
    /// English singular.
    pub en: &'static str,
    /// French singular.
    pub fr: &'static str,
    /// Whether the French word is feminine.
    pub feminine: bool,
}

/// Units of time.
pub const SPANS: &[Span] = &[
    Span { en: "day", fr: "jour", feminine: false },
    Span { en: "week", fr: "semaine", feminine: true },
    Span { en: "month", fr: "mois", feminine: false },
    Span { en: "year", fr: "an", feminine: false },
    Span { en: "hour", fr: "heure", feminine: true },
];

/// Full hours of the clock that are used.
pub const CLOCK_HOURS: std::ops::RangeInclusive<u32> = 1..=11;

/// Places named by one fixed phrase.
pub const FIXED_PLACES: &[Phrase] = &[
    phrase("here", "ici"),
    phrase("at home", "à la maison"),
    phrase("outside", "dehors"),
    phrase("upstairs", "en haut"),
    phrase("downstairs", "en bas"),
    phrase("abroad", "à l'étranger"),
    phrase("in the countryside", "à la campagne"),
    phrase("at the seaside", "au bord de la mer"),
];

/// An adverb of frequency, in the middle of the clause.
#[derive(Debug)]
pub struct Frequency {
    /// English.
    pub en: &'static str,
    /// French, after the finite verb.
    pub fr: &'static str,
    /// Whether it is also used under `not`.
    pub under_negation: bool,
}

const fn frequency(en: &'static str, fr: &'static str, under_negation: bool) -> Frequency {
    Frequency { en, fr, under_negation }
}

/// Adverbs of frequency.
pub const FREQUENCIES: &[Frequency] = &[
    frequency("always", "toujours", true),
    frequency("often", "souvent", true),
    frequency("sometimes", "parfois", false),
    frequency("rarely", "rarement", false),
];

/// An adverb of manner, at the end of the English clause.
#[derive(Debug)]
pub struct Manner {
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
    /// Whether it precedes a French participle: il a bien dormi, but il a couru vite.
    pub before_participle: bool,
}

const fn manner(en: &'static str, fr: &'static str, before_participle: bool) -> Manner {
    Manner { en, fr, before_participle }
}

/// Adverbs of manner, with the bit by which a verb licenses each: entry `i` is bit `1 << i`.
pub const MANNERS: &[Manner] = &[
    manner("well", "bien", true),
    manner("a lot", "beaucoup", true),
    manner("too much", "trop", true),
    manner("fast", "vite", false),
    manner("slowly", "lentement", false),
];

/// What the weather does: verbs of the impersonal `it`, in present, past and future.
pub const SKIES: &[[&str; 6]] = &[
    ["is raining", "il pleut", "rained", "il a plu", "will rain", "il pleuvra"],
    ["is snowing", "il neige", "snowed", "il a neigé", "will snow", "il neigera"],
    ["is cold", "il fait froid", "was cold", "il faisait froid", "will be cold", "il fera froid"],
    ["is hot", "il fait chaud", "was hot", "il faisait chaud", "will be hot", "il fera chaud"],
    ["is sunny", "il fait beau", "was sunny", "il faisait beau", "will be sunny", "il fera beau"],
];

/// Adverbs that open a question.
pub const WH_ADVERBS: &[Phrase] =
    &[phrase("where", "où"), phrase("when", "quand"), phrase("why", "pourquoi"), phrase("how", "comment")];

/// Words that join clauses, and the pronouns of questions and relative clauses.
pub const SUBORDINATORS: &[Phrase] = &[
    phrase("that", "que"),
    phrase("because", "parce que"),
    phrase("who", "qui"),
    phrase("what", "que"),
    phrase("than", "que"),
    phrase("and", "et"),
    phrase("but", "mais"),
];
