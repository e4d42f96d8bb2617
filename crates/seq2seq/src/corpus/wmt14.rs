//! Where WMT'14's English–French files lie in a folder.

use std::path::{Path, PathBuf};

/// Two files that correspond: source and target.
pub type FilePair = (PathBuf, PathBuf);

/// WMT'14's files, as far as they are there: training sets in the order of the task's page, newstest2013 for validation, newstest2014 as test. Or the
/// paper's own selection of them, with newstest2012 and 2013 for validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wmt14 {
    /// At least one.
    pub training: Vec<FilePair>,
    /// newstest2013, with the paper's selection newstest2012 too.
    pub validation: FilePair,
    /// newstest2014, where it is there.
    pub test: Option<FilePair>,
    /// True of the paper's selection, whose text is cut into words already: [`Tokeniser::Whitespace`](crate::tokenise::Tokeniser::Whitespace) takes it as it is.
    pub tokenised: bool,
}

/// A folder lacks files of WMT'14 without which nothing can be trained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {wanted} in `{folder}`; scripts/fetch-wmt14.sh fetches WMT'14's files")]
pub struct MissingFiles {
    /// What was looked for.
    pub wanted: &'static str,
    /// Where.
    pub folder: String,
}

const TRAINING: [&str; 6] = [
    "europarl-v7.fr-en",
    "commoncrawl.fr-en",
    "un/undoc.2000.fr-en",
    "undoc.2000.fr-en",
    "news-commentary-v9.fr-en",
    "giga-fren.release2.fixed",
];

/// The paper's selection: Europarl, news commentary, older test sets, both crawled corpora, United Nations.
const SELECTED: [&str; 7] = ["ep7_pc45", "nc9", "dev08_11", "dev08-11", "crawl", "ccb2_pc30", "un2000_pc34"];

impl Wmt14 {
    /// Looks for the files in their own layout (`training/`, `dev/`, `test-full/`), compressed or not. Where the paper's selection is there (`bitexts.selected/`,
    /// and `dev/`), it alone is taken: its pairs are among the others.
    ///
    /// # Errors
    /// Where there is no training set, or no validation set.
    pub fn find(folder: &Path) -> Result<Self, MissingFiles> {
        let missing = |wanted| MissingFiles { wanted, folder: folder.display().to_string() };
        let selected: Vec<FilePair> =
            SELECTED.iter().filter_map(|stem| plain(folder, &format!("bitexts.selected/{stem}"))).collect();
        if !selected.is_empty() {
            let validation = plain(folder, "dev/ntst1213").ok_or_else(|| missing("dev/ntst1213.en and .fr"))?;
            let test = plain(folder, "dev/ntst14");
            return Ok(Self { training: selected, validation, test, tokenised: true });
        }
        let training: Vec<FilePair> = TRAINING
            .iter()
            .filter_map(|stem| plain(folder, &format!("training/{stem}")).or_else(|| plain(folder, stem)))
            .collect();
        if training.is_empty() {
            return Err(missing("training files (training/europarl-v7.fr-en.en and .fr, or others of WMT'14's)"));
        }
        let validation = sgm(folder, "newstest2013", "dev")
            .ok_or_else(|| missing("dev/newstest2013-src.en.sgm and -ref.fr.sgm (or plain .en and .fr)"))?;
        Ok(Self { training, validation, test: sgm(folder, "newstest2014-fren", "test-full"), tokenised: false })
    }
}

fn first(folder: &Path, names: &[String]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.exists())
}

fn plain(folder: &Path, stem: &str) -> Option<FilePair> {
    let side = |language: &str| first(folder, &[format!("{stem}.{language}"), format!("{stem}.{language}.gz")]);
    side("en").zip(side("fr"))
}

fn sgm(folder: &Path, stem: &str, part: &str) -> Option<FilePair> {
    let side =
        |end: &str| first(folder, &["dev", "test-full", "test"].map(|place| format!("{place}/{stem}-{end}.sgm")));
    side("src.en").zip(side("ref.fr")).or_else(|| plain(folder, &format!("{part}/{stem}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_found_in_their_own_layout() {
        let folder = tempfile::tempdir().unwrap();
        let touch = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x\n").unwrap();
            path
        };
        assert!(Wmt14::find(folder.path()).unwrap_err().to_string().contains("europarl-v7.fr-en.en"));
        let giga = (touch("training/giga-fren.release2.fixed.en.gz"), touch("training/giga-fren.release2.fixed.fr.gz"));
        assert!(Wmt14::find(folder.path()).unwrap_err().to_string().contains("newstest2013"));
        let validation = (touch("dev/newstest2013.en"), touch("dev/newstest2013.fr"));
        let found = Wmt14::find(folder.path()).unwrap();
        assert_eq!((found.training, found.validation, found.test), (vec![giga.clone()], validation, None));
        let europarl = (touch("training/europarl-v7.fr-en.en"), touch("training/europarl-v7.fr-en.fr"));
        let test = (touch("test-full/newstest2014-fren-src.en.sgm"), touch("test-full/newstest2014-fren-ref.fr.sgm"));
        let found = Wmt14::find(folder.path()).unwrap();
        assert_eq!((found.training, found.test, found.tokenised), (vec![europarl, giga], Some(test), false));

        let selected = (touch("bitexts.selected/nc9.en.gz"), touch("bitexts.selected/nc9.fr.gz"));
        assert!(Wmt14::find(folder.path()).unwrap_err().to_string().contains("dev/ntst1213.en"));
        let (validation, test) =
            ((touch("dev/ntst1213.en"), touch("dev/ntst1213.fr")), (touch("dev/ntst14.en"), touch("dev/ntst14.fr")));
        let found = Wmt14::find(folder.path()).unwrap();
        assert_eq!(found, Wmt14 { training: vec![selected], validation, test: Some(test), tokenised: true });
    }
}
