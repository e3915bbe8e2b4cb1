;; reason: fuel
;; limits: {"fuel": 1000000}
(module (memory (export "memory") 1)
  (func $start (loop (br 0)))
  (start $start)
  (func (export "_start")))
