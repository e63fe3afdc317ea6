//! Debian's nginx as a plain reverse proxy, to compare with.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use testkit::free_address;

use crate::tandem::{Folder, Running, wait_until};

/// A running nginx.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    process: Running,
}

impl Nginx {
    /// Starts one worker before `upstream` by `command`, which is to end in the program's name.
    pub(crate) fn start(
        mut command: Command,
        folder: &Folder,
        upstream: SocketAddr,
    ) -> io::Result<Self> {
        let address = free_address();
        let root = folder.path("nginx");
        std::fs::create_dir_all(&root)?;
        let file = folder.write("nginx.conf", &config(address, upstream))?;
        let child =
            command.arg("-p").arg(&root).arg("-c").arg(&file).stdout(Stdio::null()).spawn()?;
        let process = Running(child);
        wait_until(|| TcpStream::connect(address).is_ok())?;
        Ok(Self { address, process })
    }

    /// The process ids of master and worker.
    pub(crate) fn ids(&self) -> io::Result<Vec<u32>> {
        let master = self.process.0.id();
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        let workers = children.split_whitespace().filter_map(|id| id.parse().ok());
        Ok(std::iter::once(master).chain(workers).collect())
    }
}

impl Drop for Nginx {
    /// The master is asked to leave, because it takes its worker with it.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.0.id().to_string()).status();
        let _ = self.process.0.wait();
    }
}

/// What a plain proxy needs, and nothing that would save it work: a line in a log for every
/// request, connections kept on both sides, buffers as they are by default.
fn config(address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        r#"
        daemon off;
        worker_processes 1;
        pid nginx.pid;
        error_log error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log access.log;
            client_body_temp_path body;
            proxy_temp_path proxied;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            keepalive_requests 1000000000;
            upstream platform {{
                server {upstream};
                keepalive 128;
                keepalive_requests 1000000000;
            }}
            server {{
                listen {address};
                large_client_header_buffers 4 16k;
                location / {{
                    proxy_pass http://platform;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $remote_addr;
                    proxy_set_header X-Forwarded-Proto $scheme;
                }}
            }}
        }}
        "#
    )
}
