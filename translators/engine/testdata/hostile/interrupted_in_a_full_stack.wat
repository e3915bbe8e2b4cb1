;; reason: deadline
;; Goes down until three quarters of the stack are used, and spins there: the clock calls the host from a deep stack.
(module (memory (export "memory") 1)
  (func $deep (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (loop (br 0))))
    (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "_start") (drop (call $deep (i32.const 4000)))))
