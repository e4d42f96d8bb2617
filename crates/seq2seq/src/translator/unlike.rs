//! Which translators can translate together.

use super::Translator;
use crate::vocabulary::Vocabulary;

/// A model that cannot be in an ensemble with the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model {model} cannot be in an ensemble with model 1: {reason}")]
pub struct UnlikeModels {
    /// Which one, counted from 1.
    pub model: usize,
    /// What it differs in.
    pub reason: String,
}

/// Checks that all models know the same words and are on the same device. They may differ in size, and in whether they read the source backwards.
pub(super) fn check(members: &[&Translator]) -> Result<(), UnlikeModels> {
    let first = members[0];
    for (place, member) in members.iter().enumerate().skip(1) {
        if let Some(reason) = difference(first, member) {
            return Err(UnlikeModels { model: place + 1, reason });
        }
    }
    Ok(())
}

fn difference(first: &Translator, other: &Translator) -> Option<String> {
    let settings = [
        ("tokeniser", first.config.tokeniser.to_string(), other.config.tokeniser.to_string()),
        ("source language", first.config.source_language.clone(), other.config.source_language.clone()),
        ("target language", first.config.target_language.clone(), other.config.target_language.clone()),
        ("device", first.model.device().to_string(), other.model.device().to_string()),
    ];
    let vocabularies = [
        ("source", &first.source_vocabulary, &other.source_vocabulary),
        ("target", &first.target_vocabulary, &other.target_vocabulary),
    ];
    let setting = settings.into_iter().find(|(_, wanted, found)| wanted != found);
    let setting = setting.map(|(name, wanted, found)| format!("its {name} is {found}, not {wanted}"));
    setting.or_else(|| {
        let mut differing = vocabularies.into_iter();
        differing.find_map(|(name, wanted, found)| Some(format!("its {name} vocabulary {}", unlike(wanted, found)?)))
    })
}

/// Where two vocabularies differ; how often their words occur does not matter.
fn unlike(wanted: &Vocabulary, found: &Vocabulary) -> Option<String> {
    if wanted.len() != found.len() {
        return Some(format!("has {} words, not {}", found.len(), wanted.len()));
    }
    let id = (0..wanted.len() as u32).find(|&id| wanted.word(id) != found.word(id))?;
    Some(format!("has `{}` as word {id}, not `{}`", found.word(id), wanted.word(id)))
}
