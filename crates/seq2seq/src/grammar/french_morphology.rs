//! French inflection: plurals, adjectives, participles and regular conjugation; irregular verbs are in
//! [`french_irregular`](super::french_irregular).

use super::features::{Gender, Number};
use super::french_irregular::irregular;

/// A finite tense of the French verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrenchTense {
    /// Présent.
    Present,
    /// Imparfait.
    Imperfect,
    /// Futur simple.
    Future,
}

const PRESENT_ER: [&str; 5] = ["e", "e", "ons", "ez", "ent"];
const PRESENT_IR: [&str; 5] = ["is", "it", "issons", "issez", "issent"];
const PRESENT_RE: [&str; 5] = ["s", "", "ons", "ez", "ent"];
const IMPERFECT: [&str; 5] = ["ais", "ait", "ions", "iez", "aient"];
const FUTURE: [&str; 5] = ["ai", "a", "ons", "ez", "ont"];
/// The row of nous, from which the imparfait takes its stem.
const NOUS: usize = 2;

/// The plural of a noun or of a masculine adjective.
pub fn plural(word: &str) -> String {
    if word.ends_with(['s', 'x', 'z']) {
        word.into()
    } else if let Some(stem) = word.strip_suffix("al") {
        format!("{stem}aux")
    } else if word.ends_with("eau") || word.ends_with("eu") && word != "bleu" {
        format!("{word}x")
    } else {
        format!("{word}s")
    }
}

/// The feminine of a regular adjective.
pub fn feminine(word: &str) -> String {
    if word.ends_with('e') {
        return word.into();
    }
    for (masculine, feminine) in
        [("eux", "euse"), ("er", "ère"), ("en", "enne"), ("on", "onne"), ("el", "elle"), ("f", "ve")]
    {
        if let Some(stem) = word.strip_suffix(masculine) {
            return format!("{stem}{feminine}");
        }
    }
    format!("{word}e")
}

/// The form of an adjective or participle, given its masculine and feminine singular.
pub fn agree(masculine: &str, feminine: &str, gender: Gender, number: Number) -> String {
    match (gender, number) {
        (Gender::Masculine, Number::Singular) => masculine.into(),
        (Gender::Masculine, Number::Plural) => plural(masculine),
        (Gender::Feminine, Number::Singular) => feminine.into(),
        (Gender::Feminine, Number::Plural) => plural(feminine),
    }
}

/// The past participle of `infinitive`, agreeing.
pub fn participle(infinitive: &str, gender: Gender, number: Number) -> String {
    let masculine = match irregular(infinitive) {
        Some(verb) => verb.participle.to_string(),
        None => regular_participle(infinitive),
    };
    // A participle takes a plain e, never the changes of adjectives (-er, -on ...).
    let feminine = format!("{}e", masculine.replace('û', "u"));
    agree(&masculine, &feminine, gender, number)
}

fn regular_participle(infinitive: &str) -> String {
    let (stem, ending) = split(infinitive);
    format!("{stem}{}", ["é", "i", "u"][ending])
}

/// The finite form of `infinitive` in the row of [`Agreement::french_row`](super::features::Agreement::french_row).
pub fn finite(infinitive: &str, tense: FrenchTense, row: usize) -> String {
    match tense {
        FrenchTense::Present => present(infinitive, row),
        FrenchTense::Imperfect => imperfect(infinitive, row),
        FrenchTense::Future => format!("{}{}", future_stem(infinitive), FUTURE[row]),
    }
}

fn present(infinitive: &str, row: usize) -> String {
    if let Some(verb) = irregular(infinitive) {
        return verb.present[row].into();
    }
    let (stem, ending) = split(infinitive);
    match ending {
        0 => {
            let suffix = PRESENT_ER[row];
            format!("{}{suffix}", er_stem(stem, suffix))
        }
        1 => format!("{stem}{}", PRESENT_IR[row]),
        _ => format!("{stem}{}", PRESENT_RE[row]),
    }
}

fn imperfect(infinitive: &str, row: usize) -> String {
    if infinitive == "être" {
        return format!("ét{}", IMPERFECT[row]);
    }
    let nous = present(infinitive, NOUS);
    // The stem before -ons: mangeons keeps its e before a and loses it before i.
    let stem = nous.strip_suffix("ons").unwrap_or(&nous);
    let suffix = IMPERFECT[row];
    match stem.strip_suffix("ge") {
        Some(short) if suffix.starts_with('i') => format!("{short}g{suffix}"),
        _ => match stem.strip_suffix('ç') {
            Some(short) if suffix.starts_with('i') => format!("{short}c{suffix}"),
            _ => format!("{stem}{suffix}"),
        },
    }
}

fn future_stem(infinitive: &str) -> String {
    if let Some(verb) = irregular(infinitive) {
        return verb.future.into();
    }
    let (stem, ending) = split(infinitive);
    match ending {
        // espérer keeps é in the future (spelling before 1990), the other changes are those of the present.
        0 if grave_from_acute(stem).is_some() => infinitive.into(),
        0 => format!("{}er", er_stem(stem, "e")),
        1 => infinitive.into(),
        _ => format!("{stem}r"),
    }
}

/// The infinitive without its ending, and which of -er, -ir, -re that is.
fn split(infinitive: &str) -> (&str, usize) {
    for (index, ending) in ["er", "ir", "re"].iter().enumerate() {
        if let Some(stem) = infinitive.strip_suffix(ending) {
            return (stem, index);
        }
    }
    unreachable!("{infinitive:?} is in no conjugation: the lexicon's test would have caught it")
}

/// The stem of an -er verb before `suffix`, with the changes of spelling that keep its sound.
fn er_stem(stem: &str, suffix: &str) -> String {
    let mute = matches!(suffix, "e" | "es" | "ent");
    if suffix.starts_with('o') && stem.ends_with('g') {
        return format!("{stem}e");
    }
    if let (true, Some(short)) = (suffix.starts_with('o'), stem.strip_suffix('c')) {
        return format!("{short}ç");
    }
    if !mute {
        return stem.into();
    }
    if let Some(short) = stem.strip_suffix('y').filter(|short| short.ends_with(['o', 'u', 'a'])) {
        return format!("{short}i");
    }
    match grave_from_mute(stem).or_else(|| grave_from_acute(stem)) {
        Some(grave) => grave,
        None => stem.into(),
    }
}

/// acheter, lever: e before one consonant becomes è.
fn grave_from_mute(stem: &str) -> Option<String> {
    before_last_consonant(stem, 'e').map(|(start, consonant)| format!("{start}è{consonant}"))
}

/// espérer: é before one consonant becomes è.
fn grave_from_acute(stem: &str) -> Option<String> {
    before_last_consonant(stem, 'é').map(|(start, consonant)| format!("{start}è{consonant}"))
}

fn before_last_consonant(stem: &str, vowel: char) -> Option<(&str, char)> {
    let consonant = stem.chars().next_back().filter(|letter| "bcdfglmnprstv".contains(*letter))?;
    let start = stem.strip_suffix(consonant)?.strip_suffix(vowel)?;
    Some((start, consonant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use FrenchTense::{Future, Imperfect, Present};

    fn row(infinitive: &str, tense: FrenchTense) -> String {
        (0..5).map(|row| finite(infinitive, tense, row)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn regular_verbs_conjugate() {
        assert_eq!(row("chanter", Present), "chante chante chantons chantez chantent");
        assert_eq!(row("finir", Present), "finis finit finissons finissez finissent");
        assert_eq!(row("vendre", Present), "vends vend vendons vendez vendent");
        assert_eq!(row("vendre", Future), "vendrai vendra vendrons vendrez vendront");
        assert_eq!(row("finir", Imperfect), "finissais finissait finissions finissiez finissaient");
    }

    #[test]
    fn spelling_keeps_the_sound() {
        assert_eq!(row("manger", Present), "mange mange mangeons mangez mangent");
        assert_eq!(row("manger", Imperfect), "mangeais mangeait mangions mangiez mangeaient");
        assert_eq!(row("commencer", Present), "commence commence commençons commencez commencent");
        assert_eq!(row("commencer", Imperfect), "commençais commençait commencions commenciez commençaient");
        assert_eq!(row("acheter", Present), "achète achète achetons achetez achètent");
        assert_eq!(row("acheter", Future), "achèterai achètera achèterons achèterez achèteront");
        assert_eq!(row("espérer", Present), "espère espère espérons espérez espèrent");
        assert_eq!(row("espérer", Future), "espérerai espérera espérerons espérerez espéreront");
        assert_eq!(row("nettoyer", Present), "nettoie nettoie nettoyons nettoyez nettoient");
        assert_eq!(row("nettoyer", Future), "nettoierai nettoiera nettoierons nettoierez nettoieront");
        assert_eq!(row("étudier", Future), "étudierai étudiera étudierons étudierez étudieront");
        assert_eq!(row("réveiller", Present), "réveille réveille réveillons réveillez réveillent");
        assert_eq!(row("détester", Present), "déteste déteste détestons détestez détestent");
        assert_eq!(row("dépêcher", Present), "dépêche dépêche dépêchons dépêchez dépêchent");
        assert_eq!(row("fermer", Present), "ferme ferme fermons fermez ferment");
    }

    #[test]
    fn adjectives_and_nouns_agree() {
        for (masculine, expected) in [
            ("heureux", "heureuse"),
            ("américain", "américaine"),
            ("italien", "italienne"),
            ("bon", "bonne"),
            ("rouge", "rouge"),
            ("petit", "petite"),
            ("gris", "grise"),
            ("meilleur", "meilleure"),
        ] {
            assert_eq!(feminine(masculine), expected);
        }
        for (singular, expected) in
            [("cheval", "chevaux"), ("gâteau", "gâteaux"), ("souris", "souris"), ("bleu", "bleus"), ("clé", "clés")]
        {
            assert_eq!(plural(singular), expected);
        }
    }

    #[test]
    fn participles_agree() {
        use Gender::{Feminine, Masculine};
        use Number::{Plural, Singular};
        assert_eq!(participle("voir", Feminine, Plural), "vues");
        assert_eq!(participle("prendre", Masculine, Plural), "pris");
        assert_eq!(participle("prendre", Feminine, Plural), "prises");
        assert_eq!(participle("devoir", Feminine, Singular), "due");
        assert_eq!(participle("attendre", Feminine, Singular), "attendue");
        assert_eq!(participle("choisir", Masculine, Singular), "choisi");
    }
}
