//! The image is built from stand-ins first: cargo wants a file for every target that it knows.

#[test]
fn the_image_has_a_stand_in_for_every_benchmark() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().expect("TOML");
    let dockerfile = include_str!("../../Dockerfile");
    let line = dockerfile.lines().find_map(|line| line.split_once("for bench in "));
    let (_, line) = line.expect("a loop over the benchmarks");
    let (names, _) = line.split_once(';').expect("the end of the list");
    let mut stand_ins: Vec<&str> = names.split_whitespace().collect();
    let benches = manifest["bench"].as_array().expect("benchmarks").iter();
    let mut benches: Vec<&str> = benches.filter_map(|bench| bench["name"].as_str()).collect();
    stand_ins.sort_unstable();
    benches.sort_unstable();
    assert_eq!(stand_ins, benches);
}
