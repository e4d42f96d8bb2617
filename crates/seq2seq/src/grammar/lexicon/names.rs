//! Proper names: people, cities, countries and languages.

use crate::grammar::features::Gender::{self, Feminine as F, Masculine as M};

/// A first name, the same in both languages.
#[derive(Debug)]
pub struct Name {
    /// The name.
    pub text: &'static str,
    /// Gender of its bearer.
    pub gender: Gender,
}

const fn name(text: &'static str, gender: Gender) -> Name {
    Name { text, gender }
}

/// First names.
pub const NAMES: &[Name] = &[
    name("Paul", M),
    name("Marie", F),
    name("Thomas", M),
    name("Julie", F),
    name("Martin", M),
    name("Sophie", F),
    name("Louis", M),
    name("Alice", F),
    name("Daniel", M),
    name("Emma", F),
    name("Antoine", M),
    name("Anne", F),
    name("Lucas", M),
    name("Sarah", F),
    name("Victor", M),
    name("Nina", F),
];

/// A city: `in Paris`, `to Paris`, both `à Paris`.
#[derive(Debug)]
pub struct City {
    /// English name.
    pub en: &'static str,
    /// French name.
    pub fr: &'static str,
}

const fn city(en: &'static str, fr: &'static str) -> City {
    City { en, fr }
}

/// Cities.
pub const CITIES: &[City] = &[
    city("Paris", "Paris"),
    city("London", "Londres"),
    city("Rome", "Rome"),
    city("Berlin", "Berlin"),
    city("Lyon", "Lyon"),
    city("Brussels", "Bruxelles"),
    city("Geneva", "Genève"),
    city("Venice", "Venise"),
    city("Athens", "Athènes"),
    city("Vienna", "Vienne"),
];

/// A country with its French preposition: `en France`, `au Japon`.
#[derive(Debug)]
pub struct Country {
    /// English name.
    pub en: &'static str,
    /// French preposition and name.
    pub fr: &'static str,
}

const fn country(en: &'static str, fr: &'static str) -> Country {
    Country { en, fr }
}

/// Countries.
pub const COUNTRIES: &[Country] = &[
    country("France", "en France"),
    country("Italy", "en Italie"),
    country("Spain", "en Espagne"),
    country("Germany", "en Allemagne"),
    country("England", "en Angleterre"),
    country("Belgium", "en Belgique"),
    country("Japan", "au Japon"),
    country("Canada", "au Canada"),
    country("Portugal", "au Portugal"),
    country("Brazil", "au Brésil"),
];

/// Languages as the object of `speak` and `learn`: English and French names.
pub const LANGUAGES: &[(&str, &str)] = &[
    ("French", "français"),
    ("English", "anglais"),
    ("Italian", "italien"),
    ("Spanish", "espagnol"),
    ("German", "allemand"),
    ("Japanese", "japonais"),
];
