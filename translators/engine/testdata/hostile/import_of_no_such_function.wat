;; reason: link
;; says: fd_explode
(module (import "wasi_snapshot_preview1" "fd_explode" (func)) (memory (export "memory") 1) (func (export "_start")))
