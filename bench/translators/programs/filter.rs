//! Copies its input to its output in pieces of 64 KiB, upper case for lower case.
use std::io::{Read, Write};

fn main() {
    let mut buffer = vec![0u8; 64 * 1024];
    let mut input = std::io::stdin().lock();
    // Past the standard library's buffer, which looks for line ends.
    let mut output = unsafe { std::mem::ManuallyDrop::new(<std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(1)) };
    loop {
        let count = input.read(&mut buffer).expect("read");
        if count == 0 {
            return;
        }
        let part = &mut buffer[..count];
        part.make_ascii_uppercase();
        output.write_all(part).expect("write");
    }
}
