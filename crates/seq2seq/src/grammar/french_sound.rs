//! French spelling across words: elision, and which words begin with a vowel sound.

/// Words before which nothing elides though they begin with a vowel letter or h; matched on the first word, plural or not.
const ASPIRATE: [&str; 10] =
    ["hibou", "hiboux", "héros", "haricot", "haricots", "hamster", "hamsters", "huit", "onze", "haut"];

/// Words that lose their vowel before a vowel sound.
const ELIDING: [&str; 9] = ["le", "la", "je", "me", "te", "se", "ne", "de", "ce"];

/// Words that lose their vowel and are also the end of a longer conjunction.
const QUE: [&str; 2] = ["que", "lorsque"];

/// Whether `word` begins with a vowel sound, so that articles elide before it.
pub fn begins_with_vowel(word: &str) -> bool {
    let first = word.split(['-', '\'', ',']).next().unwrap_or(word).to_lowercase();
    if ASPIRATE.contains(&first.as_str()) {
        return false;
    }
    first.starts_with(['a', 'e', 'i', 'o', 'u', 'y', 'h', 'à', 'â', 'é', 'è', 'ê', 'ë', 'î', 'ï', 'ô', 'û', 'ù', 'œ'])
}

/// Joins words by spaces, eliding where the next word begins with a vowel sound: le homme becomes l'homme.
pub fn join(words: &[String]) -> String {
    let mut text = String::new();
    for (i, word) in words.iter().enumerate() {
        let elides = ELIDING.contains(&word.as_str()) || QUE.contains(&word.as_str());
        match words.get(i + 1) {
            Some(next) if elides && begins_with_vowel(next) => {
                text.push_str(&word[..word.len() - 1]);
                text.push('\'');
            }
            Some(_) => {
                text.push_str(word);
                text.push(' ');
            }
            None => text.push_str(word),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(words: &str) -> String {
        join(&words.split(' ').map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn vowels_elide_and_aspirate_h_does_not() {
        assert_eq!(joined("le homme"), "l'homme");
        assert_eq!(joined("le hibou"), "le hibou");
        assert_eq!(joined("le héros"), "le héros");
        assert_eq!(joined("je ne le ai pas vu"), "je ne l'ai pas vu");
        assert_eq!(joined("je ne aime pas"), "je n'aime pas");
        assert_eq!(joined("parce que il est là"), "parce qu'il est là");
        assert_eq!(joined("est-ce que elle a de le ail"), "est-ce qu'elle a de l'ail");
        assert_eq!(joined("la échelle de Alice"), "l'échelle d'Alice");
        assert_eq!(joined("beaucoup de œufs"), "beaucoup d'œufs");
        assert_eq!(joined("elle a onze ans"), "elle a onze ans");
        assert_eq!(joined("ce héros, je vous prie"), "ce héros, je vous prie");
    }
}
