//! The image is built from stand-ins first: cargo wants a file for every target that it knows, and
//! the manifest of every workspace member.

const DOCKERFILE: &str = include_str!("../../Dockerfile");

#[test]
fn the_image_has_a_stand_in_for_every_benchmark() {
    let manifest = manifest();
    let line = DOCKERFILE.lines().find_map(|line| line.split_once("for bench in "));
    let (_, line) = line.expect("a loop over the benchmarks");
    let (names, _) = line.split_once(';').expect("the end of the list");
    let mut stand_ins: Vec<&str> = names.split_whitespace().collect();
    let benches = manifest["bench"].as_array().expect("benchmarks").iter();
    let mut benches: Vec<&str> = benches.filter_map(|bench| bench["name"].as_str()).collect();
    stand_ins.sort_unstable();
    benches.sort_unstable();
    assert_eq!(stand_ins, benches);
}

#[test]
fn the_image_has_the_manifest_of_every_workspace_member_and_no_more_of_it() {
    let manifest = manifest();
    let members = manifest["workspace"]["members"].as_array().expect("members").iter();
    let members = members.map(|member| member.as_str().expect("a path"));
    let copied: Vec<String> =
        members.map(|member| format!("COPY {member}/Cargo.toml {member}/Cargo.toml")).collect();
    let from_members = DOCKERFILE.lines().filter(|line| line.contains("crates"));
    let from_members = from_members.filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
    assert_eq!(from_members, copied);
    let ignored = include_str!("../../.dockerignore");
    assert!(ignored.lines().any(|line| line == "crates/*/src"), "{ignored}");
}

/// A member without a spelt-out path would need a stand-in for its library.
#[test]
fn every_workspace_member_spells_out_where_its_library_is() {
    for member in [
        include_str!("../../crates/sandbox/Cargo.toml"),
        include_str!("../../crates/testkit/Cargo.toml"),
    ] {
        let member: toml::Table = member.parse().unwrap();
        assert_eq!(member["lib"]["path"].as_str(), Some("src/lib.rs"));
    }
}

#[test]
fn the_image_is_built_without_the_simulator() {
    let builds = DOCKERFILE.lines().filter(|line| line.contains("cargo build"));
    let builds: Vec<&str> = builds.collect();
    assert_eq!(builds.len(), 2, "stand-ins, then the code: {builds:?}");
    for build in builds {
        assert!(build.contains("--locked --release --no-default-features"), "{build}");
    }
    let features = &manifest()["features"];
    assert_eq!(features["default"].as_array().unwrap().len(), 1);
    assert_eq!(features["sandbox"][0].as_str(), Some("dep:tandem-sandbox"));
}

fn manifest() -> toml::Table {
    include_str!("../../Cargo.toml").parse().expect("TOML")
}
