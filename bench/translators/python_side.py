"""The same module by Python's wasmtime package and wasmtime's own WASI: `python_side.py MODULE INPUT OUTPUT RUNS` prints
the microseconds of each run, a line a run. Input and output are files in memory, as that is what its WASI takes."""
import sys
import time

import wasmtime

engine = wasmtime.Engine()
module = wasmtime.Module.from_file(engine, sys.argv[1])
linker = wasmtime.Linker(engine)
linker.define_wasi()
for _ in range(int(sys.argv[4])):
    start = time.perf_counter()
    store = wasmtime.Store(engine)
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["command"]
    wasi.stdin_file = sys.argv[2]
    wasi.stdout_file = sys.argv[3]
    store.set_wasi(wasi)
    linker.instantiate(store, module).exports(store)["_start"](store)
    print(round((time.perf_counter() - start) * 1e6))
