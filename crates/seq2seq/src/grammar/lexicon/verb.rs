//! The entry of a verb, and the verbs that govern another: modals, catenatives and idioms with avoir.

use super::noun::{Tags, tags};

/// How the passé composé is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auxiliary {
    /// With avoir; the participle agrees with a preceding direct object.
    Avoir,
    /// With être; the participle agrees with the subject.
    Etre,
    /// With être and a reflexive pronoun; the participle agrees with the subject.
    Reflexive,
}

/// What a verb takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// No object.
    Intransitive,
    /// No object, and a place to which: aller au parc.
    Motion,
    /// A direct object: voir le chien, le voir.
    Direct,
    /// An object with à in French: parler au médecin, lui parler.
    Indirect,
    /// An object with de in French that is never a pronoun here: parler du livre.
    About,
    /// A direct object and a recipient: donner le livre à Paul.
    Dative,
    /// No object, and a place where: rester au parc.
    Located,
    /// A language, without article: parler français.
    Language,
}

/// A verb in both languages.
#[derive(Debug)]
pub struct Verb {
    /// English base form; only its first word inflects (`look for`).
    pub en: &'static str,
    /// English simple past of the first word, where irregular.
    pub en_past: &'static str,
    /// French infinitive, without the reflexive pronoun; only its first word inflects (`avoir besoin`).
    pub fr: &'static str,
    /// Auxiliary of the passé composé.
    pub auxiliary: Auxiliary,
    /// What it takes.
    pub frame: Frame,
    /// Sorts of its subject.
    pub subjects: Tags,
    /// Sorts of its object.
    pub objects: Tags,
    /// Whether it is a state: no progressive, past in the imparfait.
    pub stative: bool,
    /// Whether it has no English progressive though it is no state (`see`, `lose`).
    pub momentary: bool,
    /// Whether it lasts, so that one begins to do it.
    pub lasting: bool,
    /// Whether one learns to do it.
    pub skill: bool,
    /// Adverbs of manner that it takes, bit `1 << i` for entry `i` of the table.
    pub manners: u8,
    /// Whether its object may be generic: I like coffee, j'aime le café.
    pub generic: bool,
}

impl Verb {
    /// With an irregular English past.
    pub const fn past(mut self, past: &'static str) -> Self {
        self.en_past = past;
        self
    }

    /// A state rather than an event.
    pub const fn state(mut self) -> Self {
        self.stative = true;
        self
    }

    /// An event without a progressive.
    pub const fn moment(mut self) -> Self {
        self.momentary = true;
        self
    }

    /// Something that lasts.
    pub const fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// Something that lasts and is learnt.
    pub const fn skill(mut self) -> Self {
        self.skill = true;
        self.lasting()
    }

    /// With être in the passé composé.
    pub const fn with_etre(mut self) -> Self {
        self.auxiliary = Auxiliary::Etre;
        self
    }

    /// With adverbs of manner.
    pub const fn manners(mut self, manners: u8) -> Self {
        self.manners = manners;
        self
    }

    /// With further sorts of subject.
    pub const fn subjects(mut self, subjects: Tags) -> Self {
        self.subjects = subjects;
        self
    }

    /// With a generic object.
    pub const fn generic(mut self) -> Self {
        self.generic = true;
        self
    }

    /// Whether the English past is spelt as the base (`read`), so that a bare form does not show the tense.
    pub fn hides_tense(&self) -> bool {
        !self.en_past.is_empty() && self.en.split(' ').next() == Some(self.en_past)
    }
}

/// A verb of one frame, with people as subjects.
pub const fn verb(en: &'static str, fr: &'static str, frame: Frame, objects: Tags) -> Verb {
    Verb {
        en,
        en_past: "",
        fr,
        auxiliary: Auxiliary::Avoir,
        frame,
        subjects: tags::PERSON,
        objects,
        stative: false,
        momentary: false,
        lasting: false,
        skill: false,
        manners: 0,
        generic: false,
    }
}

/// All verbs, in the order of the tables.
pub fn verbs() -> impl Iterator<Item = &'static Verb> + Clone {
    super::verbs_of_action::VERBS.iter().chain(super::verbs_of_life::VERBS)
}

/// The English modal verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modal {
    /// `can`: pouvoir.
    Can,
    /// `must`: devoir.
    Must,
}

impl Modal {
    /// Every modal.
    pub const ALL: [Self; 2] = [Self::Can, Self::Must];

    /// English form.
    pub const fn english(self) -> &'static str {
        match self {
            Self::Can => "can",
            Self::Must => "must",
        }
    }

    /// French infinitive.
    pub const fn french(self) -> &'static str {
        match self {
            Self::Can => "pouvoir",
            Self::Must => "devoir",
        }
    }
}

/// A verb that takes an infinitive: want to, try to.
#[derive(Debug)]
pub struct Catenative {
    /// English base form, without `to`.
    pub en: &'static str,
    /// English past, where irregular.
    pub en_past: &'static str,
    /// French infinitive.
    pub fr: &'static str,
    /// French word before the infinitive that follows: empty, à or de.
    pub link: &'static str,
    /// Whether its past is the imparfait.
    pub stative: bool,
}

const fn catenative(
    en: &'static str,
    past: &'static str,
    fr: &'static str,
    link: &'static str,
    stative: bool,
) -> Catenative {
    Catenative { en, en_past: past, fr, link, stative }
}

/// Verbs that take an infinitive.
pub const CATENATIVES: &[Catenative] = &[
    catenative("want", "", "vouloir", "", true),
    catenative("have", "had", "devoir", "", false),
    catenative("hope", "", "espérer", "", true),
    catenative("try", "", "essayer", "de", false),
    catenative("decide", "", "décider", "de", false),
    catenative("forget", "forgot", "oublier", "de", false),
    catenative("begin", "began", "commencer", "à", false),
    catenative("learn", "", "apprendre", "à", false),
];

/// `be` and an adjective that French says with avoir and a noun: be hungry, avoir faim.
#[derive(Debug)]
pub struct Idiom {
    /// English adjective.
    pub en: &'static str,
    /// French noun.
    pub fr: &'static str,
}

const fn idiom(en: &'static str, fr: &'static str) -> Idiom {
    Idiom { en, fr }
}

/// The idioms with avoir.
pub const IDIOMS: &[Idiom] = &[
    idiom("hungry", "faim"),
    idiom("thirsty", "soif"),
    idiom("cold", "froid"),
    idiom("hot", "chaud"),
    idiom("afraid", "peur"),
    idiom("sleepy", "sommeil"),
    idiom("right", "raison"),
    idiom("wrong", "tort"),
];
