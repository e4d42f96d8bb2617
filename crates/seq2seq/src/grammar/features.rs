//! Grammatical features shared by both languages: gender, number, person, tense and polarity.

/// French grammatical gender; English shows it only in `he` and `she`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// Masculine.
    Masculine,
    /// Feminine.
    Feminine,
}

/// Grammatical number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Singular.
    Singular,
    /// Plural.
    Plural,
}

/// Grammatical person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// The speaker.
    First,
    /// The person spoken to, always `vous` in French.
    Second,
    /// Anybody or anything else.
    Third,
}

/// What a verb, a participle or an adjective agrees with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Person.
    pub person: Person,
    /// Number; the polite `vous` is singular here and still takes the second person plural of the verb.
    pub number: Number,
    /// Gender.
    pub gender: Gender,
}

impl Agreement {
    /// The third person of `number` and `gender`.
    pub const fn third(number: Number, gender: Gender) -> Self {
        Self { person: Person::Third, number, gender }
    }

    /// The row of the French conjugation tables: je, il, nous, vous, ils (`tu` is never used).
    pub const fn french_row(self) -> usize {
        match (self.person, self.number) {
            (Person::First, Number::Singular) => 0,
            (Person::Third, Number::Singular) => 1,
            (Person::First, Number::Plural) => 2,
            (Person::Second, _) => 3,
            (Person::Third, Number::Plural) => 4,
        }
    }

    /// Whether English marks the present with `-s`.
    pub const fn is_third_singular(self) -> bool {
        matches!((self.person, self.number), (Person::Third, Number::Singular))
    }
}

/// When the clause holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// Present, in French always the simple present.
    Present,
    /// Simple past; in French the passé composé, or the imparfait for verbs of state.
    Past,
    /// `will`, in French the futur simple.
    Will,
    /// `going to`, in French aller and the infinitive.
    GoingTo,
}

/// Whether and how the clause is negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// Affirmative.
    Positive,
    /// `not`: ne … pas.
    Not,
    /// `never`: ne … jamais.
    Never,
    /// `no longer`: ne … plus.
    NoLonger,
    /// The object is `nothing`: ne … rien.
    Nothing,
}

impl Polarity {
    /// The second half of the French negation, `None` where the clause is affirmative.
    pub const fn french(self) -> Option<&'static str> {
        match self {
            Self::Positive => None,
            Self::Not => Some("pas"),
            Self::Never => Some("jamais"),
            Self::NoLonger => Some("plus"),
            Self::Nothing => Some("rien"),
        }
    }

    /// Whether the clause is negated.
    pub fn is_negative(self) -> bool {
        self != Self::Positive
    }
}
