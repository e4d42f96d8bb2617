//! Nouns and the semantic tags by which verbs and adjectives choose them.

use crate::grammar::features::Gender;

/// A set of semantic tags, one bit each (see [`tags`]).
pub type Tags = u64;

/// The semantic tags: the first dozen sort every noun, the rest say what can be done with it.
pub mod tags {
    use super::Tags;
    /// A human being.
    pub const PERSON: Tags = 1;
    /// An animal.
    pub const ANIMAL: Tags = 1 << 1;
    /// Food that is counted.
    pub const DISH: Tags = 1 << 2;
    /// Food that is not counted.
    pub const FOODSTUFF: Tags = 1 << 3;
    /// Drink.
    pub const DRINK: Tags = 1 << 4;
    /// Something to read.
    pub const TEXT: Tags = 1 << 5;
    /// A thing that is carried about.
    pub const THING: Tags = 1 << 6;
    /// Clothing.
    pub const CLOTHING: Tags = 1 << 7;
    /// A vehicle.
    pub const VEHICLE: Tags = 1 << 8;
    /// Furniture.
    pub const FURNITURE: Tags = 1 << 9;
    /// A building, or a place one goes to.
    pub const PLACE: Tags = 1 << 10;
    /// An idea, a question, a song.
    pub const ABSTRACT: Tags = 1 << 11;
    /// A door or a window.
    pub const OPENING: Tags = 1 << 12;
    /// One is *in* it (`dans`).
    pub const INSIDE: Tags = 1 << 13;
    /// One is *at* it (`à`).
    pub const AT: Tags = 1 << 14;
    /// It opens and closes.
    pub const OPENABLE: Tags = 1 << 15;
    /// It breaks.
    pub const FRAGILE: Tags = 1 << 16;
    /// Something lies on or under it.
    pub const SURFACE: Tags = 1 << 17;
    /// Something lies in it.
    pub const CONTAINER: Tags = 1 << 18;
    /// A trade or an occupation (`she is a doctor`).
    pub const TRADE: Tags = 1 << 19;
    /// A relative: takes a possessive rather than an article.
    pub const KIN: Tags = 1 << 20;
    /// Understood, explained or forgotten.
    pub const IDEA: Tags = 1 << 21;
    /// Listened to or sung.
    pub const MUSIC: Tags = 1 << 22;
    /// A machine that breaks down and is repaired.
    pub const MACHINE: Tags = 1 << 23;
    /// Drink is measured by it (`a glass of water`).
    pub const MEASURE: Tags = 1 << 24;
    /// Watched.
    pub const SHOW: Tags = 1 << 25;
    /// Written.
    pub const WRITTEN: Tags = 1 << 26;
    /// Built.
    pub const BUILDING: Tags = 1 << 27;
    /// Told, as a story or a secret is.
    pub const TOLD: Tags = 1 << 28;
    /// Stands outdoors (a tree), so neither carried nor owned.
    pub const OUTDOORS: Tags = 1 << 29;
    /// One has only one of them, or there is only one: no plural, no indefinite article.
    pub const UNIQUE: Tags = 1 << 30;
    /// Part of a home, or a workplace: cleaned.
    pub const ROOM: Tags = 1 << 31;
    /// Somebody one may call one's own: my friend, my doctor.
    pub const ACQUAINTANCE: Tags = 1 << 32;
    /// Learnt by heart or in class.
    pub const LEARNT: Tags = 1 << 33;
    /// Outdoors, where animals are.
    pub const NATURE: Tags = 1 << 34;
    /// A place in which one lives.
    pub const DWELLING: Tags = 1 << 35;
    /// A wild animal, or one that nobody keeps.
    pub const WILD: Tags = 1 << 36;
    /// A vehicle that one drives.
    pub const DRIVEN: Tags = 1 << 37;
    /// Food of either kind.
    pub const FOOD: Tags = DISH | FOODSTUFF;
    /// Whatever is never counted.
    pub const MASS: Tags = FOODSTUFF | DRINK;
    /// Whatever is bought and sold.
    pub const GOODS: Tags = TEXT | THING | CLOTHING | VEHICLE | FURNITURE | DISH;
    /// Whatever one can see.
    pub const VISIBLE: Tags = PERSON | ANIMAL | GOODS | BUILDING | OUTDOORS;
}

/// A noun in both languages.
#[derive(Debug)]
pub struct Noun {
    /// English singular.
    pub en: &'static str,
    /// English plural, where irregular.
    pub en_plural: &'static str,
    /// French singular.
    pub fr: &'static str,
    /// French plural, where irregular.
    pub fr_plural: &'static str,
    /// French form of the other gender, for trades that have one (étudiant, étudiante).
    pub fr_counterpart: &'static str,
    /// French gender.
    pub gender: Gender,
    /// Semantic tags.
    pub tags: Tags,
}

impl Noun {
    /// A regular noun.
    pub const fn new(en: &'static str, fr: &'static str, gender: Gender, tags: Tags) -> Self {
        Self { en, en_plural: "", fr, fr_plural: "", fr_counterpart: "", gender, tags }
    }

    /// With an irregular English plural.
    pub const fn plural_en(mut self, plural: &'static str) -> Self {
        self.en_plural = plural;
        self
    }

    /// With an irregular French plural.
    pub const fn plural_fr(mut self, plural: &'static str) -> Self {
        self.fr_plural = plural;
        self
    }

    /// With a form of the other gender.
    pub const fn counterpart(mut self, form: &'static str) -> Self {
        self.fr_counterpart = form;
        self
    }

    /// With further tags.
    pub const fn also(mut self, tags: Tags) -> Self {
        self.tags |= tags;
        self
    }

    /// Whether the noun has any of `tags`.
    pub const fn is(&self, tags: Tags) -> bool {
        self.tags & tags != 0
    }
}

/// All nouns, in the order of the tables.
pub fn nouns() -> impl Iterator<Item = &'static Noun> + Clone {
    const TABLES: [&[Noun]; 4] =
        [super::people::NOUNS, super::food::NOUNS, super::objects::NOUNS, super::places::NOUNS];
    TABLES.into_iter().flatten()
}
