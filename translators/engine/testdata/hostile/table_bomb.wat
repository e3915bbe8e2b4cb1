;; reason: trap
(module (memory (export "memory") 1) (table $t 1 funcref)
  (func (export "_start")
    (loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
    ;; What it got is no more than its limit.
    (if (i32.gt_u (table.size $t) (i32.const 10000)) (then (loop (br 0))))
    unreachable))
