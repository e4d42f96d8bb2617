//! Puts the library where a program will find it as the driver.

use std::io;
use std::path::{Path, PathBuf};

/// Names under which programs look for the driver.
const DRIVER: &[&str] = &["libcuda.so", "libcuda.so.1"];
/// Names under which they look for cuBLAS.
const CUBLAS: &[&str] = &["libcublas.so", "libcublas.so.12", "libcublas.so.13"];

/// The shared library that was built along with the running test: beside it, or a folder above.
pub fn library() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().skip(1).take(2).map(|folder| folder.join("libvirtual_cuda.so")).find(|path| path.is_file())
}

/// Make a folder of links with the driver's names (and cuBLAS's), to be put into `LD_LIBRARY_PATH` of a new process. The names lead to
/// one file, which loads as one image: driver and cuBLAS share their state. The folder must be a private one: a `libcuda.so` in a
/// folder that is searched anyway would hide a real GPU.
///
/// # Errors
/// Where the folder or a link cannot be made.
///
/// ```no_run
/// let library = virtual_cuda::install::library().expect("built by cargo");
/// let folder = std::env::temp_dir().join("virtual-gpu");
/// virtual_cuda::install::into(&library, &folder, true)?;
/// # std::io::Result::Ok(())
/// ```
#[cfg(unix)]
pub fn into(library: &Path, folder: &Path, cublas: bool) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let library = library.canonicalize()?;
    let names = DRIVER.iter().chain(if cublas { CUBLAS } else { &[] });
    for name in names {
        let link = folder.join(name);
        match std::os::unix::fs::symlink(&library, &link) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                // Another process may be doing the same: a link that is there and right will do.
                if link.canonicalize()? != library {
                    std::fs::remove_file(&link)?;
                    std::os::unix::fs::symlink(&library, &link)?;
                }
            }
            other => other?,
        }
    }
    Ok(())
}
