//! A directory with certificates and a contexts file, nodes started in it, and the program
//! run there. The directory is kept if the test fails.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// The county whose node most tests speak to, and a township and another county.
pub const COUNTY: &str = "371122";
pub const TOWNSHIP: &str = "371122101";
pub const STRANGER: &str = "371121";

/// The longest wait for a node to serve or to stop.
const NODE_SECONDS_MAX: u64 = 60;

/// The directory.
pub struct Place {
    directory: Option<TempDir>,
}

/// What the program said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Its stdout, if it succeeded.
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its stdout as JSON, if it succeeded.
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.done()).unwrap()
    }
}

impl Place {
    /// With certificates for the county, the township and the other county.
    pub fn new() -> Self {
        let place = Self { directory: Some(tempfile::tempdir().unwrap()) };
        place.wuji(&["dev", "certificates", "--dir", "certificates", COUNTY, TOWNSHIP, STRANGER]).done();
        place
    }

    pub fn path(&self) -> &Path {
        self.directory.as_ref().unwrap().path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.at(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// `wuji` in the directory, to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wuji"));
        command.args(args).current_dir(self.path()).env("WUJI_CONTEXTS", "contexts.toml").env_remove("WUJI_CONTEXT");
        command
    }

    /// Runs `wuji` in the directory.
    pub fn wuji(&self, args: &[&str]) -> Said {
        self.wuji_with(args, "")
    }

    /// Runs `wuji` with something on its stdin.
    pub fn wuji_with(&self, args: &[&str], stdin: &str) -> Said {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that refuses its arguments reads none of it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Writes a node's configuration; `more` is put at the end of it.
    pub fn configure(&self, file: &str, code: &str, more: &str) {
        let parent = match code {
            COUNTY | STRANGER => "3711",
            _ => COUNTY,
        };
        // Nothing listens at the parent's address: the node works alone.
        self.write(
            file,
            format!(
                "code = \"{code}\"\nname = \"单位{code}\"\ndata_directory = \"data-{code}\"\nlisten = \"127.0.0.1:0\"\n\
                 parent = {{ code = \"{parent}\", address = \"https://127.0.0.1:9\" }}\n\
                 [tls]\nauthority = \"certificates/authority.pem\"\ncertificate = \"certificates/{code}.pem\"\n\
                 key = \"certificates/{code}.key\"\n[journal]\nsegment_mib = 1\n[log]\nlevel = \"warn\"\n{more}"
            ),
        );
    }

    /// Writes a contexts file: the county, at an address, with some operator's certificate.
    pub fn contexts(&self, file: &str, address: &str, operator: &str) {
        self.write(
            file,
            format!(
                "default = \"{COUNTY}\"\nauthority = \"certificates/authority.pem\"\n[contexts.{COUNTY}]\nname = \"莒县\"\n\
                 address = \"{address}\"\ncertificate = \"certificates/operator-{operator}.pem\"\n\
                 key = \"certificates/operator-{operator}.key\"\n"
            ),
        );
    }

    /// The county's node, configured, started, and in the contexts file.
    pub fn county(&self) -> Node {
        self.configure("county.toml", COUNTY, "");
        let node = self.start("county.toml");
        self.contexts("contexts.toml", &node.address, COUNTY);
        node
    }

    /// Starts a node and waits until it serves.
    pub fn start(&self, file: &str) -> Node {
        let log = self.at(&format!("{file}.log"));
        let mut child = self
            .command(&["node", "--config", file, "--stop-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let (tell, told) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let ready = told.recv_timeout(Duration::from_secs(NODE_SECONDS_MAX));
        let log_text = || fs::read_to_string(&log).unwrap();
        let ready = ready.unwrap_or_else(|error| panic!("the node of {file} is not ready: {error}\n{}", log_text()));
        let address = ready.split_whitespace().nth(2).unwrap_or_else(|| panic!("the node said {ready:?}")).to_owned();
        Node { child, address }
    }

    /// A node that must not start: what it says. It ends by itself, or would fail the test.
    pub fn refused_start(&self, args: &[&str]) -> Said {
        let args = [&["node", "--stop-with-stdin"], args].concat();
        self.wuji(&args)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.take().filter(|_| std::thread::panicking()) {
            eprintln!("kept for inspection: {}", directory.keep().display());
        }
    }
}

/// A running node; stopped when dropped.
pub struct Node {
    child: Child,
    /// `https://HOST:PORT`.
    pub address: String,
}

impl Node {
    /// Stops it in good order, as the end of its standard input does.
    pub fn stop(mut self) {
        drop(self.child.stdin.take());
        self.ended();
    }

    /// Stops it by a signal.
    pub fn stop_by(mut self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        self.ended();
    }

    fn ended(&mut self) {
        for _ in 0..NODE_SECONDS_MAX * 200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return assert!(status.success(), "the node ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the node did not stop within {NODE_SECONDS_MAX} s");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Fails only for a node that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
