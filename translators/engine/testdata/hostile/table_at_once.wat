;; reason: table
(module (memory (export "memory") 1) (table 200000 funcref)
  (func (export "_start")))
