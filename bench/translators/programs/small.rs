//! A small command: counts the words of its input.
use std::io::Read;

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("read");
    println!("{}", text.split_whitespace().count());
}
