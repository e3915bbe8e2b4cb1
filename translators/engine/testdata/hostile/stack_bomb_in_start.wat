;; reason: stack
(module (memory (export "memory") 1)
  (func $deep (call $deep) (call $deep))
  (start $deep)
  (func (export "_start")))
