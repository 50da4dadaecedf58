//! A proxy in front of Postgres that cuts connections at an exact point.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The message that commits a transaction: its kind, its length, its text.
const COMMIT: &[u8] = b"Q\x00\x00\x00\x0bCOMMIT\x00";

/// Where the connections are cut. All of them are, at once, as when a server or a network goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// After so many bytes from the client.
    Sent(u64),
    /// After so many bytes from the server.
    Received(u64),
    /// Instead of sending the commit of that number, counted from 1.
    BeforeCommit(u64),
    /// Once the server has answered that commit, before the client hears of it.
    AfterCommit(u64),
}

/// What went through.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) commits: u64,
}

/// It serves until the test process ends.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    state: Mutex<State>,
}

struct State {
    cut: Cut,
    /// After the cut nobody is let in any more.
    stays_down: bool,
    is_cut: bool,
    traffic: Traffic,
    /// Both ends of every connection.
    open: Vec<TcpStream>,
}

impl Proxy {
    /// A proxy to the server of a Postgres URL.
    pub(crate) fn start(url: &str) -> Self {
        let url = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            cut: Cut::Never,
            stays_down: false,
            is_cut: false,
            traffic: Traffic::default(),
            open: Vec::new(),
        };
        let shared = Arc::new(Shared {
            server,
            state: Mutex::new(state),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                serving.connect(client);
            }
        });
        Self { port, shared }
    }

    /// The same database, through the proxy.
    pub(crate) fn through(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// Counts anew, and cuts at that point, once.
    pub(crate) fn cut(&self, cut: Cut, stays_down: bool) {
        let mut state = self.shared.state.lock().unwrap();
        state.cut = cut;
        state.stays_down = stays_down;
        state.is_cut = false;
        state.traffic = Traffic::default();
    }

    /// What went through since then, and whether it was cut.
    pub(crate) fn traffic(&self) -> (Traffic, bool) {
        let state = self.shared.state.lock().unwrap();
        (state.traffic, state.is_cut)
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let mut state = self.state.lock().unwrap();
        if state.is_cut && state.stays_down {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.server) else {
            return;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            state.open.push(stream.try_clone().unwrap());
        }
        drop(state);
        let ends = [
            (client.try_clone().unwrap(), server.try_clone().unwrap(), true),
            (server, client, false),
        ];
        for (from, to, is_client) in ends {
            let shared = Arc::clone(self);
            // A broken connection is what this is about.
            std::thread::spawn(move || shared.pump(from, to, is_client).unwrap_or_default());
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_client: bool) -> std::io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = from.read(&mut buffer)?;
            let mut state = self.state.lock().unwrap();
            if count == 0 {
                drop(state);
                return to.shutdown(Shutdown::Write);
            }
            let bytes = &buffer[..count];
            let allowed = state.admit(bytes, is_client);
            to.write_all(&bytes[..allowed])?;
            if allowed < count {
                state.cut_all();
            }
        }
    }
}

impl State {
    /// How many of these bytes may pass.
    fn admit(&mut self, bytes: &[u8], is_client: bool) -> usize {
        let commits = if is_client {
            bytes.windows(COMMIT.len()).filter(|window| *window == COMMIT).count() as u64
        } else {
            0
        };
        self.traffic.commits += commits;
        let (passed, limit) = match (is_client, self.cut) {
            (true, Cut::Sent(limit)) => (self.traffic.sent, limit),
            (false, Cut::Received(limit)) => (self.traffic.received, limit),
            _ => (0, u64::MAX),
        };
        let before = self.traffic;
        if is_client {
            self.traffic.sent += bytes.len() as u64;
        } else {
            self.traffic.received += bytes.len() as u64;
        }
        if self.is_cut {
            return bytes.len();
        }
        match self.cut {
            Cut::BeforeCommit(number) if commits > 0 && self.traffic.commits >= number => return 0,
            // The other connection only waits: what the server says now is the answer to that commit.
            Cut::AfterCommit(number) if !is_client && before.commits >= number => return 0,
            _ => {}
        }
        usize::try_from(limit.saturating_sub(passed))
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    }

    fn cut_all(&mut self) {
        self.is_cut = true;
        for stream in self.open.drain(..) {
            // One end may be gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
