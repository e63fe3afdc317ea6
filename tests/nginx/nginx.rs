//! Debian's nginx with the shipped recipe; only addresses are replaced in it.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tandem::clock::random;
use testkit::free_address;
use tokio::process::{Child, Command};

const RECIPE: &str = include_str!("../../config/nginx.conf");
const MISSING: &str = "this test needs nginx, and it is not installed. \
                       On Debian: apt-get update && apt-get install -y nginx-light";

/// A port that was free a moment ago may be taken by now; then another one is tried.
const ATTEMPTS: usize = 5;

/// The servers behind nginx.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    pub(crate) tandem: SocketAddr,
    pub(crate) head: SocketAddr,
    pub(crate) instance: SocketAddr,
    pub(crate) api: SocketAddr,
}

/// A running nginx. Dropping it kills the process.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    _process: Child,
}

impl Nginx {
    pub(crate) async fn start(behind: Behind) -> Self {
        for _ in 0..ATTEMPTS {
            if let Some(nginx) = Self::try_start(behind).await {
                return nginx;
            }
        }
        panic!("nginx did not start, {ATTEMPTS} times");
    }

    async fn try_start(behind: Behind) -> Option<Self> {
        let name = format!("nginx-{:016x}", u64::from_be_bytes(random()));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir(&folder).expect("a folder in the target directory");
        let address = free_address();
        let file = folder.join("nginx.conf");
        std::fs::write(&file, recipe(address, behind, &folder)).expect("a file in that folder");
        let mut process = Command::new(installed())
            .args(["-e", "stderr", "-p"])
            .arg(&folder)
            .arg("-c")
            .arg(&file)
            // One process, so that killing it ends them all.
            .args(["-g", "daemon off; master_process off; pid nginx.pid;"])
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("nginx starts");
        while TcpStream::connect(address).is_err() {
            if process.try_wait().expect("a child").is_some() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Some(Self { address, folder, _process: process })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn installed() -> PathBuf {
    let paths = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
    let found = paths.into_iter().map(PathBuf::from).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{MISSING}"))
}

/// The recipe with the addresses of the test, without TLS to the upstreams, and with its files in
/// `folder`.
fn recipe(address: SocketAddr, behind: Behind, folder: &Path) -> String {
    let Behind { tandem, head, instance, api } = behind;
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {folder}/{name};\n"))
        .concat();
    let mut recipe = RECIPE.to_owned();
    for (written, ours) in [
        ("http {\n", format!("http {{\n    access_log off;\n{temporary}")),
        ("listen 80;", format!("listen {address};")),
        ("server tandem.internal:8080;", format!("server {tandem};")),
        ("server pwa.internal:3000;", format!("server {head};")),
        ("server production-ecom.shop.example:443;", format!("server {instance};")),
        ("server kv7kzm78.api.commercecloud.salesforce.com:443;", format!("server {api};")),
        ("https://instance;", "http://instance;".to_owned()),
        ("https://api;", "http://api;".to_owned()),
    ] {
        assert!(recipe.contains(written), "the recipe has {written}");
        recipe = recipe.replace(written, &ours);
    }
    recipe
}
