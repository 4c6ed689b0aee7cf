//! Where the cluster lies, and which user of the machine its server runs as.
//!
//! `data_dir/postgres` belongs to the program: locks, port, password and log. The server's own folder is `cluster` in
//! it. PostgreSQL refuses to run as root; then both are kept apart, because what root writes must not lie where the
//! server's user could put a link.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::{Error, at};

/// A user of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The places of one private cluster.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// The program's own: locks, port, password, log.
    pub(super) control: PathBuf,
    /// Where the cluster is, and the programs that were fetched for it.
    pub(super) home: PathBuf,
    /// Whom the server runs as, when it is not the program's own user.
    pub(super) user: Option<User>,
}

/// Makes `data_dir/postgres` and gives its full name.
pub(super) fn control(data_dir: &Path) -> Result<PathBuf, Error> {
    let control = data_dir.join("postgres");
    fs::create_dir_all(&control).map_err(at(&control))?;
    control.canonicalize().map_err(at(&control))
}

impl Folder {
    /// Finds the cluster's place, or chooses one. Only within a turn.
    pub(super) fn locate(control: PathBuf, elsewhere: &Path) -> Result<Self, Error> {
        let note = control.join("location");
        let named = match fs::read_to_string(&note) {
            Ok(text) => text.lines().find(|line| line.starts_with('/')).map(PathBuf::from),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(at(&note)(source)),
        };
        let is_named = named.is_some();
        let mut folder = Self { home: named.unwrap_or_else(|| control.clone()), control, user: None };
        if is_named && !folder.home.is_dir() {
            return Err(Error::Lost { missing: folder.home, named_by: note });
        }
        let root = rustix::process::geteuid().is_root();
        if folder.has_cluster() {
            folder.user = owner_of(&folder.cluster(), root)?;
            return Ok(folder);
        }
        if root {
            folder.user = Some(unprivileged_user()?);
        }
        if let Some(user) = folder.user
            && !is_named
            && !may_enter(&folder.control, user)?
        {
            folder.home = make_elsewhere(elsewhere, &folder.control)?;
        }
        Ok(folder)
    }

    /// The server's own folder (PGDATA).
    pub(super) fn cluster(&self) -> PathBuf {
        self.home.join("cluster")
    }

    pub(super) fn has_cluster(&self) -> bool {
        self.cluster().join("PG_VERSION").exists()
    }

    pub(super) fn log(&self) -> PathBuf {
        self.control.join("server.log")
    }

    /// The major version that made the cluster, when there is one.
    pub(super) fn cluster_major(&self) -> Result<Option<u32>, Error> {
        let path = self.cluster().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(at(&path)(source)),
        }
    }

    /// The port of the last start: kept, so that an address stays good over a restart.
    pub(super) fn port(&self) -> Option<u16> {
        fs::read_to_string(self.control.join("port")).ok()?.trim().parse().ok()
    }

    pub(super) fn keep_port(&self, port: u16) -> Result<(), Error> {
        write_private(&self.control.join("port"), &port.to_string())
    }

    /// The password of the cluster's only role, made before the cluster is.
    pub(super) fn password(&self) -> Result<String, Error> {
        let path = self.control.join("password");
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(at(&path)(source)),
        }
        if self.has_cluster() {
            return Err(Error::Lost { missing: path, named_by: self.cluster() });
        }
        let source = Path::new("/dev/urandom");
        let mut bytes = [0_u8; 24];
        fs::File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(at(source))?;
        let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&path, &password)?;
        Ok(password)
    }
}

/// Writes a small file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let aside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.create(true).truncate(true).write(true).mode(0o600).open(&aside).map_err(at(&aside))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at(&aside))?;
    fs::rename(&aside, path).map_err(at(path))
}

/// Whom a server of an existing cluster has to run as; `None` is the program's own user.
fn owner_of(cluster: &Path, root: bool) -> Result<Option<User>, Error> {
    let metadata = fs::metadata(cluster).map_err(at(cluster))?;
    let owner = User { uid: metadata.uid(), gid: metadata.gid() };
    if root && owner.uid != 0 {
        return Ok(Some(owner));
    }
    if owner.uid == rustix::process::geteuid().as_raw() && !root {
        return Ok(None);
    }
    Err(Error::OtherOwner { cluster: cluster.to_path_buf(), owner: owner.uid })
}

/// Where the server's user may not enter the data folder: a folder of its own, and a note in `control` that names it.
fn make_elsewhere(elsewhere: &Path, control: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(elsewhere).map_err(at(elsewhere))?;
    // A new name each time: after `rm -r data` the next start begins anew and does not meet the old cluster.
    let name = control.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let made = tempfile::Builder::new()
        .prefix(&format!("{}-", name.trim_start_matches('.')))
        .tempdir_in(elsewhere)
        .map_err(at(elsewhere))?
        .keep();
    let home = made.canonicalize().map_err(at(&made))?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).map_err(at(&home))?;
    let text = format!(
        "# Started by root: the server runs as a user who may not enter this folder. The database is in\n{}\n",
        home.display()
    );
    write_private(&control.join("location"), &text)?;
    Ok(home)
}

/// `postgres` when the machine has it, else `nobody`.
fn unprivileged_user() -> Result<User, Error> {
    let path = Path::new("/etc/passwd");
    let passwd = fs::read_to_string(path).map_err(at(path))?;
    ["postgres", "nobody"].into_iter().find_map(|name| find_user(&passwd, name)).ok_or_else(|| {
        at(path)(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "it has neither the user postgres nor nobody",
        ))
    })
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    let mut fields = passwd.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let found = fields.next()? == name;
        found.then_some(fields)
    })?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { uid, gid })
}

/// True when the mode bits let `user` pass through the folder and all above it.
fn may_enter(folder: &Path, user: User) -> Result<bool, Error> {
    for place in folder.ancestors() {
        let metadata = fs::metadata(place).map_err(at(place))?;
        let bit = if metadata.uid() == user.uid {
            0o100
        } else if metadata.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        if metadata.mode() & bit == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:7::/:/bin/sh\npostgres:x:101:104::/var:/bin/sh\nhalf:x\n";
        assert_eq!(find_user(passwd, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(find_user(passwd, "half"), None);
        assert_eq!(find_user(passwd, "nobody"), None);
    }

    #[test]
    fn a_folder_is_closed_when_one_above_it_is() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
        let stranger = User { uid: 4_000_000, gid: 4_000_000 };
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!may_enter(&inner, stranger).unwrap());
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(may_enter(&inner, stranger).unwrap());
    }
}
