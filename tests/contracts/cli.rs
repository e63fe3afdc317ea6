//! The command line: exit codes, and what is printed and what is not.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use testkit::ShopConfig;

/// A configuration whose secrets must not be printed.
fn shop() -> ShopConfig {
    ShopConfig::minimal("https://instance.test")
        .sections("[cookies]\nseal_keys = [\"CANARY-seal-key-of-thirty-two-bytes-\"]")
        .site("slas.client_secret = \"CANARY-client-secret\"")
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Tandem with these arguments and nothing in its environment.
fn tandem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[test]
fn check_of_a_valid_file_prints_so_and_exits_with_0() {
    let path = file("check-good.toml", &shop().text());
    let output = run(&mut tandem(&["check", "--config", path.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), format!("{} is valid (1 site)\n", path.display()));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn check_of_an_invalid_file_names_every_fault_and_exits_with_2() {
    let bad =
        shop().site("slas.organization_id = \"CANARY\"\nhost = [\"shop.test\"]").without("hosts");
    let path = file("check-bad.toml", &bad.text());
    let mut command = tandem(&["check", "--config", path.to_str().unwrap()]);
    command.env("TANDEM__SERVER__LISTEN", "everywhere");
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let at = path.display();
    for line in [
        "server.listen: must be an IP address and a port, like 127.0.0.1:8080 \
         (environment TANDEM__SERVER__LISTEN)\n"
            .to_owned(),
        format!("sites.0.slas.organization_id: must look like f_ecom_zzte_053 ({at})\n"),
        format!("sites.0.host: is not a key of Tandem ({at})\n"),
        format!(
            "sites.0.hosts: must be a list of host names, like [\"www.shop.example\"] ({at})\n"
        ),
    ] {
        assert!(text(&output.stderr).contains(&line), "{line}\nin\n{}", text(&output.stderr));
    }
    assert_eq!(text(&output.stderr).lines().count(), 4);
}

#[test]
fn a_missing_file_and_invalid_toml_are_faults_of_their_own() {
    let missing = run(&mut tandem(&["check", "--config", "no-such-file.toml"]));
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("--config: cannot be read: "));
    assert!(text(&missing.stderr).ends_with("(no-such-file.toml)\n"));
    let path = file("not-toml.toml", "[server\nlisten = 1");
    for command in ["check", "print-config", "serve"] {
        let output = run(&mut tandem(&[command, "--config", path.to_str().unwrap()]));
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(text(&output.stderr).starts_with("--config: is not TOML: "), "{command}");
    }
}

#[test]
fn attack_98_no_command_prints_a_secret() {
    let good = shop().text();
    let broken = good.replace("client-secret\"", "client-secret");
    let misspelt = good.replace("client_secret", "client_secrets").replace("seal_keys", "seal_key");
    for (name, config) in
        [("redacted", &good), ("redacted-broken", &broken), ("redacted-odd", &misspelt)]
    {
        let path = file(&format!("{name}.toml"), config);
        for command in ["print-config", "check", "serve"] {
            if name == "redacted" && command == "serve" {
                continue;
            }
            let output = run(&mut tandem(&[command, "--config", path.to_str().unwrap()]));
            let output = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert!(
                !output.is_empty() && !output.contains("CANARY"),
                "{name} {command}:\n{output}"
            );
        }
    }
}

#[test]
fn print_config_shows_effective_values_and_secret_sources() {
    let pointing = shop()
        .site("slas.client_secret = { file = \"/run/secrets/slas\" }")
        .sections("[cookies]\nseal_keys = [{ env = \"SEAL\" }, \"plain\"]");
    let path = file("print.toml", &pointing.text());
    let mut command = tandem(&["print-config", "--config", path.to_str().unwrap()]);
    command.env("TANDEM__SITES__REFARCH__BRIDGE__TIME", "on-demand");
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(0));
    let printed: toml::Table = text(&output.stdout).parse().unwrap();
    let site = &printed["sites"][0];
    assert_eq!(site["bridge"]["time"].as_str(), Some("on-demand"));
    assert_eq!(site["bridge"]["mode"].as_str(), Some("classic"), "a default");
    assert_eq!(site["slas"]["client_secret"]["file"].as_str(), Some("/run/secrets/slas"));
    assert_eq!(printed["cookies"]["seal_keys"][0]["env"].as_str(), Some("SEAL"));
    assert_eq!(printed["cookies"]["seal_keys"][1].as_str(), Some("***"));
    assert_eq!(printed["server"]["body_limit_bytes"].as_integer(), Some(16_384));
    assert!(!printed.contains_key("site"), "the defaults are part of each site");
}

#[test]
fn the_production_sample_is_valid_with_its_secrets() {
    let sample = include_str!("../../config/production.toml");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("production-secrets");
    std::fs::create_dir_all(&folder).unwrap();
    let path = file("production.toml", &sample.replace("/run/secrets", folder.to_str().unwrap()));
    let check = || tandem(&["check", "--config", path.to_str().unwrap()]);
    let _ = std::fs::remove_file(folder.join("slas-client-secret"));
    let without = run(&mut check());
    assert_eq!(without.status.code(), Some(2));
    for fault in [
        "cookies.seal_keys: the environment variable TANDEM_SEAL_KEY is not set",
        "sites.0.slas.client_secret: the file ",
    ] {
        assert!(text(&without.stderr).contains(fault), "{}", text(&without.stderr));
    }
    std::fs::write(folder.join("tandem-previous-seal-key"), "p".repeat(44) + "\n").unwrap();
    std::fs::write(folder.join("slas-client-secret"), "secret\n").unwrap();
    let with = run(check().env("TANDEM_SEAL_KEY", "k".repeat(44)));
    assert_eq!(with.status.code(), Some(0), "{}", text(&with.stderr));
}

#[test]
fn serve_with_an_invalid_file_exits_with_2_and_starts_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The port is in use: a started server would fail to bind and exit with 1.
    let config = shop().server(&format!("listen = \"{address}\"\ndrain = 1"));
    let path = file("serve-bad.toml", &config.text());
    let output = run(&mut tandem(&["serve", "--config", path.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "", "no log line");
    let expected = format!("server.drain: is not a key of Tandem ({})\n", path.display());
    assert_eq!(text(&output.stderr), expected);
    drop(listener);
}

#[test]
fn serve_on_a_port_in_use_exits_with_1() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = shop().server(&format!("listen = \"{address}\""));
    let path = file("serve-taken.toml", &config.text());
    let mut child = tandem(&["serve", "--config", path.to_str().unwrap()]);
    // With a shared port, this would serve for ever.
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(wait(&mut child), Some(1));
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stderr).starts_with("fatal: Address already in use"), "{output:?}");
}

#[test]
fn fault_52_serve_exits_with_0_on_sigterm_after_its_first_line() {
    use std::io::{BufRead as _, BufReader};
    let path = file("serve-good.toml", &shop().server("drain_delay_ms = 0").text());
    let mut child = tandem(&["serve", "--config", path.to_str().unwrap()]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(started["message"], "serving");
    let public: std::net::SocketAddr = started["public"].as_str().unwrap().parse().unwrap();
    std::net::TcpStream::connect(public).unwrap();
    let signal = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status();
    assert!(signal.unwrap().success());
    assert_eq!(wait(&mut child), Some(0));
}

/// The exit code, within ten seconds.
fn wait(child: &mut std::process::Child) -> Option<i32> {
    for _ in 0..1000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("the program did not exit");
}

#[test]
fn help_names_every_command_and_wrong_arguments_are_refused() {
    let help = run(&mut tandem(&["--help"]));
    assert_eq!(help.status.code(), Some(0));
    for word in ["serve", "check", "print-config", "--version"] {
        assert!(text(&help.stdout).contains(word), "{word}");
    }
    assert_eq!(text(&help.stdout).contains("sandbox"), cfg!(feature = "sandbox"));
    for arguments in [&["serve"][..], &["check", "--conf", "x"], &["bogus"]] {
        let output = run(&mut tandem(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("Usage"), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn only_our_own_environment_variables_must_be_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let odd = OsStr::from_bytes(b"\xff\xfe");
    let path = file("odd-variable.toml", &shop().text());
    let check = || tandem(&["check", "--config", path.to_str().unwrap()]);
    let other = run(check().env("LS_COLORS", odd).env(odd, "x"));
    assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
    let ours = run(check().env("TANDEM__SERVER__LISTEN", odd));
    assert_eq!(ours.status.code(), Some(2), "{}", text(&ours.stderr));
    assert!(text(&ours.stderr).contains("TANDEM__SERVER__LISTEN"), "{}", text(&ours.stderr));
}

#[test]
fn kind_19_a_closed_pipe_is_no_failure_and_a_full_disk_no_panic() {
    let good = file("closed-good.toml", &shop().text());
    let bad = file("closed-bad.toml", "[server]\nlisten = 1");
    let shell = |arguments: &str, path: &std::path::Path, to: &str| {
        let mut command = Command::new("sh");
        let script = format!("set +e; \"$0\" {arguments} {to}; echo \"code $?\" >&3");
        command.args(["-c", &format!("exec 3>&1; ( {script} ) | true")]);
        command.arg(env!("CARGO_BIN_EXE_tandem")).arg(path).env_clear();
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        let output = run(&mut command);
        let output = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!output.contains("panicked"), "{arguments} {to}: {output}");
        output.lines().find_map(|line| line.strip_prefix("code ")).map(str::to_owned)
    };
    for arguments in
        ["check --config \"$1\"", "print-config --config \"$1\"", "--help", "--version"]
    {
        assert_eq!(shell(arguments, &good, "").as_deref(), Some("0"), "{arguments}");
        assert_eq!(shell(arguments, &good, ">&- 2>&-").as_deref(), Some("0"), "{arguments}");
        shell(arguments, &good, ">/dev/full 2>&1");
    }
    let printed = shell("print-config --config \"$1\"", &good, ">/dev/full");
    assert_eq!(printed.as_deref(), Some("1"));
    for to in ["2>&1", ">&- 2>&-", ">/dev/full 2>&1"] {
        assert_eq!(shell("check --config \"$1\"", &bad, to).as_deref(), Some("2"), "{to}");
    }
}
