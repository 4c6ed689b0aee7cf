//! A folder. `object_store` can do this too, but the names of its unfinished files are not hidden: readers of a folder
//! would take them in.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::{ExportError, layout};

/// Readers leave out names that begin with a dot.
const UNFINISHED: &str = ".chatledger-unfinished";

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

fn refused(path: &Path, error: &io::Error) -> ExportError {
    let next = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give this user the right to write there, or name another folder with --out"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room and run the same command again",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "name a folder with --out, not a file",
        _ => "check that the folder is there and can be written",
    };
    ExportError::Refused(format!("{}: {error}; {next}", path.display()))
}

impl Folder {
    pub(super) fn open(out: &str) -> Result<Self, ExportError> {
        let root = Path::new(out);
        fs::create_dir_all(root).map_err(|error| refused(root, &error))?;
        let root = root.canonicalize().map_err(|error| refused(root, &error))?;
        Ok(Self { root })
    }

    pub(super) fn name(&self) -> String {
        self.root.display().to_string()
    }

    pub(super) fn list(&self) -> Result<HashMap<String, u64>, ExportError> {
        let mut found = HashMap::new();
        self.walk(&self.root, "", &mut found)?;
        Ok(found)
    }

    /// Reads a folder of ours: at the root only what begins as ours does.
    fn walk(&self, folder: &Path, below: &str, found: &mut HashMap<String, u64>) -> Result<(), ExportError> {
        let failed = |error: io::Error| refused(folder, &error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A name that is no text is none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_file() && name.starts_with('.') && name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(failed)?;
            } else if kind.is_dir() && (!below.is_empty() || name.starts_with(layout::DATASET)) {
                self.walk(&entry.path(), &format!("{below}{name}/"), found)?;
            } else if kind.is_file() && !below.is_empty() {
                found.insert(format!("{below}{name}"), entry.metadata().map_err(failed)?.len());
            }
        }
        Ok(())
    }

    pub(super) fn begin(&self, path: &str) -> Result<File<'_>, ExportError> {
        let path = self.root.join(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(ExportError::Refused(format!("{} is no path of a file", path.display())));
        };
        fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
        let aside = folder.join(format!(".{}{UNFINISHED}", name.to_string_lossy()));
        let file = fs::File::create(&aside).map_err(|error| refused(&aside, &error))?;
        Ok(File { folder: self, file, aside, path, is_finished: false })
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), ExportError> {
        let path = self.root.join(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(&path, &error)),
            _ => {}
        }
        // Folders that are empty now go too; the first one that is not ends this.
        let mut folder = path.parent();
        while let Some(empty) = folder.filter(|folder| *folder != self.root) {
            if fs::remove_dir(empty).is_err() {
                break;
            }
            folder = empty.parent();
        }
        Ok(())
    }

    /// Makes the names below `folder`, up to the root, outlive a power cut.
    fn sync_names(&self, folder: &Path) -> io::Result<()> {
        for folder in folder.ancestors().take_while(|folder| folder.starts_with(&self.root)) {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// A file under a hidden name.
pub(super) struct File<'t> {
    folder: &'t Folder,
    file: fs::File,
    aside: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl File<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.file.write_all(bytes).map_err(|error| refused(&self.aside, &error))
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.file.sync_all().map_err(|error| refused(&self.aside, &error))?;
        fail::fail_point!("export.object_written", |_| std::process::abort());
        fs::rename(&self.aside, &self.path).map_err(|error| refused(&self.path, &error))?;
        self.is_finished = true;
        let folder = self.path.parent().unwrap_or(&self.folder.root);
        self.folder.sync_names(folder).map_err(|error| refused(folder, &error))
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // The next run takes it away otherwise.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_hidden_until_it_is_whole_and_leaves_nothing_when_given_up() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path().to_str().unwrap()).unwrap();
        let mut file = folder.begin("dataset=x/a.parquet").unwrap();
        file.write(b"half").unwrap();
        assert_eq!(names(&root.path().join("dataset=x")), [".a.parquet.chatledger-unfinished"]);
        drop(file);
        assert!(names(&root.path().join("dataset=x")).is_empty());
        let mut file = folder.begin("dataset=x/a.parquet").unwrap();
        file.write(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(root.path().join("dataset=x/a.parquet")).unwrap(), b"whole");
        assert_eq!(folder.list().unwrap(), HashMap::from([("dataset=x/a.parquet".to_owned(), 5)]));
    }

    #[test]
    fn a_listing_cleans_up_after_a_killed_run_and_leaves_what_others_put_there() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("dataset=x/date=1")).unwrap();
        fs::create_dir(root.path().join("notes")).unwrap();
        for name in
            ["dataset=x/date=1/.p.chatledger-unfinished", ".m.chatledger-unfinished", "notes/n", "top"]
        {
            fs::write(root.path().join(name), "x").unwrap();
        }
        let folder = Folder::open(root.path().to_str().unwrap()).unwrap();
        assert_eq!(folder.list().unwrap().len(), 0);
        assert_eq!(names(root.path()), ["dataset=x", "notes", "top"]);
        assert!(names(&root.path().join("dataset=x/date=1")).is_empty());
    }

    #[test]
    fn removing_takes_empty_folders_along_and_never_the_root() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path().to_str().unwrap()).unwrap();
        for path in ["dataset=x/date=1/p", "dataset=x/date=2/p"] {
            folder.begin(path).unwrap().finish().unwrap();
        }
        folder.remove("dataset=x/date=1/p").unwrap();
        folder.remove("dataset=x/date=1/p").unwrap();
        assert_eq!(names(&root.path().join("dataset=x")), ["date=2"]);
        folder.remove("dataset=x/date=2/p").unwrap();
        assert!(root.path().exists() && names(root.path()).is_empty());
    }

    #[test]
    fn what_is_no_folder_is_refused_with_the_next_step() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = Folder::open(file.join("below").to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("file/below") && error.contains("name a folder with --out"), "{error}");
    }
}
