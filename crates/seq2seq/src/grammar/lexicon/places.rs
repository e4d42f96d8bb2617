//! Places and buildings, with the preposition they take: `in` and `dans`, or `at` and `à`.

use super::noun::{Noun, tags};
use crate::grammar::features::Gender::{self, Feminine as F, Masculine as M};

const fn inside(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::PLACE | tags::INSIDE)
}

const fn at(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::PLACE | tags::AT | tags::BUILDING)
}

/// The table.
pub const NOUNS: &[Noun] = &[
    inside("house", "maison", F).also(tags::BUILDING | tags::ROOM).also(tags::DWELLING),
    inside("garden", "jardin", M).also(tags::NATURE),
    inside("kitchen", "cuisine", F).also(tags::ROOM | tags::UNIQUE),
    inside("bedroom", "chambre", F).also(tags::ROOM),
    inside("park", "parc", M).also(tags::NATURE),
    inside("village", "village", M).also(tags::DWELLING),
    inside("city", "ville", F).also(tags::DWELLING),
    inside("street", "rue", F),
    inside("forest", "forêt", F).also(tags::NATURE),
    Noun::new("mountain", "montagne", F, tags::OUTDOORS),
    inside("field", "champ", M).also(tags::NATURE),
    inside("garage", "garage", M).also(tags::ROOM | tags::UNIQUE),
    inside("living room", "salon", M).also(tags::ROOM | tags::UNIQUE),
    inside("castle", "château", M).also(tags::BUILDING).also(tags::DWELLING),
    inside("church", "église", F).also(tags::BUILDING),
    inside("shop", "magasin", M).also(tags::BUILDING),
    inside("bakery", "boulangerie", F).also(tags::BUILDING),
    inside("office", "bureau", M).also(tags::ROOM),
    inside("factory", "usine", F).also(tags::BUILDING),
    at("school", "école", F),
    at("station", "gare", F),
    at("market", "marché", M),
    at("restaurant", "restaurant", M),
    at("cinema", "cinéma", M),
    at("theatre", "théâtre", M),
    at("museum", "musée", M),
    at("library", "bibliothèque", F),
    at("hospital", "hôpital", M),
    at("hotel", "hôtel", M),
    at("airport", "aéroport", M),
    at("bank", "banque", F),
    at("university", "université", F),
    at("farm", "ferme", F).also(tags::NATURE),
    Noun::new("beach", "plage", F, tags::PLACE | tags::AT | tags::OUTDOORS),
    Noun::new("bridge", "pont", M, tags::OUTDOORS | tags::BUILDING),
    Noun::new("river", "rivière", F, tags::OUTDOORS),
    Noun::new("lake", "lac", M, tags::OUTDOORS),
];
