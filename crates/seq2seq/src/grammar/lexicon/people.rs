//! People and animals.

use super::noun::{Noun, Tags, tags};
use crate::grammar::features::Gender::{self, Feminine as F, Masculine as M};

const fn person(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::PERSON)
}

const fn kin(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::PERSON | tags::KIN)
}

const fn trade(en: &'static str, fr: &'static str, gender: Gender, counterpart: &'static str) -> Noun {
    const TRADE: Tags = tags::PERSON | tags::TRADE;
    Noun::new(en, fr, gender, TRADE).counterpart(counterpart)
}

const fn animal(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::ANIMAL)
}

/// The table.
pub const NOUNS: &[Noun] = &[
    person("man", "homme", M).plural_en("men"),
    person("woman", "femme", F).plural_en("women"),
    person("boy", "garçon", M),
    person("girl", "fille", F),
    person("child", "enfant", M).plural_en("children").also(tags::ACQUAINTANCE),
    person("friend", "ami", M).also(tags::ACQUAINTANCE),
    person("neighbour", "voisin", M).also(tags::ACQUAINTANCE),
    person("guest", "invité", M).also(tags::ACQUAINTANCE),
    person("hero", "héros", M).plural_en("heroes"),
    person("tourist", "touriste", M),
    person("king", "roi", M).also(tags::UNIQUE),
    person("queen", "reine", F).also(tags::UNIQUE),
    person("prince", "prince", M),
    person("princess", "princesse", F),
    kin("brother", "frère", M),
    kin("sister", "sœur", F),
    kin("mother", "mère", F).also(tags::UNIQUE),
    kin("father", "père", M).also(tags::UNIQUE),
    kin("uncle", "oncle", M),
    kin("aunt", "tante", F),
    kin("cousin", "cousin", M),
    kin("grandmother", "grand-mère", F).plural_fr("grands-mères"),
    kin("grandfather", "grand-père", M).plural_fr("grands-pères"),
    kin("husband", "mari", M).also(tags::UNIQUE),
    kin("wife", "femme", F).plural_en("wives").also(tags::UNIQUE),
    kin("son", "fils", M),
    kin("daughter", "fille", F),
    trade("teacher", "professeur", M, "professeure").also(tags::ACQUAINTANCE),
    trade("doctor", "médecin", M, "").also(tags::ACQUAINTANCE),
    trade("student", "étudiant", M, "étudiante"),
    trade("farmer", "fermier", M, "fermière"),
    trade("baker", "boulanger", M, "boulangère"),
    trade("nurse", "infirmière", F, "infirmier"),
    trade("singer", "chanteur", M, "chanteuse"),
    trade("actor", "acteur", M, "actrice"),
    trade("soldier", "soldat", M, "soldate"),
    trade("lawyer", "avocat", M, "avocate").also(tags::ACQUAINTANCE),
    trade("engineer", "ingénieur", M, "ingénieure"),
    trade("waiter", "serveur", M, "serveuse"),
    trade("policeman", "policier", M, "policière").plural_en("policemen"),
    trade("writer", "écrivain", M, "écrivaine"),
    trade("painter", "peintre", M, ""),
    trade("musician", "musicien", M, "musicienne"),
    trade("dentist", "dentiste", M, "").also(tags::ACQUAINTANCE),
    trade("cook", "cuisinier", M, "cuisinière"),
    trade("journalist", "journaliste", M, ""),
    animal("dog", "chien", M),
    animal("cat", "chat", M),
    animal("horse", "cheval", M),
    animal("cow", "vache", F),
    animal("bird", "oiseau", M).also(tags::WILD),
    animal("rabbit", "lapin", M),
    animal("mouse", "souris", F).plural_en("mice").also(tags::WILD),
    animal("pig", "cochon", M),
    animal("duck", "canard", M),
    animal("hen", "poule", F),
    animal("lion", "lion", M).also(tags::WILD),
    animal("monkey", "singe", M).also(tags::WILD),
    animal("wolf", "loup", M).plural_en("wolves").also(tags::WILD),
    animal("bear", "ours", M).also(tags::WILD),
    animal("elephant", "éléphant", M).also(tags::WILD),
    animal("owl", "hibou", M).plural_fr("hiboux").also(tags::WILD),
    animal("hamster", "hamster", M),
    animal("goat", "chèvre", F),
];
