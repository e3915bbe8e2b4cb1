;; reason: invalid module
(component)
