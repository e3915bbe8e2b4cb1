// What a program does with files, streams and time. The same as files.go and files.c, with the same output.
//
// rustc --edition 2021 --target wasm32-wasip1 -C opt-level=z -C lto=fat -C codegen-units=1 -C panic=abort -C strip=symbols -o files.wasm files.rs
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

/// WASI's number; the standard library has no kind for it here.
const ENOTEMPTY: i32 = 55;

fn kind(error: io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "not found",
        ErrorKind::AlreadyExists => "exists",
        _ if error.raw_os_error() == Some(ENOTEMPTY) => "not empty",
        _ => "other",
    }
}

fn run() -> io::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    println!("args {}", args.join(","));
    println!("env {}", env::var("GREETING").unwrap_or_default());

    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    println!("stdin {} {}", input.len(), input.to_ascii_uppercase());

    fs::create_dir("/files/dir")?;
    File::create("/files/dir/a.txt")?.write_all(b"hello\n")?;
    OpenOptions::new().append(true).open("/files/dir/a.txt")?.write_all(b"world\n")?;
    print!("{}", fs::read_to_string("/files/dir/a.txt")?);
    println!("size {}", fs::metadata("/files/dir/a.txt")?.len());

    fs::rename("/files/dir/a.txt", "/files/dir/b.txt")?;
    let mut file = OpenOptions::new().read(true).write(true).open("/files/dir/b.txt")?;
    file.seek(SeekFrom::Start(6))?;
    let mut word = [0; 5];
    file.read_exact(&mut word)?;
    println!("seek {}", String::from_utf8_lossy(&word));
    file.set_len(5)?;
    drop(file);
    println!("cut {}", fs::read_to_string("/files/dir/b.txt")?);

    fs::create_dir("/files/dir/c")?;
    let mut names = Vec::new();
    for entry in fs::read_dir("/files/dir")? {
        let entry = entry?;
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    println!("list {}", names.join(" "));

    println!("open {}", kind(File::open("/files/missing").unwrap_err()));
    println!("mkdir {}", kind(fs::create_dir("/files/dir").unwrap_err()));
    println!("rmdir {}", kind(fs::remove_dir("/files/dir").unwrap_err()));
    println!("given {}", fs::read_to_string("/given/file")?);
    println!("write {}", File::create("/given/file").is_err());

    fs::remove_file("/files/dir/b.txt")?;
    fs::remove_dir("/files/dir/c")?;
    fs::remove_dir("/files/dir")?;
    println!("left {}", fs::read_dir("/files")?.count());

    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(10));
    println!("slept {}", start.elapsed() >= Duration::from_millis(10));
    io::stderr().write_all(b"done\n")
}

fn main() {
    if let Err(error) = run() {
        println!("error {error}");
        std::process::exit(1);
    }
    std::process::exit(7);
}
