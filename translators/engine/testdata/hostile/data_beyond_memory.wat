;; reason: trap
;; says: out of bounds memory access
(module (memory (export "memory") 1) (data (i32.const 65530) "too much for it")
  (func (export "_start")))
