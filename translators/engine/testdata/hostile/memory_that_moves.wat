;; reason: exit code
;; says: code 8
;; Grows between two host calls and lets the host write at the new end: a stale view would lie outside.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (if (i32.ne (call $random_get (i32.const 65528) (i32.const 8)) (i32.const 0)) (then unreachable))
    (if (i32.ne (call $random_get (i32.const 65536) (i32.const 8)) (i32.const 21)) (then unreachable))
    (loop $next
      (drop (memory.grow (i32.const 16)))
      (if (call $random_get (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8)) (i32.const 8)) (then unreachable))
      (if (i64.eqz (i64.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8)))) (then unreachable))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
    (call $proc_exit (i32.const 8))))
