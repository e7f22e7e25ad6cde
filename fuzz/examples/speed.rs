//! How long a Dockerfile of 10,000 lines takes: `cargo run --release --manifest-path fuzz/Cargo.toml --example speed`.

use std::time::Instant;

const HEAD: &str = "FROM debian:12 AS base\nARG V=1\nENV P=/usr/bin Q=\"x y\"\n";
const BLOCK: &str = "RUN --mount=type=cache,target=/c apt-get update \\\n    && apt-get install -y nginx \\\n# comment\n    curl\n\
                     COPY --chown=1:2 --link src/a src/b /app/\nENV A_${V}=x B=\"$P:/y z\" C='q'\nLABEL org.example.name=\"value $V\"\n\
                     WORKDIR /app/$V\nEXPOSE 80 443/tcp\nCMD [\"/bin/x\", \"--flag\"]\n";

fn main() {
    let mut text = String::from(HEAD);
    while text.lines().count() < 10_000 {
        text.push_str(BLOCK);
    }
    let mut best = [f64::MAX; 2];
    for _ in 0..50 {
        for (best, run) in best.iter_mut().zip([layerkit_fuzz::parse_only, layerkit_fuzz::report_only]) {
            let begin = Instant::now();
            run(text.as_bytes());
            *best = best.min(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!("{} lines: parsed in {:.1} ms, with checks and as data in {:.1} ms", text.lines().count(), best[0], best[1]);
}
