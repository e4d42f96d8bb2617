//! Texts, things, clothes, vehicles, furniture and abstract objects.

use super::noun::{Noun, tags};
use crate::grammar::features::Gender::{self, Feminine as F, Masculine as M};

const fn text(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::TEXT)
}

const fn thing(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::THING)
}

const fn clothing(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::CLOTHING)
}

const fn vehicle(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::VEHICLE | tags::MACHINE)
}

const fn furniture(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::FURNITURE)
}

const fn idea(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::ABSTRACT | tags::IDEA)
}

/// The table.
pub const NOUNS: &[Noun] = &[
    text("book", "livre", M).also(tags::WRITTEN),
    text("letter", "lettre", F).also(tags::WRITTEN | tags::OPENABLE),
    text("newspaper", "journal", M),
    text("magazine", "magazine", M),
    text("poem", "poème", M).also(tags::WRITTEN | tags::IDEA | tags::LEARNT),
    text("novel", "roman", M).also(tags::WRITTEN),
    text("story", "histoire", F).also(tags::WRITTEN | tags::IDEA | tags::TOLD),
    text("message", "message", M).also(tags::WRITTEN | tags::IDEA),
    text("article", "article", M).also(tags::WRITTEN | tags::IDEA),
    thing("key", "clé", F),
    thing("bag", "sac", M).also(tags::OPENABLE | tags::CONTAINER),
    thing("box", "boîte", F).also(tags::OPENABLE | tags::CONTAINER),
    thing("cup", "tasse", F).also(tags::FRAGILE | tags::MEASURE),
    thing("glass", "verre", M).also(tags::FRAGILE | tags::MEASURE),
    thing("bottle", "bouteille", F).also(tags::FRAGILE | tags::MEASURE | tags::OPENABLE),
    thing("plate", "assiette", F).also(tags::FRAGILE),
    thing("knife", "couteau", M).plural_en("knives"),
    thing("fork", "fourchette", F),
    thing("spoon", "cuillère", F),
    thing("pen", "stylo", M),
    thing("pencil", "crayon", M),
    thing("umbrella", "parapluie", M).also(tags::OPENABLE),
    thing("telephone", "téléphone", M).also(tags::MACHINE),
    thing("computer", "ordinateur", M).also(tags::MACHINE),
    thing("watch", "montre", F).also(tags::FRAGILE | tags::MACHINE),
    thing("ring", "bague", F),
    thing("flower", "fleur", F),
    thing("ball", "ballon", M),
    thing("toy", "jouet", M).also(tags::FRAGILE),
    thing("gift", "cadeau", M).also(tags::OPENABLE),
    thing("suitcase", "valise", F).also(tags::OPENABLE | tags::CONTAINER),
    thing("ticket", "billet", M),
    thing("photo", "photo", F),
    thing("painting", "tableau", M),
    thing("map", "carte", F),
    thing("lamp", "lampe", F).also(tags::FRAGILE | tags::MACHINE),
    thing("mirror", "miroir", M).also(tags::FRAGILE),
    thing("clock", "horloge", F).also(tags::MACHINE | tags::FRAGILE),
    thing("guitar", "guitare", F),
    thing("radio", "radio", F).also(tags::MACHINE),
    thing("coin", "pièce", F),
    thing("stamp", "timbre", M),
    thing("basket", "panier", M).also(tags::CONTAINER),
    thing("candle", "bougie", F),
    thing("blanket", "couverture", F),
    thing("notebook", "cahier", M).also(tags::OPENABLE),
    thing("dictionary", "dictionnaire", M),
    thing("ladder", "échelle", F),
    clothing("dress", "robe", F),
    clothing("shirt", "chemise", F),
    clothing("coat", "manteau", M),
    clothing("hat", "chapeau", M),
    clothing("shoe", "chaussure", F),
    clothing("skirt", "jupe", F),
    clothing("jacket", "veste", F),
    clothing("scarf", "écharpe", F).plural_en("scarves"),
    clothing("tie", "cravate", F),
    clothing("sweater", "pull", M),
    vehicle("car", "voiture", F).also(tags::DRIVEN),
    vehicle("bicycle", "vélo", M),
    vehicle("boat", "bateau", M),
    vehicle("truck", "camion", M).also(tags::DRIVEN),
    vehicle("plane", "avion", M),
    vehicle("motorbike", "moto", F).also(tags::DRIVEN),
    furniture("table", "table", F).also(tags::SURFACE),
    furniture("chair", "chaise", F).also(tags::SURFACE),
    furniture("bed", "lit", M).also(tags::SURFACE),
    furniture("shelf", "étagère", F).plural_en("shelves").also(tags::SURFACE),
    furniture("sofa", "canapé", M).also(tags::SURFACE),
    furniture("armchair", "fauteuil", M).also(tags::SURFACE),
    furniture("cupboard", "placard", M).also(tags::OPENABLE | tags::CONTAINER),
    Noun::new("door", "porte", F, tags::OPENING | tags::OPENABLE),
    Noun::new("window", "fenêtre", F, tags::OPENING | tags::OPENABLE | tags::FRAGILE),
    Noun::new("tree", "arbre", M, tags::OUTDOORS),
    idea("question", "question", F),
    idea("answer", "réponse", F),
    idea("idea", "idée", F),
    idea("problem", "problème", M),
    idea("lesson", "leçon", F).also(tags::LEARNT),
    idea("word", "mot", M).also(tags::LEARNT),
    idea("name", "nom", M).also(tags::LEARNT),
    idea("secret", "secret", M).also(tags::TOLD),
    idea("dream", "rêve", M).also(tags::TOLD),
    idea("plan", "projet", M),
    idea("rule", "règle", F).also(tags::LEARNT),
    Noun::new("song", "chanson", F, tags::ABSTRACT | tags::MUSIC | tags::WRITTEN | tags::LEARNT),
    Noun::new("film", "film", M, tags::ABSTRACT | tags::SHOW),
    Noun::new("match", "match", M, tags::ABSTRACT | tags::SHOW),
];
