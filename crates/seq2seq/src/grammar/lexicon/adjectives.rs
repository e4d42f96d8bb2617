//! Adjectives, with the French place and the nouns they suit.

use super::noun::{Tags, tags};

/// Where a French adjective stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before its noun: une petite maison.
    Before,
    /// After its noun: une maison rouge.
    After,
}

/// An adjective in both languages.
#[derive(Debug)]
pub struct Adjective {
    /// English.
    pub en: &'static str,
    /// English comparative, where irregular.
    pub en_comparative: &'static str,
    /// French masculine singular.
    pub fr: &'static str,
    /// French feminine singular, where irregular.
    pub fr_feminine: &'static str,
    /// French masculine singular before a vowel, where it differs (bel, vieil, nouvel).
    pub fr_before_vowel: &'static str,
    /// French comparative (meilleur, pire), where it is not formed with plus.
    pub fr_comparative: &'static str,
    /// Place in French.
    pub position: Position,
    /// The nouns it suits.
    pub suits: Tags,
    /// Whether it makes a comparative.
    pub gradable: bool,
    /// Whether it stands beside its noun (`a ready banana` does not).
    pub attributive: bool,
    /// Whether it is said after `be`.
    pub predicative: bool,
    /// Whether it is a state that comes and goes, so that it goes with often, yesterday and because.
    pub passing: bool,
}

impl Adjective {
    const fn feminine(mut self, form: &'static str) -> Self {
        self.fr_feminine = form;
        self
    }

    const fn before_vowel(mut self, form: &'static str) -> Self {
        self.fr_before_vowel = form;
        self
    }

    const fn comparative(mut self, en: &'static str, fr: &'static str) -> Self {
        self.en_comparative = en;
        self.fr_comparative = fr;
        self
    }

    const fn attributive_only(mut self) -> Self {
        self.predicative = false;
        self.gradable = false;
        self
    }

    const fn predicative_only(mut self) -> Self {
        self.attributive = false;
        self
    }

    const fn passing(mut self) -> Self {
        self.passing = true;
        self
    }

    const fn absolute(mut self) -> Self {
        self.gradable = false;
        self
    }
}

const fn before(en: &'static str, fr: &'static str, suits: Tags) -> Adjective {
    after_or_before(en, fr, suits, Position::Before)
}

const fn after(en: &'static str, fr: &'static str, suits: Tags) -> Adjective {
    after_or_before(en, fr, suits, Position::After)
}

const fn colour(en: &'static str, fr: &'static str) -> Adjective {
    after(en, fr, COLOURED).absolute()
}

const fn nationality(en: &'static str, fr: &'static str) -> Adjective {
    after(en, fr, tags::TRADE | tags::TEXT | tags::SHOW | tags::VEHICLE).absolute()
}

const fn after_or_before(en: &'static str, fr: &'static str, suits: Tags, position: Position) -> Adjective {
    Adjective {
        en,
        en_comparative: "",
        fr,
        fr_feminine: "",
        fr_before_vowel: "",
        fr_comparative: "",
        position,
        suits,
        gradable: true,
        attributive: true,
        predicative: true,
        passing: false,
    }
}

const OBJECT: Tags = tags::THING | tags::CLOTHING | tags::VEHICLE | tags::FURNITURE | tags::OPENING;
const COLOURED: Tags = tags::CLOTHING | tags::VEHICLE | tags::FURNITURE | tags::OPENING | tags::CONTAINER;
const LIVING: Tags = tags::PERSON | tags::ANIMAL;
const WORK: Tags = tags::TEXT | tags::IDEA | tags::SHOW;

/// The table.
pub const ADJECTIVES: &[Adjective] = &[
    before("small", "petit", OBJECT | tags::ANIMAL | tags::PLACE | tags::DISH | tags::OUTDOORS),
    before("big", "grand", OBJECT | tags::PLACE | tags::OUTDOORS),
    // `un grand homme` is a great man and `mon grand père` my grandfather: tall is said after be only.
    before("tall", "grand", tags::PERSON).predicative_only(),
    before("beautiful", "beau", tags::PERSON | OBJECT | tags::PLACE | tags::ANIMAL | tags::OUTDOORS | tags::MUSIC)
        .feminine("belle")
        .before_vowel("bel"),
    before("old", "vieux", LIVING | OBJECT | tags::BUILDING | tags::TEXT | tags::OUTDOORS | tags::MUSIC)
        .feminine("vieille")
        .before_vowel("vieil"),
    before("new", "nouveau", OBJECT | tags::BUILDING | tags::TEXT | tags::ABSTRACT)
        .feminine("nouvelle")
        .before_vowel("nouvel")
        .attributive_only(),
    before("good", "bon", tags::TRADE | tags::FOOD | tags::DRINK | WORK)
        .feminine("bonne")
        .comparative("better", "meilleur"),
    before("bad", "mauvais", tags::TRADE | WORK | tags::DRINK).comparative("worse", "pire"),
    before("young", "jeune", LIVING),
    before("pretty", "joli", OBJECT | tags::OUTDOORS | tags::MUSIC),
    before("long", "long", tags::TEXT | tags::SHOW).feminine("longue"),
    colour("red", "rouge"),
    colour("blue", "bleu"),
    colour("green", "vert"),
    colour("white", "blanc").feminine("blanche"),
    colour("black", "noir"),
    colour("yellow", "jaune"),
    colour("grey", "gris"),
    colour("brown", "brun"),
    nationality("French", "français"),
    nationality("English", "anglais"),
    nationality("Italian", "italien"),
    nationality("American", "américain"),
    after("heavy", "lourd", tags::THING | tags::FURNITURE),
    after("empty", "vide", tags::CONTAINER | tags::MEASURE | tags::INSIDE).absolute(),
    after("clean", "propre", OBJECT | tags::PLACE),
    after("dirty", "sale", OBJECT | tags::PLACE | tags::ANIMAL).passing(),
    after("broken", "cassé", tags::FRAGILE | tags::MACHINE).absolute(),
    after("expensive", "cher", tags::GOODS).feminine("chère"),
    after("modern", "moderne", tags::BUILDING | tags::MACHINE | tags::FURNITURE),
    after("open", "ouvert", tags::OPENING | tags::AT).absolute(),
    after("rich", "riche", tags::PERSON),
    after("poor", "pauvre", tags::PERSON),
    after("happy", "heureux", tags::PERSON).passing(),
    after("sad", "triste", LIVING | tags::MUSIC | tags::SHOW | tags::TEXT).passing(),
    after("tired", "fatigué", LIVING).passing(),
    after("sick", "malade", LIVING).passing(),
    after("intelligent", "intelligent", LIVING),
    after("kind", "gentil", tags::PERSON).feminine("gentille"),
    after("famous", "célèbre", tags::TRADE | tags::TEXT | tags::MUSIC | tags::BUILDING),
    after("strong", "fort", LIVING),
    after("proud", "fier", tags::PERSON).feminine("fière"),
    after("ready", "prêt", tags::PERSON).absolute().passing().predicative_only(),
    after("busy", "occupé", tags::PERSON).passing(),
    after("curious", "curieux", LIVING),
    after("shy", "timide", tags::PERSON),
    after("lazy", "paresseux", LIVING),
    after("serious", "sérieux", tags::PERSON | tags::IDEA),
    after("polite", "poli", tags::PERSON).passing(),
    after("nervous", "nerveux", LIVING).passing(),
    after("hot", "chaud", tags::MASS).absolute(),
    after("cold", "froid", tags::MASS).absolute(),
    after("fresh", "frais", tags::FOOD | tags::DRINK).feminine("fraîche"),
    after("delicious", "délicieux", tags::FOOD | tags::DRINK).absolute(),
    after("interesting", "intéressant", WORK | tags::PERSON),
    after("boring", "ennuyeux", WORK | tags::PERSON),
    after("difficult", "difficile", tags::IDEA | tags::TEXT),
    after("easy", "facile", tags::IDEA),
    after("important", "important", tags::IDEA | tags::PERSON | tags::TEXT),
    after("useful", "utile", tags::THING | tags::IDEA | tags::ANIMAL),
    after("dangerous", "dangereux", tags::ANIMAL | tags::OUTDOORS | tags::VEHICLE),
    after("strange", "étrange", WORK | tags::PERSON | tags::ANIMAL),
];
