;; reason: fuel
;; limits: {"fuel": 1000000}
(module (memory (export "memory") 1)
  (func (export "_start") (loop (br 0))))
