//! Measures how fast a rule is replayed: `replay_bench [hosts] [days] [interval s]`, as one line of JSON.
//!
//! Each host has one table of 100 series; samples are made as they are taken in, so that what is measured is judging, not reading.

use rollcall_domain::alert::replay::Replay;
use rollcall_domain::context::Content;
use rollcall_domain::rule::stock::stock;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{ContentHash, Section, Timestamp};
use std::sync::Arc;
use std::time::Instant;

struct Table(ContentHash, Arc<Section>);

impl Content for Table {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        (*hash == self.0).then(|| Arc::clone(&self.1))
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>().expect("a number"));
    let (hosts, days) = (arguments.next().unwrap_or(1_000), arguments.next().unwrap_or(30));
    let interval = arguments.next().unwrap_or(60);
    let mut series = vec![Series { metric: "system.cpu.utilization".into(), attributes: Vec::new() }];
    series.extend((0..99).map(|n| Series { metric: format!("system.other.{n:02}"), attributes: Vec::new() }));
    series.sort();
    let position = series.iter().position(|one| one.metric == "system.cpu.utilization").expect("it is there");
    let section = Section::Series(series);
    let (hash, _) = section.clone().canonical().expect("a table");
    let table = Table(hash, Arc::new(section));
    let rule = stock().into_iter().find(|rule| rule.id.as_str() == "cpu_utilization").expect("a stock rule");
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    let begun = Instant::now();
    let (sets, incidents) = std::thread::scope(|scope| {
        let work = |worker: usize| {
            let (table, rule) = (&table, &rule);
            scope.spawn(move || {
                let (mut sets, mut incidents) = (0_u64, 0_usize);
                for host in (0..hosts).filter(|host| *host as usize % workers == worker) {
                    let mut replay = Replay::new(rule, None);
                    let mut set = SampleSet { table: table.0, at: Timestamp(0), values: vec![Some(0.5); 100] };
                    for n in 0..days * 86_400 / interval {
                        set.at = Timestamp(i64::from(n) * i64::from(interval) * 1_000);
                        // Busy for half an hour once a day, at another time on each host.
                        let busy = (n * interval + host * 37) % 86_400 < 1_800;
                        set.values[position] = Some(if busy { 0.99 } else { 0.3 });
                        replay.take(&set, table);
                    }
                    sets += replay.sets();
                    incidents += replay.episodes().len();
                }
                (sets, incidents)
            })
        };
        let threads: Vec<_> = (0..workers).map(work).collect();
        threads.into_iter().map(|thread| thread.join().expect("a worker")).fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    });
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "the result of a measurement")]
    {
        let rate = sets as f64 / seconds;
        println!(
            "{{\"hosts\":{hosts},\"days\":{days},\"interval_s\":{interval},\"sample_sets\":{sets},\"incidents\":{incidents},\"workers\":{workers},\"seconds\":{seconds:.2},\"sets_per_second\":{rate:.0}}}"
        );
    }
}
