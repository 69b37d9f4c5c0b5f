//! Network namespaces: machines of their own for a test, joined by a bridge that lies in a namespace as well.
//!
//! Nothing outside is touched: every address, route and iptables rule lives in a namespace that the test made, and goes
//! with it. What a killed test process left behind, the next one removes.

use rustix::process::{Pid, Signal, getpid, kill_process};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// The address of the bridge, where the control plane and the name server listen.
pub const HUB: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);

/// How namespaces of tests are named: this, the process, a number.
const PREFIX: &str = "remesh-";

/// The user id Envoy runs as: its own traffic is not captured (§4.3).
pub const ENVOY_UID: u32 = 1337;

/// A network namespace that is removed, with everything that runs in it, when it is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, with a loopback interface and nothing else.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_leftovers();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        run("ip", &["netns", "add", &name], "");
        let namespace = Self { name };
        fs::create_dir_all(namespace.etc()).expect("/etc/netns can be written");
        let etc = [("resolv.conf", format!("nameserver {HUB}\n")), ("hosts", "127.0.0.1 localhost\n".into())];
        for (file, text) in etc {
            fs::write(namespace.etc().join(file), text).expect("/etc/netns can be written");
        }
        namespace.ip("link set lo up\n");
        // As in a container: a gateway may listen on port 80 whoever it runs as.
        let ports = "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start";
        run("ip", &["netns", "exec", &namespace.name, "sh", "-c", ports], "");
        namespace
    }

    /// Makes one with a bridge at [`HUB`].
    pub fn hub() -> Self {
        let hub = Self::new();
        hub.ip(&format!("link add hub type bridge\naddr add {HUB}/16 dev hub\nlink set hub up\n"));
        hub
    }

    /// Joins a new namespace to this hub.
    pub fn join(&self, address: Ipv4Addr) -> Self {
        let joined = Self::new();
        let [.., third, fourth] = address.octets();
        let port = format!("pod-{third}-{fourth}");
        self.ip(&format!("link add {port} type veth peer name eth0 netns {}\n", joined.name));
        self.ip(&format!("link set {port} master hub\nlink set {port} up\n"));
        joined.ip(&format!("addr add {address}/16 dev eth0\nlink set eth0 up\nroute add default via {HUB}\n"));
        joined
    }

    /// Captures traffic as an ECS task with these `AppPorts` does (§4.1, §4.3): what comes in for one of them goes to
    /// port 15000, what the application sends out to port 15001, and what Envoy sends goes where it is sent.
    pub fn capture(&self, app_ports: &[u16]) {
        let ports: Vec<String> = app_ports.iter().map(u16::to_string).collect();
        let mut rules = String::from("*nat\n:APPMESH_INGRESS - [0:0]\n:APPMESH_EGRESS - [0:0]\n");
        if !ports.is_empty() {
            rules += &format!("-A APPMESH_INGRESS -p tcp -m multiport --dports {} ", ports.join(","));
            rules += "-j REDIRECT --to-ports 15000\n";
        }
        rules += &format!("-A APPMESH_EGRESS -m owner --uid-owner {ENVOY_UID} -j RETURN\n");
        rules += "-A APPMESH_EGRESS -d 169.254.170.2/32,169.254.169.254/32 -j RETURN\n";
        rules += "-A APPMESH_EGRESS -p tcp -j REDIRECT --to-ports 15001\n";
        rules += "-A PREROUTING -p tcp -m addrtype ! --src-type LOCAL -j APPMESH_INGRESS\n";
        rules += "-A OUTPUT -p tcp -m addrtype ! --dst-type LOCAL -j APPMESH_EGRESS\nCOMMIT\n";
        run("ip", &["netns", "exec", &self.name, "iptables-restore"], &rules);
    }

    /// A program that will run in here.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).kill_on_drop(true);
        command
    }

    /// Kills the processes in here that run a program, and says how many they were.
    pub fn kill(&self, program: &str) -> usize {
        let runs = |pid: &Pid| fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
        let pids =
            processes(&self.name).into_iter().filter(|pid| runs(pid).is_ok_and(|name| name.trim_end() == program));
        pids.filter(|pid| kill_process(*pid, Signal::KILL).is_ok()).count()
    }

    /// A program that will run in here as Envoy's user. It may read what its user may not, since the checkout can lie in
    /// a private folder, and it ends when this thread does.
    pub fn command_as_envoy(&self, program: impl AsRef<std::ffi::OsStr>) -> tokio::process::Command {
        let mut command = self.command("setpriv");
        let user = ENVOY_UID.to_string();
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--pdeathsig", "KILL"]);
        command.args(["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]).arg(program);
        command
    }

    /// Moves this thread in here; threads and processes that it starts from now on are in here as well.
    pub fn enter(&self) {
        let link = fs::File::open(PathBuf::from("/run/netns").join(&self.name)).expect("the namespace is there");
        let kind = rustix::thread::LinkNameSpaceType::Network;
        let moved = rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&link), Some(kind));
        moved.expect("root may enter a namespace");
    }

    fn ip(&self, batch: &str) {
        run("ip", &["-n", &self.name, "-batch", "-"], batch);
    }

    fn etc(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.name)
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Namespaces of test processes that are no more.
fn remove_leftovers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let root = rustix::process::geteuid().is_root();
        assert!(root, "tests with network namespaces run as root: start them as root, or leave them out by name");
        let names = fs::read_dir("/run/netns").into_iter().flatten().flatten();
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            if process.is_some_and(|process| !PathBuf::from("/proc").join(process).exists()) {
                remove(&name);
            }
        }
    });
}

/// Ends what runs in a namespace and removes it. Never fails: it also runs while a test is failing.
fn remove(name: &str) {
    for pid in processes(name) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
    let _ = fs::remove_dir_all(PathBuf::from("/etc/netns").join(name));
}

/// What runs in a namespace, but for this process.
fn processes(name: &str) -> Vec<Pid> {
    let pids = Command::new("ip").args(["netns", "pids", name]).output();
    let pids = pids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let pids = pids.split_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw));
    pids.filter(|pid| *pid != getpid()).collect()
}

/// Runs a program to its end with this input.
fn run(program: &str, arguments: &[&str], input: &str) {
    use std::io::Write;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; run `tests/run`"));
    child.stdin.take().expect("stdin is piped").write_all(input.as_bytes()).expect("the program reads its input");
    let output = child.wait_with_output().expect("the program ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}: {said}\n{input}", output.status);
}
