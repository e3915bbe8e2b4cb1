//! Work without input or output: SipHash-like rounds, a sort, and a search for primes.
fn main() {
    let mut state = [0x736f_6d65u64, 0x646f_7261, 0x6c79_6765, 0x7465_6462];
    for i in 0..4_000_000u64 {
        state[0] = state[0].wrapping_add(state[1]);
        state[1] = state[1].rotate_left(13) ^ state[0];
        state[2] = state[2].wrapping_add(state[3]) ^ i;
        state[3] = state[3].rotate_left(16) ^ state[2];
        state[0] = state[0].rotate_left(32);
    }
    let mut list: Vec<u64> = (0..300_000u64).map(|i| (i ^ state[0]).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    list.sort_unstable();
    let mut sieve = vec![true; 2_000_000];
    let mut primes = 0u32;
    for i in 2..sieve.len() {
        if sieve[i] {
            primes += 1;
            let mut k = i * i;
            while k < sieve.len() {
                sieve[k] = false;
                k += i;
            }
        }
    }
    println!("{} {} {}", state[3], list[1000], primes);
}
