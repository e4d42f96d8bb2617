//! Food and drink.

use super::noun::{Noun, tags};
use crate::grammar::features::Gender::{self, Feminine as F, Masculine as M};

const fn dish(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::DISH)
}

const fn food(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::FOODSTUFF)
}

const fn drink(en: &'static str, fr: &'static str, gender: Gender) -> Noun {
    Noun::new(en, fr, gender, tags::DRINK)
}

/// The table.
pub const NOUNS: &[Noun] = &[
    dish("apple", "pomme", F),
    dish("pear", "poire", F),
    dish("orange", "orange", F),
    dish("banana", "banane", F),
    dish("egg", "œuf", M),
    dish("cake", "gâteau", M),
    dish("carrot", "carotte", F),
    dish("tomato", "tomate", F).plural_en("tomatoes"),
    dish("potato", "pomme de terre", F).plural_en("potatoes").plural_fr("pommes de terre"),
    dish("onion", "oignon", M),
    dish("strawberry", "fraise", F),
    dish("cherry", "cerise", F),
    dish("lemon", "citron", M),
    dish("sandwich", "sandwich", M),
    dish("biscuit", "biscuit", M),
    dish("bean", "haricot", M),
    dish("mushroom", "champignon", M),
    dish("peach", "pêche", F),
    dish("pie", "tarte", F),
    dish("apricot", "abricot", M),
    food("bread", "pain", M),
    food("cheese", "fromage", M),
    food("meat", "viande", F),
    food("rice", "riz", M),
    food("soup", "soupe", F),
    food("salad", "salade", F),
    food("chicken", "poulet", M),
    food("chocolate", "chocolat", M),
    food("butter", "beurre", M),
    food("jam", "confiture", F),
    food("ham", "jambon", M),
    food("fish", "poisson", M),
    food("honey", "miel", M),
    food("garlic", "ail", M),
    drink("water", "eau", F),
    drink("milk", "lait", M),
    drink("coffee", "café", M),
    drink("tea", "thé", M),
    drink("wine", "vin", M),
    drink("beer", "bière", F),
    drink("lemonade", "limonade", F),
    drink("cider", "cidre", M),
];
