//! What a filter says aside, by `debug`, `stderr` and `halt_error`, goes to standard error as jq prints it.

use log::{Level, LevelFilter, Log, Metadata, Record};

pub fn print_to_stderr() {
    // Fails where there is a logger already, and this is the only one.
    if log::set_logger(&Printer).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

struct Printer;

impl Log for Printer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("jaq_std")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            match record.level() {
                Level::Debug => eprintln!("[\"DEBUG:\",{}]", record.args()),
                _ => eprint!("{}", record.args()),
            }
        }
    }

    fn flush(&self) {}
}
