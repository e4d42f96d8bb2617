//! What the models of the tables are trained and tested on.

use std::path::{Path, PathBuf};

use super::Error;
use super::scale::Scale;
use crate::config::Config;
use crate::corpus::{Corpus, FilePair, Wmt14};
use crate::grammar::{PhraseGrammar, Split};
use crate::tokenise::Tokeniser;
use crate::wording::counted;

/// The files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    training: Vec<FilePair>,
    validation: FilePair,
    test: FilePair,
    /// Whether they are cut into words already.
    tokenised: bool,
    /// What they are, for people.
    pub name: String,
}

impl Files {
    /// Writes the built-in corpus into a folder, unless it is there.
    pub fn built_in(folder: &Path, scale: Scale) -> Result<Files, Error> {
        let counts = scale.counts();
        let files = three(folder);
        // The last to be written.
        if !files[2].1.exists() {
            PhraseGrammar::new(1).write(folder, counts).map_err(Error::BuiltIn)?;
        }
        let [training, validation, test] = files;
        let name = format!(
            "the built-in corpus, a phrase grammar of this project and not WMT'14: {}, {}",
            counted(counts.train, "training pair"),
            counted(counts.test, "test pair")
        );
        Ok(Files { training: vec![training], validation, test, tokenised: false, name })
    }

    /// Finds `train.en`, `train.fr`, `valid.en` and so on in a folder, or else WMT'14's own files.
    pub fn find(folder: &Path) -> Result<Files, Error> {
        let [training, validation, test] = three(folder);
        let name = folder.display().to_string();
        if [&training, &validation, &test].iter().all(|pair| pair.0.exists() && pair.1.exists()) {
            return Ok(Files { training: vec![training], validation, test, tokenised: false, name });
        }
        let Wmt14 { training, validation, test, tokenised } = Wmt14::find(folder)?;
        let test = test.ok_or_else(|| Error::NoTest { folder: folder.to_owned() })?;
        Ok(Files { training, validation, test, tokenised, name: format!("WMT'14 in {name}") })
    }

    /// Has a configuration train on them.
    pub fn put_into(&self, config: &mut Config) {
        (config.source, config.target) = self.training.iter().cloned().unzip();
        let (source, target) = self.validation.clone();
        (config.valid_source, config.valid_target) = (vec![source], vec![target]);
        if self.tokenised {
            config.tokeniser = Tokeniser::Whitespace;
        }
        config.tsv = Vec::new();
        config.valid_tsv = Vec::new();
    }

    /// The first `most` pairs of the test set.
    pub fn test_pairs(&self, most: usize) -> Result<Vec<(String, String)>, Error> {
        let mut pairs = Vec::new();
        for pair in Corpus::parallel(&self.test.0, &self.test.1).pairs().map_err(crate::run::Error::from)?.take(most) {
            let pair = pair.map_err(crate::run::Error::from)?;
            pairs.push((pair.source, pair.target));
        }
        if pairs.is_empty() {
            return Err(Error::NoTest { folder: self.test.0.clone() });
        }
        Ok(pairs)
    }
}

/// The files of the three splits.
fn three(folder: &Path) -> [FilePair; 3] {
    let file = |split: Split, side: &str| -> PathBuf { folder.join(format!("{}.{side}", split.stem())) };
    Split::ALL.map(|split| (file(split, "en"), file(split, "fr")))
}
