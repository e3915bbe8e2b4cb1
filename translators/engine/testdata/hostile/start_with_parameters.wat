;; reason: link
;; says: 1 parameters and 1 results
(module (memory (export "memory") 1) (func (export "_start") (param i32) (result i32) (local.get 0)))
