//! Nagle's algorithm off for the connections to the database.
//!
//! sqlx 0.9 leaves it on. A COPY sends its last rows and then the few bytes that end it: these wait until the server has
//! acknowledged the rows, which it puts off for 40 ms. So each COPY took 40 ms, however short.
//! sqlx shows nobody its socket; so it is found among the descriptors of this process by the port that it is connected to.

#[cfg(target_os = "linux")]
use rustix::net::{getpeername, sockopt};
#[cfg(target_os = "linux")]
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Sets the option for every connection of this process to a server at `port`. Where the system does not allow it nothing
/// is lost but time.
#[cfg(target_os = "linux")]
pub(crate) fn set(port: u16) {
    let (Ok(this), Ok(open)) =
        (pidfd_open(getpid(), PidfdFlags::empty()), std::fs::read_dir("/proc/self/fd"))
    else {
        return;
    };
    for entry in open.flatten() {
        // Sockets only: to close a copy of a file's descriptor would give up locks on it.
        let is_socket = std::fs::read_link(entry.path())
            .is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let (true, Some(number)) = (is_socket, number) else { continue };
        // A second descriptor of the same socket, ours until the end of this round.
        let Ok(socket) = pidfd_getfd(&this, number, PidfdGetfdFlags::empty()) else { continue };
        let peer = getpeername(&socket).ok().flatten();
        let peer = peer.and_then(|peer| std::net::SocketAddr::try_from(peer).ok());
        if peer.is_some_and(|peer| peer.port() == port) {
            let _ = sockopt::set_tcp_nodelay(&socket, true);
        }
    }
}

/// Other systems have no such door.
#[cfg(not(target_os = "linux"))]
pub(crate) fn set(_port: u16) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_to_the_port_and_no_others_send_at_once() {
        let (ours, other) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let to_ours = TcpStream::connect(ours.local_addr().unwrap()).unwrap();
        let to_other = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        assert!(!to_ours.nodelay().unwrap(), "a fresh connection has Nagle's algorithm on");
        super::set(ours.local_addr().unwrap().port());
        assert!(to_ours.nodelay().unwrap());
        assert!(!to_other.nodelay().unwrap());
    }
}
