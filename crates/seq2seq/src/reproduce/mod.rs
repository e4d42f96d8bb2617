//! The paper's tables at any scale: forward and reversed, beams, ensembles, rescoring, depth.
//!
//! ```text
//! corpus/                      the built-in corpus, where no other data are given
//! models/<name>/               the run folder of each model
//! translations/<name>.json     what was translated and scored
//! table.md, table.json         the outcome
//! ```
//!
//! What lies in the folder is not made again: [`reproduce`] may be stopped at any time and goes on where it was.

mod files;
mod lab;
mod models;
mod rows;
mod scale;
mod table;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use unrolled_nn::disk::claim_folder;
use unrolled_tensor::Device;

pub use rows::Part;
pub use scale::{Scale, UnknownScale};
pub use table::{Claim, Row, Table};

use crate::config::{BleuStyle, Config};
use crate::corpus::MissingFiles;
use crate::grammar::WriteError;
use crate::progress::Observer;
use crate::run;
use crate::translator::UnlikeModels;
use crate::wording::counted;
use files::Files;
use lab::{Lab, write_whole};
use models::{ENSEMBLE, Models, Spec};

/// What is reproduced, where and how.
#[derive(Clone, Debug)]
pub struct ReproduceOptions {
    /// The folder for everything.
    pub folder: PathBuf,
    /// How large the models are.
    pub scale: Scale,
    /// A folder with WMT'14's files, or with `train.en`, `train.fr`, `valid.en` and so on; where there is none, the built-in corpus.
    pub data: Option<PathBuf>,
    /// Seeds of the single models, at least 1. An ensemble has five models all the same.
    pub seeds: usize,
    /// Test sentences, from the first on.
    pub sentences: usize,
    /// Translations in each list to be rescored; where it is not said, by the scale.
    pub n_best: Option<usize>,
}

/// Why the tables could not be reproduced. What was done stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model could not be trained or used.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// The built-in corpus cannot be written.
    #[error(transparent)]
    BuiltIn(WriteError),
    /// The data are not in the folder.
    #[error(transparent)]
    Data(#[from] MissingFiles),
    /// There is no test set.
    #[error("no test set in `{folder}`: test.en and test.fr, or WMT'14's test-full/newstest2014-fren-src.en.sgm")]
    NoTest {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder has something else.
    #[error("`{folder}` is not empty and holds no models of this command: choose another folder")]
    InTheWay {
        /// The folder.
        folder: PathBuf,
    },
    /// The models of an ensemble do not fit each other.
    #[error(transparent)]
    Unlike(#[from] UnlikeModels),
    /// The folder has models of other settings.
    #[error("`{run}` was trained with other settings ({keys}): take another folder, or delete it")]
    OtherSettings {
        /// The model's run folder.
        run: PathBuf,
        /// What differs.
        keys: String,
    },
    /// The paper's scale is for data of that size.
    #[error("the scale `paper` is for WMT'14: name its folder")]
    PaperNeedsData,
    /// It was asked to stop, and can go on.
    #[error("stopped; the same command goes on from here")]
    Stopped,
}

/// Trains what is not trained, translates, scores, and writes `table.md` and `table.json`. `say` is told what is done; `observer` sees each training.
///
/// # Errors
/// See [`Error`]; [`Error::Stopped`] where `stop` became true.
pub fn reproduce(
    options: &ReproduceOptions,
    device: &Device,
    observer: &mut dyn Observer,
    say: &mut dyn FnMut(&str),
    stop: &AtomicBool,
) -> Result<Table, Error> {
    check_folder(&options.folder)?;
    let (base, files) = plan(options)?;
    std::fs::create_dir_all(&options.folder).map_err(run::Error::file("create", &options.folder))?;
    let _claim = claim_folder(&options.folder).map_err(run::Error::from)?;
    let test = files.test_pairs(options.sentences)?;
    let lab = Lab { folder: &options.folder, device, base: &base, test: &test, stop };
    let models = Models::new(base.layers, options.seeds.max(1));
    let all = models.all();
    for (place, &spec) in all.iter().enumerate() {
        say(&format!("model {} of {}: {}", place + 1, all.len(), spec.name()));
        if !lab.train(spec, observer)? {
            return Err(Error::Stopped);
        }
    }
    let n_best = options.n_best.unwrap_or(options.scale.n_best()).max(1);
    let (numbers, signature) = measure(&lab, &models, n_best, say)?;
    let mut table = Table::new(&numbers, remarks(options, &base, &files, test.len(), n_best), signature);
    for &spec in &all {
        table.training_seconds.push((spec.name(), lab.history(spec)?.cost().training));
    }
    let json = serde_json::to_vec_pretty(&table).expect("texts and numbers are JSON");
    write_whole(&options.folder.join("table.json"), &json)?;
    write_whole(&options.folder.join("table.md"), table.markdown().as_bytes())?;
    Ok(table)
}

/// Refuses a folder that holds something else.
fn check_folder(folder: &Path) -> Result<(), Error> {
    // What cannot be listed is found out by whoever writes there.
    let empty = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    let ours = ["corpus", "models", "table.json"].iter().any(|name| folder.join(name).exists());
    if empty || ours { Ok(()) } else { Err(Error::InTheWay { folder: folder.to_owned() }) }
}

/// The configuration of the main rows' models, and the files.
fn plan(options: &ReproduceOptions) -> Result<(Config, Files), Error> {
    let (mut base, files) = match &options.data {
        Some(folder) => {
            let preset = Config::preset(options.scale.preset()).map_err(run::Error::from)?;
            (preset, Files::find(folder)?)
        }
        None if options.scale == Scale::Paper => return Err(Error::PaperNeedsData),
        None => (options.scale.built_in(), Files::built_in(&options.folder.join("corpus"), options.scale)?),
    };
    files.put_into(&mut base);
    base.valid_bleu_style = BleuStyle::MultiBleu;
    Ok((base, files))
}

type Numbers = Vec<(&'static str, Vec<f64>)>;

/// The numbers of every row, and BLEU's signature.
fn measure(lab: &Lab, models: &Models, n_best: usize, say: &mut dyn FnMut(&str)) -> Result<(Numbers, String), Error> {
    let mut numbers: Numbers = Vec::new();
    let singles = &models.reversed[..models.forward.len()];
    let five = &models.reversed[..ENSEMBLE];
    let mut signature = String::new();
    let one = |specs: &[Spec]| specs.iter().map(|&spec| vec![spec]).collect::<Vec<_>>();
    let groups: [(&'static str, Vec<Vec<Spec>>, usize); 8] = [
        ("forward-12", one(&models.forward), 12),
        ("reversed-1", one(singles), 1),
        ("reversed-2", one(singles), 2),
        ("reversed-12", one(singles), 12),
        ("two-12", vec![five[..2].to_vec()], 12),
        ("five-1", vec![five.to_vec()], 1),
        ("five-2", vec![five.to_vec()], 2),
        ("five-12", vec![five.to_vec()], 12),
    ];
    for (id, groups, beam) in groups {
        say(&format!("translating: {id}"));
        let scores = groups.iter().map(|specs| lab.bleu(specs, beam)).collect::<Result<Vec<_>, _>>()?;
        signature = scores[0].signature();
        numbers.push((id, scores.iter().map(|bleu| bleu.score).collect()));
    }
    say(&format!("rescoring the {n_best}-best lists of {}", models.weak.name()));
    let rescorers = [&models.forward[..1], &singles[..1], five];
    let (baseline, rescored, oracle) = lab.rescored(models.weak, n_best, &rescorers)?;
    numbers.push(("baseline", vec![baseline]));
    for (id, score) in ["rescored-forward", "rescored-reversed", "rescored-five"].into_iter().zip(rescored) {
        numbers.push((id, vec![score]));
    }
    numbers.push(("oracle", vec![oracle]));
    say("perplexities");
    let perplexities = |specs: &[Spec]| specs.iter().map(|&spec| lab.perplexity(spec)).collect::<Result<Vec<_>, _>>();
    numbers.push(("perplexity-forward", perplexities(&models.forward)?));
    numbers.push(("perplexity-reversed", perplexities(singles)?));
    for (id, &spec) in ["depth-1", "depth-2", "depth-3", "depth-4"].into_iter().zip(&models.depths) {
        numbers.push((id, perplexities(&[spec])?));
    }
    Ok((numbers, signature))
}

/// What a reader of the table must know.
fn remarks(options: &ReproduceOptions, base: &Config, files: &Files, test: usize, n_best: usize) -> Vec<String> {
    let length = if base.updates > 0 { counted(base.updates, "update") } else { counted(base.epochs, "epoch") };
    let layers = counted(base.layers, "layer");
    let seeds = counted(options.seeds.max(1), "seed");
    vec![
        format!("Data: {}; {test} test sentences are translated.", files.name),
        format!(
            "Models (scale `{}`): {layers} of {} cells in encoder and decoder each, {length} in batches of {}, first weights in ±{:.2}; the paper's have 4 layers of 1000, 7.5 epochs of 12M pairs, and ±0.08.",
            options.scale, base.hidden_size, base.batch_size, base.initial_range
        ),
        format!("Single models: {seeds}, ± is the standard deviation over them. Ensembles average probabilities."),
        format!(
            "Rescoring: the paper took the 1000-best lists of a phrase-based system; here they are the {n_best}-best lists of a weaker model of ours, forward and trained for a third of the time. The weights are even."
        ),
        "Depth: one seed each, all else as in the other models, which learn so briefly that a deeper one may not have caught up. The paper says that each layer lowers perplexity by nearly 10%.".to_owned(),
    ]
}

/// The folder that is taken where none is named.
pub fn default_folder(scale: Scale) -> PathBuf {
    Path::new("runs").join(format!("reproduce-{scale}"))
}
