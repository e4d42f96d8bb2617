use super::*;

#[test]
fn sample() {
    let count: u64 = std::env::var("SAMPLE").ok().and_then(|v| v.parse().ok()).unwrap_or(20);
    for i in 0..count {
        let (en, fr) = PhraseGrammar::new(3).pair(i);
        println!("{en}\t{fr}");
    }
}
