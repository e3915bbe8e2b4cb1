;; reason: trap
;; says: divide by zero
(module (memory (export "memory") 1)
  (func $start (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (start $start)
  (func (export "_start")))
