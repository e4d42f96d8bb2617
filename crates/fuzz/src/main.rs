//! `fuzz [--seconds N] [--seed N] [--megabytes N] [--out DIR] TARGET…|all`, `fuzz --replay FILE TARGET`, `fuzz --write-seeds`.
//!
//! Each target runs in a process of its own with bounded memory (`ulimit -v`), so that an abort (memory, stack) is a finding too: the input that is
//! being read is always in a file.

use std::error::Error;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use unrolled_fuzz::driver::{Report, SLOW, fuzz};
use unrolled_fuzz::{Target, find, seeds, targets};

struct Options {
    seconds: u64,
    seed: u64,
    megabytes: u64,
    out: PathBuf,
    replay: Option<PathBuf>,
    /// Write the seeds that the readers' own writers make.
    write_seeds: bool,
    /// Set by the process that watches: fuzz here and now.
    child: bool,
    targets: Vec<&'static Target>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        seconds: 60,
        seed: 1,
        megabytes: 2048,
        out: PathBuf::from("fuzz-findings"),
        replay: None,
        write_seeds: false,
        child: false,
        targets: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seconds" => options.seconds = value()?.parse()?,
            "--seed" => options.seed = value()?.parse()?,
            "--megabytes" => options.megabytes = value()?.parse()?,
            "--out" => options.out = value()?.into(),
            "--replay" => options.replay = Some(value()?.into()),
            "--child" => options.child = true,
            "--write-seeds" => options.write_seeds = true,
            "all" => options.targets.extend(targets()),
            name => options.targets.push(find(name).ok_or_else(|| unknown(name))?),
        }
    }
    if options.targets.is_empty() && !options.write_seeds {
        return Err(format!("name a reader, or all: {}", names()).into());
    }
    Ok(options)
}

fn names() -> String {
    targets().iter().map(|target| target.name).collect::<Vec<_>>().join(", ")
}

fn unknown(name: &str) -> String {
    format!("there is no reader `{name}`: {}", names())
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// True where nothing was found.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    if let Some(file) = &options.replay {
        for target in &options.targets {
            println!("{}: {}", target.name, (target.run)(&fs::read(file)?));
        }
        return Ok(true);
    }
    if options.write_seeds {
        for (target, name, bytes) in seeds::made() {
            fs::create_dir_all(seeds::folder(target))?;
            fs::write(seeds::folder(target).join(name), bytes)?;
        }
        return Ok(true);
    }
    fs::create_dir_all(&options.out)?;
    let mut sound = true;
    for target in &options.targets {
        sound &= if options.child { fuzz_here(target, options)? } else { watch(target, options)? };
    }
    Ok(sound)
}

fn current(target: &Target, options: &Options) -> PathBuf {
    options.out.join(format!("{}.current", target.name))
}

/// Starts a process for one target, and keeps the input at which it dies or hangs.
fn watch(target: &Target, options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v \"$1\" && shift && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe()?)
        .arg((options.megabytes * 1024).to_string())
        .args(["--child", "--seconds", &options.seconds.to_string(), "--seed", &options.seed.to_string(), "--out"])
        .args([options.out.as_os_str(), target.name.as_ref()])
        .spawn()?;
    let until = Instant::now() + Duration::from_secs(options.seconds) + 12 * SLOW;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() > until => {
                child.kill()?;
                break child.wait()?;
            }
            None => sleep(Duration::from_millis(50)),
        }
    };
    let current = current(target, options);
    if status.code().is_none_or(|code| code > 1) {
        let kept = options.out.join(format!("{}-died", target.name));
        fs::rename(&current, &kept)?;
        println!("{}: DIED or hung ({status}); the input is in `{}`", target.name, kept.display());
    } else {
        fs::remove_file(&current)?;
    }
    Ok(status.success())
}

fn fuzz_here(target: &Target, options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut file = fs::File::create(current(target, options))?;
    let mut before = |input: &[u8]| {
        // In place, so that it is there whatever happens to the process; a disk that fails would only lose a finding.
        let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(input));
        let _ = file.set_len(input.len() as u64);
    };
    let kept = seeds::load(target.name)?.into_iter().map(|(_, input)| input).collect();
    let report = fuzz(target, kept, options.seed, Duration::from_secs(options.seconds), &mut before);
    tell(target, &report, &options.out)?;
    Ok(report.findings.is_empty())
}

fn tell(target: &Target, report: &Report, out: &Path) -> Result<(), Box<dyn Error>> {
    let Report { executions, outcomes, findings, kinds } = report;
    let mut kinds: Vec<(&String, &u64)> = kinds.iter().collect();
    kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let kinds: Vec<String> = kinds.iter().take(6).map(|(kind, count)| format!("{count} {kind}")).collect();
    println!(
        "{}: {executions} executions, {outcomes} outcomes ({}), {} findings",
        target.name,
        kinds.join(", "),
        findings.len()
    );
    for (number, finding) in findings.values().enumerate() {
        let file = out.join(format!("{}-{number}", target.name));
        fs::write(&file, &finding.input)?;
        println!("  `{}`: {}", file.display(), finding.what);
    }
    Ok(())
}
