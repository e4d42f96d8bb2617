//! Tokens and text: what is cut where, and that it can be put together again.

use proptest::prelude::*;
use unrolled_seq2seq::tokenise::{Language, Tokeniser};

fn moses(text: &str, language: Language) -> String {
    Tokeniser::Moses.tokenise(text, language).join(" ")
}

#[track_caller]
fn english(text: &str, expected: &str) {
    assert_eq!(moses(text, Language::English), expected);
}

#[track_caller]
fn french(text: &str, expected: &str) {
    assert_eq!(moses(text, Language::French), expected);
}

#[test]
fn english_punctuation_and_contractions() {
    english("Hello, world!", "Hello , world !");
    english("I don't, it's, they've.", "I don 't , it 's , they 've .");
    english("It’s the 1980's", "It ’s the 1980 's");
    english("the dogs' bowls", "the dogs ' bowls");
    english("'Tis (really) \"so\"?!", "' Tis ( really ) \" so \" ? !");
    english("rock'n'roll", "rock 'n 'roll");
    english("a well-known co-op", "a well-known co-op");
    english("and/or; this: that", "and / or ; this : that");
}

#[test]
fn numbers_stay_whole() {
    english("It costs $1,250.75, not 3.5%.", "It costs $ 1,250.75 , not 3.5 % .");
    english("1,2,x,3", "1,2 , x , 3");
    french("Il vaut 3,5 ou 10 000 €.", "Il vaut 3,5 ou 10 000 € .");
}

#[test]
fn periods_of_abbreviations_stay() {
    english("Mr. Smith met J. Doe of the U.S. in St. Ives.", "Mr. Smith met J. Doe of the U.S. in St. Ives .");
    english("See No. 7. No. It ends.", "See No. 7 . No . It ends .");
    english("at 5 p.m. sharp, etc. and so on.", "at 5 p.m. sharp , etc. and so on .");
    english("He left. \"Why?\"", "He left . \" Why ? \"");
    english("On Jan. 5 Pvt. Roe and Insp. Lee left. May. Sat.", "On Jan. 5 Pvt. Roe and Insp. Lee left . May . Sat .");
    french("M. Dupont et Mme. Roy, art. 5.", "M. Dupont et Mme. Roy , art. 5 .");
    assert_eq!(moses("Mr. Smith.", Language::Other), "Mr . Smith .");
}

#[test]
fn ellipses_are_one_token() {
    english("Well... yes.... no", "Well ... yes .... no");
    french("Eh bien… non...", "Eh bien … non ...");
}

#[test]
fn french_elisions_hold_to_the_left() {
    french("L'homme qu'il a vu aujourd'hui.", "L' homme qu' il a vu aujourd'hui .");
    french("l’été d'«Alice» l'11 qu'aujourd’hui", "l’ été d' « Alice » l' 11 qu' aujourd’hui");
    french("Il a dit 'oui'.", "Il a dit ' oui ' .");
    french("Qu'est-ce que c'est ?", "Qu' est-ce que c' est ?");
}

#[test]
fn addresses_stay_whole() {
    english("See https://example.org/a?b=1,2. Now!", "See https://example.org/a?b=1,2 . Now !");
    english("(www.example.org), me.too@example.co.uk.", "( www.example.org ) , me.too@example.co.uk .");
    english("a@b or @name", "a @ b or @ name");
}

#[test]
fn marks_stay_with_their_letter() {
    french("e\u{301}te\u{301}, l'e\u{301}te\u{301}", "e\u{301}te\u{301} , l' e\u{301}te\u{301}");
    english("no\u{a0}break❤\u{fe0f}!", "no break ❤\u{fe0f} !");
}

#[test]
fn whitespace_is_unicode_s() {
    let tokens = Tokeniser::Whitespace.tokenise(" don't\u{a0}stop,\u{2003}now\t", Language::English);
    assert_eq!(tokens, ["don't", "stop,", "now"]);
    assert!(Tokeniser::Whitespace.tokenise(" \u{a0}", Language::Other).is_empty());
}

#[test]
fn words_are_runs_with_one_apostrophe() {
    let tokens = Tokeniser::Words.tokenise("L'été, don’t_x '90s week-end... 3.5", Language::Other);
    let expected = ["L'", "été", ",", "don’", "t_x", "'", "90s", "week", "-", "end", ".", ".", ".", "3", ".", "5"];
    assert_eq!(tokens, expected);
}

#[test]
fn typical_sentences_come_back() {
    let sentences = [
        (Language::English, "I don't know, Mr. Bond; it's 3.5% (or 10:30)!"),
        (Language::English, "She said: \"We've read the authors' letters,\" and left..."),
        (Language::English, "The well-known 'expert' paid $1,250.75 for it?"),
        (Language::English, "It’s “fine”, see www.example.org."),
        (Language::French, "Qu'est-ce que l'homme a dit aujourd'hui ? Rien !"),
        (Language::French, "Il a répondu : « J'ai 10 000 € et 3,5 % d'intérêts » ; puis il est parti…"),
        (Language::French, "M. Dupont (le voisin) a dit \"oui\" à 10:30, c'est-à-dire tôt..."),
        (Language::French, "Vraiment ?! Non, l’été d'« Alice » !"),
    ];
    for (language, sentence) in sentences {
        let tokens = Tokeniser::Moses.tokenise(sentence, language);
        assert_eq!(Tokeniser::Moses.detokenise(&tokens, language), sentence, "{tokens:?}");
    }
    let plain = [
        (Language::English, "I don't know; it's a well-known story."),
        (Language::French, "Qu'est-ce que c'est ? L'homme d'à côté, peut-être."),
    ];
    for (language, sentence) in plain {
        let tokens = Tokeniser::Words.tokenise(sentence, language);
        assert_eq!(Tokeniser::Words.detokenise(&tokens, language), sentence, "{tokens:?}");
    }
    assert_eq!(Tokeniser::Whitespace.detokenise(&["a", ",", "b"], Language::French), "a , b");
}

#[test]
fn names_go_there_and_back() {
    for tokeniser in Tokeniser::ALL {
        assert_eq!(tokeniser.to_string().parse(), Ok(tokeniser));
        assert_eq!(serde_json::to_string(&tokeniser).unwrap(), format!("\"{tokeniser}\""));
    }
    assert!("bpe".parse::<Tokeniser>().unwrap_err().to_string().contains("moses"));
    assert_eq!(Language::from("fr-CA"), Language::French);
    assert_eq!(Language::from("de"), Language::Other);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// No text makes a tokeniser panic; tokens are never empty, and together they are the text without white space.
    #[test]
    fn tokens_are_the_text_without_white_space(
        text in prop_oneof![".{0,60}", "[a-cA-C1-3'’.,\\-@:/ \u{301}\u{a0}«»\"]{0,40}"],
    ) {
        let bare: String = text.split_whitespace().collect();
        for tokeniser in Tokeniser::ALL {
            for language in [Language::English, Language::French, Language::Other] {
                let tokens = tokeniser.tokenise(&text, language);
                prop_assert!(tokens.iter().all(|token| !token.is_empty() && !token.contains(char::is_whitespace)));
                prop_assert_eq!(tokens.concat(), bare.as_str());
                let back: String = tokeniser.detokenise(&tokens, language).split_whitespace().collect();
                prop_assert_eq!(back, bare.as_str());
            }
        }
    }
}
