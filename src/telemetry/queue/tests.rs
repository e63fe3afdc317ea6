use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// An output that does with each write what it is told.
struct Told {
    said: Receiver<Result<usize, ErrorKind>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Told {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let most = self.said.recv().unwrap_or(Ok(usize::MAX))?.min(octets.len());
        self.written.lock().unwrap().extend_from_slice(&octets[..most]);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    queue: Queue,
    lost: Counter,
    say: Sender<Result<usize, ErrorKind>>,
    reports: Receiver<u64>,
    written: Arc<Mutex<Vec<u8>>>,
}

fn bench(capacity: usize) -> Bench {
    let (lost, written) = (Counter::default(), Arc::default());
    let queue = Queue::with_capacity(capacity, lost.clone());
    let ((say, said), (heard, reports)) = (channel(), channel());
    let output = Told { said, written: Arc::clone(&written) };
    let log = queue.clone();
    let report = move |lines| {
        log.push(b"lost\n");
        heard.send(lines).unwrap();
    };
    queue.write_to(output, report).unwrap();
    Bench { queue, lost, say, reports, written }
}

impl Bench {
    fn log(&self, line: &str) {
        self.queue.clone().write_all(line.as_bytes()).unwrap();
    }

    /// What was written, once everything is.
    fn text(self) -> String {
        drop(self.say);
        self.queue.close(LONG);
        assert!(self.queue.lock().closed);
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn what_is_logged_is_written_in_order_before_the_end() {
    let bench = bench(CAPACITY);
    let lines: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
    for line in &lines {
        bench.log(line);
    }
    let lost = bench.lost.clone();
    assert_eq!(bench.text(), lines.concat());
    assert_eq!(lost.get(), 0);
}

#[test]
fn kind_19_a_blocked_output_holds_up_nobody_and_what_finds_no_room_is_counted() {
    let bench = bench(100);
    for _ in 0..500 {
        bench.log("0123456789\n");
    }
    // Nine lines have room, and as many again once the thread has taken those.
    let lost = bench.lost.get();
    assert!((500 - 18..=500 - 9).contains(&lost), "{lost}");
    // It works again, and says so.
    bench.say.send(Ok(usize::MAX)).unwrap();
    assert_eq!(bench.reports.recv_timeout(LONG), Ok(lost));
    let text = bench.text();
    let (said, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| *line == "lost");
    assert_eq!(said.len(), 1);
    assert_eq!(lines.len() as u64 + lost, 500);
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
fn kind_19_lines_that_cannot_be_written_are_counted_and_the_next_one_stands_alone() {
    let bench = bench(CAPACITY);
    bench.log("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    // A disk that fills up within the second line.
    bench.say.send(Ok(11)).unwrap();
    bench.say.send(Err(ErrorKind::StorageFull)).unwrap();
    let mut waited = 0;
    while bench.lost.get() < 2 {
        thread::sleep(RETRY);
        waited += 1;
        assert!(waited < 500, "nothing is counted");
    }
    for error in [ErrorKind::Interrupted, ErrorKind::WouldBlock] {
        bench.say.send(Err(error)).unwrap();
    }
    bench.log("{\"d\":4}\n");
    bench.say.send(Ok(usize::MAX)).unwrap();
    bench.say.send(Ok(usize::MAX)).unwrap();
    assert_eq!(bench.reports.recv_timeout(LONG), Ok(2));
    assert_eq!(bench.lost.get(), 2);
    assert_eq!(bench.text(), "{\"a\":1}\n{\"b\n{\"d\":4}\nlost\n");
}
