use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// An output that treats each write as the test says.
struct ScriptedOutput {
    results: Receiver<Result<usize, ErrorKind>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for ScriptedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.results.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.written.lock().unwrap().extend_from_slice(&bytes[..most]);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    queue: Queue,
    dropped: Counter,
    results: Sender<Result<usize, ErrorKind>>,
    reports: Receiver<u64>,
    written: Arc<Mutex<Vec<u8>>>,
}

fn bench(capacity: usize) -> Bench {
    let (dropped, written) = (Counter::default(), Arc::default());
    let queue = Queue::with_capacity(capacity, dropped.clone());
    let ((results, scripted), (reporter, reports)) = (channel(), channel());
    let output = ScriptedOutput { results: scripted, written: Arc::clone(&written) };
    let log = queue.clone();
    let report = move |lines| {
        log.push(b"dropped\n");
        reporter.send(lines).unwrap();
    };
    queue.write_to(output, report).unwrap();
    Bench { queue, dropped, results, reports, written }
}

impl Bench {
    fn log(&self, line: &str) {
        self.queue.clone().write_all(line.as_bytes()).unwrap();
    }

    /// Everything that is written, once the queue is closed.
    fn text(self) -> String {
        drop(self.results);
        self.queue.close(LONG);
        assert!(self.queue.lock().closed);
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn lines_are_written_in_order_before_the_queue_is_closed() {
    let bench = bench(CAPACITY);
    let lines: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
    for line in &lines {
        bench.log(line);
    }
    let dropped = bench.dropped.clone();
    assert_eq!(bench.text(), lines.concat());
    assert_eq!(dropped.get(), 0);
}

#[test]
fn kind_19_a_blocked_output_blocks_no_caller_and_lines_that_do_not_fit_are_counted() {
    let bench = bench(100);
    for _ in 0..500 {
        bench.log("0123456789\n");
    }
    // Nine lines fit, and as many again when the thread has taken those.
    let dropped = bench.dropped.get();
    assert!((500 - 18..=500 - 9).contains(&dropped), "{dropped}");
    // The output works again, which is reported.
    bench.results.send(Ok(usize::MAX)).unwrap();
    assert_eq!(bench.reports.recv_timeout(LONG), Ok(dropped));
    let text = bench.text();
    let (reported, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| *line == "dropped");
    assert_eq!(reported.len(), 1);
    assert_eq!(lines.len() as u64 + dropped, 500);
    assert!(lines.iter().all(|line| *line == "0123456789"), "{text}");
}

#[test]
fn kind_19_an_output_that_stays_blocked_does_not_keep_the_process() {
    let bench = bench(100);
    bench.log("line\n");
    bench.queue.close(Duration::from_millis(50));
    bench.log("after\n");
    assert!(!bench.queue.lock().closed);
}

#[test]
fn kind_19_lines_that_cannot_be_written_are_counted_and_the_next_one_is_whole() {
    let bench = bench(CAPACITY);
    bench.log("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    // The disk is full within the second line.
    bench.results.send(Ok(11)).unwrap();
    bench.results.send(Err(ErrorKind::StorageFull)).unwrap();
    let mut waited = 0;
    while bench.dropped.get() < 2 {
        thread::sleep(RETRY);
        waited += 1;
        assert!(waited < 500, "no line is counted");
    }
    for error in [ErrorKind::Interrupted, ErrorKind::WouldBlock] {
        bench.results.send(Err(error)).unwrap();
    }
    bench.log("{\"d\":4}\n");
    bench.results.send(Ok(usize::MAX)).unwrap();
    bench.results.send(Ok(usize::MAX)).unwrap();
    assert_eq!(bench.reports.recv_timeout(LONG), Ok(2));
    assert_eq!(bench.dropped.get(), 2);
    assert_eq!(bench.text(), "{\"a\":1}\n{\"b\n{\"d\":4}\ndropped\n");
}
