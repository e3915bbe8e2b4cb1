;; reason: memory
(module (memory (export "memory") 65535)
  (func (export "_start")))
