;; reason: link
;; says: is no function
(module (memory (export "_start") 1))
