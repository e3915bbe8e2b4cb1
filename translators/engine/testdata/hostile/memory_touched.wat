;; reason: memory
(module (memory (export "memory") 1)
  (func (export "_start")
    (loop
      (memory.fill (i32.const 0) (i32.const 255) (i32.mul (memory.size) (i32.const 65536)))
      (br_if 0 (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
    (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    unreachable))
